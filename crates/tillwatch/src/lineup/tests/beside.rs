//! What is scored beside the champion, and left out when time is short.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tillwatch_engine::Lane;
use tillwatch_records::Flags;
use tillwatch_scoring::Effort;
use tillwatch_sink::{MemorySink, ScoreEncoder};

use crate::lineup::reload::Look;
use crate::serve::deadline::Deadline;
use crate::serve::health::Health;
use crate::serve::metrics::Exporter;
use crate::test_support::lineup::{Place, score, score_with};

#[test]
fn shadows_are_written_beside_the_score_and_compared() {
    let place = Place::new();
    let mut running = place.start();
    let mut lane = running.assembly.lane(0);
    assert!(score(&mut lane, 0, 1).shadows.is_empty());
    place.write("lineup.toml", "champion = \"one\"\nshadows = [\"two\"]\n");
    assert_eq!(running.look(), Look::Taken);
    let count = |lane: &mut Lane, first, effort| {
        let scores = score_with(lane, first, 5, effort);
        running
            .metrics
            .count_scores(&scores, lane.models().lineup());
        scores
    };
    let scores = count(&mut lane, 1, Effort::Full);
    let mut json = Vec::new();
    ScoreEncoder::new(&scores, false).score(0, &mut json);
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["shadows"]["rules@2"], 0.001);
    assert_eq!(json["model"], "rules@1");
    let table = tillwatch_sink::scores_to_record_batch(&scores, false).unwrap();
    assert_eq!(
        table.column_by_name("shadow_rules@2").unwrap().null_count(),
        0
    );
    // `two` asks for three records in the hour, the champion for one: they differ on one row here.
    let found = running.metrics.comparisons();
    let recent = found[0].recent.unwrap();
    assert_eq!((found[0].rows, found[0].left_out), (5, 0));
    assert!((recent.agreement - 0.8).abs() < 1e-9, "{recent:?}");
    assert!(recent.difference > 0.0 && recent.stability > 0.0);

    let scores = count(&mut lane, 6, Effort::Reduced);
    assert!(scores.shadows[0].probabilities.is_empty());
    assert!(
        !scores.flags[0].contains(Flags::DEGRADED),
        "the score is whole"
    );
    let after = running.metrics.comparisons();
    assert_eq!((after[0].rows, after[0].left_out), (5, 5));
    assert_eq!(after[0].recent, Some(recent));
}

#[test]
fn a_late_batch_is_scored_by_rules_alone_and_says_so() {
    let place = Place::new();
    let model = "name = \"learnt\"\nversion = \"1\"\nkind = \"logistic\"\nartefact = \"a.toml\"\n\
                 inputs = [\"records_1h\"]\n";
    place.write("learnt/model.toml", model);
    place.write(
        "learnt/a.toml",
        "intercept = 5.0\n[[term]]\ninput = \"records_1h\"\ncoefficient = 1.0\n",
    );
    place.ensemble("both", &["one", "learnt"]);
    place.write("lineup.toml", "champion = \"both\"\nshadows = [\"two\"]\n");
    let running = place.start();
    let mut lane = running.assembly.lane(0);
    let mut deadline = Deadline::new(Duration::from_millis(50));
    let mut at_age = |age_ms, first| {
        let effort = deadline.effort(Duration::from_millis(age_ms), 4);
        let scores = score_with(&mut lane, first, 4, effort);
        deadline.learn(effort, 4, Duration::from_millis(20));
        running.metrics.count_effort(effort);
        running
            .metrics
            .count_scores(&scores, lane.models().lineup());
        let is_degraded = scores.flags[3].contains(Flags::DEGRADED);
        (
            scores.scores[3],
            is_degraded,
            scores.shadows[0].probabilities.len(),
        )
    };
    assert_eq!(at_age(0, 0), (999, false, 4));
    // Scoring took 20 ms for as many rows and is expected to take a quarter of that.
    assert_eq!(at_age(46, 4), (999, false, 0));
    assert_eq!(at_age(51, 8), (600, true, 0));
    assert_eq!(at_age(0, 12), (999, false, 4));
    let mut registry = Registry::default();
    let health = Health::new(Arc::default(), Arc::new(MemorySink::new()), Arc::default());
    let exporter = Exporter::new(Arc::clone(&running.metrics), Arc::new(health));
    registry.register_collector(Box::new(exporter));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "tillwatch_shortened_batches_total{effort=\"reduced\"} 1",
        "tillwatch_shortened_batches_total{effort=\"least\"} 1",
        "tillwatch_degraded_scores_total 4",
        "tillwatch_shadow_rows_total{model=\"rules@2\",outcome=\"scored\"} 8",
        "tillwatch_shadow_rows_total{model=\"rules@2\",outcome=\"left_out\"} 8",
        "tillwatch_model_info{model=\"both@1\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains("tillwatch_shadow_stability_index{model=\"rules@2\"}"));
}
