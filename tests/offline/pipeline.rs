//! The binary end to end on a broker inside this process.

use std::collections::BTreeSet;

use serde_json::Value;
use tillwatch_testkit::broker::{Mock, TestRecord, committed, produce, read_all};

use crate::support::{
    Instance, SOON, Setup, header, json, position, score_ids, succeed, tillwatch, wait_for,
};

fn setup(topic: &str) -> (Mock, Setup) {
    let names = Setup::new("", topic, 2).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, 2);
    (mock, setup)
}

#[test]
fn every_record_is_scored_or_dead_lettered_and_committed() {
    let (_mock, setup) = setup("flow");
    setup.simulate(8_000, 1);
    let poison = (0..3).map(|n| TestRecord {
        partition: n % 2,
        payload: Some(format!("{{\"event_id\": {n}").into_bytes()),
        headers: vec![("trace".into(), Some(b"abc".to_vec()))],
        ..TestRecord::default()
    });
    produce(&setup.brokers, &setup.topic, poison).expect("records can be sent");
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    setup.wait_until_scored();

    let letters = setup.dead_letters();
    assert_eq!(letters.len(), 3);
    assert!(
        letters
            .iter()
            .all(|letter| header(letter, "trace") == "abc")
    );
    assert!(
        letters
            .iter()
            .all(|letter| header(letter, "tillwatch.reason") == "bad_json")
    );
    let scores = setup.scores();
    assert_eq!((scores.len(), score_ids(&scores).len()), (8_000, 8_000));
    let score = json(&scores[0]);
    for name in [
        "score_id",
        "event_id",
        "key",
        "score",
        "probability",
        "band",
        "model",
        "catalog",
    ] {
        assert!(!score[name].is_null(), "{name} is missing in {score}");
    }

    assert_eq!(instance.get("/healthz"), (200, "ok\n".into()));
    assert_eq!(instance.get("/readyz"), (200, "ok\n".into()));
    // The last acknowledgement may come after its score.
    wait_for("all scores to be acknowledged", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(8_000.0)
    });
    assert_eq!(
        instance.metric("tillwatch_dead_letters_total{reason=\"bad_json\"}"),
        Some(3.0)
    );
    assert!(instance.metric("tillwatch_end_to_end_latency_seconds_count") == Some(8_000.0));
    assert_eq!(instance.get("/nothing").0, 404);
    let (status, took) = instance.stop();
    assert!(status.success(), "{status}");
    assert!(took < SOON, "{took:?}");
    let offsets = committed(&setup.brokers, "flow-group", "flow", 2).expect("offsets");
    assert_eq!(offsets.iter().flatten().sum::<i64>(), 8_003);
}

#[test]
fn a_restart_goes_on_where_the_last_run_committed() {
    let (_mock, setup) = setup("restart");
    let config = setup.config("tillwatch.toml", "");
    setup.simulate(2_000, 1);
    let first = Instance::start(&config);
    setup.wait_until_scored();
    assert!(first.stop().0.success());
    setup.simulate(2_000, 2);
    let second = Instance::start(&config);
    setup.wait_until_scored();
    let scores = setup.scores();
    assert_eq!(
        scores.len(),
        4_000,
        "nothing is scored twice after an orderly stop"
    );
    // The second run has the memory of the first.
    let warming = scores
        .iter()
        .filter(|score| json(score)["flags"].to_string().contains("WARMING"));
    assert_eq!(warming.count(), 0);
    assert!(second.stop().0.success());
}

#[test]
fn a_crash_loses_nothing() {
    let (_mock, setup) = setup("crash");
    let config = setup.config("tillwatch.toml", "");
    setup.simulate(12_000, 1);
    let first = Instance::start(&config);
    wait_for("the first scores", || {
        first
            .metric("tillwatch_delivered_scores_total")
            .is_some_and(|n| n > 0.0)
    });
    first.kill();
    setup.simulate(2_000, 2);
    let second = Instance::start(&config);
    setup.wait_until_scored();
    assert_eq!(score_ids(&setup.scores()).len(), 14_000);
    assert!(second.stop().0.success());
}

#[test]
fn a_topic_that_is_made_again_gives_no_score_id_twice() {
    let mut before = BTreeSet::new();
    for _ in 0..2 {
        // Each has topics of its own under the same names.
        let (_mock, setup) = setup("again");
        let config = setup.config("tillwatch.toml", "");
        setup.simulate(3_000, 1);
        let first = Instance::start(&config);
        wait_for("the first scores", || {
            let delivered = first.metric("tillwatch_delivered_scores_total");
            delivered.is_some_and(|n| n > 0.0)
        });
        first.kill();
        let second = Instance::start(&config);
        setup.wait_until_scored();
        assert!(second.stop().0.success());
        let scores = setup.scores();
        let ids = score_ids(&scores);
        let named: BTreeSet<(String, String)> = scores
            .iter()
            .map(|score| (position(score), id_of(score)))
            .collect();
        assert_eq!((ids.len(), named.len()), (3_000, 3_000));
        assert!(ids.is_disjoint(&before), "{:?}", ids.first());
        let alerts = read_all(&setup.brokers, "again.alerts", 1).expect("alerts can be read");
        assert!(!alerts.is_empty());
        for alert in &alerts {
            assert!(ids.contains(&id_of(alert)), "{}", json(alert));
        }
        before = ids;
    }
}

fn id_of(score: &TestRecord) -> String {
    let score = json(score);
    score["score_id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn a_broker_that_goes_away_and_comes_back_loses_nothing() {
    let (mock, setup) = setup("outage");
    setup.simulate(3_000, 1);
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    mock.set_available(false).expect("the broker goes away");
    wait_for("the outage to be noticed", || {
        instance.get("/readyz").0 == 503
    });
    assert_eq!(instance.get("/healthz").0, 200);
    mock.set_available(true).expect("the broker comes back");
    setup.wait_until_scored();
    assert_eq!(score_ids(&setup.scores()).len(), 3_000);
    assert!(instance.stop().0.success());
}

#[test]
fn the_demo_accounts_for_every_record_and_finds_frauds() {
    let output =
        succeed(tillwatch().args(["demo", "--duration", "4s", "--rate", "5000", "--json"]));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let count = |name: &str| summary[name].as_u64().unwrap_or_default();
    assert!(count("produced") > 5_000, "{summary:#}");
    assert_eq!(
        count("produced"),
        count("scored") + count("dead_lettered"),
        "{summary:#}"
    );
    assert_eq!(
        count("dead_lettered"),
        count("broken_on_purpose"),
        "{summary:#}"
    );
    assert!(count("alerts") > 0, "{summary:#}");
}
