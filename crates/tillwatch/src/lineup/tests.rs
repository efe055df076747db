use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tillwatch_records::{Flags, RawBatch, ScoreBatch, TopicPartition};
use tillwatch_scoring::Effort;
use tillwatch_sink::ScoreEncoder;

use super::reload::Look;
use super::*;
use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::core::Core;
use crate::deadline::Deadline;
use crate::lane::Lane;
use crate::metrics::{Exporter, Metrics};
use crate::models::{LineupArgs, PromoteArgs};
use crate::watch::{Occasion, Prepared};

const CONFIG: &str = r#"
[entity]
key = ["merchant_id", "terminal_id"]
[features]
catalog = "catalog.toml"
[models]
lineup = "lineup.toml"
audit = "audit.jsonl"
"#;

const CATALOG: &str = r#"
name = "small"
description = "Records of a terminal"
[[feature]]
name = "records_1h"
aggregate = "count"
window = "1h"
description = "Transactions within an hour"
"#;

const RULES: &str = r#"
prior = 0.001
[[rule]]
code = "MANY"
severity = "warning"
when = "CONDITION"
probability = 0.6
feature = "records_1h"
words = "many"
"#;

const LEARNER: &str = r#"
name = "learner"
version = "1"
kind = "half_space_trees"
artefact = "trees.toml"
inputs = ["records_1h"]
[calibration]
method = "platt"
slope = 1.0
intercept = -3.0
"#;

const TREES: &str = r#"
seed = 1
trees = 5
height = 4
window = 4
inputs = [{ name = "records_1h", low = 0.0, high = 100.0 }]
"#;

/// A configuration with everything it names, in a directory of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("tillwatch.toml", CONFIG);
        place.write("catalog.toml", CATALOG);
        place.rules("one", "1", "records_1h >= 1");
        place.rules("two", "2", "records_1h >= 3 AND amount_minor >= 0");
        place.write("lineup.toml", "champion = \"one\"\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As an editor does that keeps a file whole: the stamp tells apart what a coarse clock does not.
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    fn rules(&self, directory: &str, version: &str, condition: &str) {
        let model = format!(
            "name = \"rules\"\nversion = \"{version}\"\nkind = \"rules\"\nartefact = \"rules.toml\"\n"
        );
        self.write(&format!("{directory}/model.toml"), &model);
        let rules = RULES.replace("CONDITION", condition);
        self.write(&format!("{directory}/rules.toml"), &rules);
    }

    fn ensemble(&self, directory: &str, members: &[&str]) {
        let mut model = format!(
            "name = \"{directory}\"\nversion = \"1\"\nkind = \"ensemble\"\n[ensemble]\nmethod = \"max\"\n"
        );
        for member in members {
            model.push_str(&format!("[[ensemble.member]]\nmodel = \"../{member}\"\n"));
        }
        self.write(&format!("{directory}/model.toml"), &model);
    }

    fn start(&self) -> Running {
        let config = Config::load(&self.path("tillwatch.toml")).unwrap();
        let core = Arc::new(Core::load(&config).unwrap());
        let metrics = Arc::new(Metrics::default());
        metrics.set_models(&core.models().current());
        let reloader = Reloader::new(&core, &config.models, &metrics).unwrap();
        Running {
            core,
            metrics,
            reloader,
        }
    }

    fn lineup(&self) -> LineupArgs {
        LineupArgs {
            config: ConfigArgs {
                config: self.path("tillwatch.toml"),
            },
            stage: None,
        }
    }

    /// The lines of the audit file.
    fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("audit.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

struct Running {
    core: Arc<Core>,
    metrics: Arc<Metrics>,
    reloader: Reloader,
}

impl Running {
    /// Looks until the files have come to rest.
    fn look(&mut self) -> Look {
        match self.reloader.look(Occasion::Interval) {
            Look::Same => self.reloader.look(Occasion::Interval),
            other => other,
        }
    }

    fn champion(&self) -> String {
        self.core.versions().model.clone()
    }
}

/// Scores `count` transactions from the offset `first` on, as one batch.
fn score(lane: &mut Lane, first: i64, count: i64) -> ScoreBatch {
    score_with(lane, first, count, Effort::Full)
}

fn score_with(lane: &mut Lane, first: i64, count: i64, effort: Effort) -> ScoreBatch {
    let mut raw = RawBatch::new(TopicPartition::new("t", 3));
    for row in first..first + count {
        let time = 1_700_000_000_000 + row;
        let json = format!(
            r#"{{"event_id":"e{row}","event_time":{time},"acquirer_id":"a","merchant_id":"m","terminal_id":"1","amount_minor":5,"currency":"EUR"}}"#
        );
        raw.push(row, None, None, Some(json.as_bytes()), []);
    }
    let processed = lane.process(&raw, |_| (), |_| effort);
    assert_eq!(processed.refusals.len(), 0);
    processed.scores
}

#[test]
fn a_change_takes_effect_between_two_batches_and_says_where() {
    let place = Place::new();
    let mut running = place.start();
    let (mut one, mut other) = (running.core.lane(0), running.core.lane(0));
    let mut offsets = Vec::new();
    let mut versions = Vec::new();
    let mut next = 0;
    for step in 0..12 {
        let batch = score(&mut one, next, 7);
        next += 7;
        offsets.extend(batch.events.offsets.iter().copied());
        versions.push(batch.versions.model.clone());
        match step {
            3 => {
                place.write("lineup.toml", "champion = \"two\"\n");
                // A file that has just changed may change further.
                assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
            }
            4 => assert_eq!(running.reloader.look(Occasion::Interval), Look::Taken),
            8 => {
                place.write("lineup.toml", "champion = \"one\"\n");
                assert_eq!(running.look(), Look::Taken);
            }
            _ => assert_eq!(running.look(), Look::Same),
        }
    }
    assert_eq!(offsets, (0..84).collect::<Vec<_>>());
    let expected: Vec<&str> = (0..12)
        .map(|step| {
            if (5..9).contains(&step) {
                "rules@2"
            } else {
                "rules@1"
            }
        })
        .collect();
    assert_eq!(versions, expected);
    // A lane that had nothing to do meanwhile takes what is in force, once.
    assert_eq!(score(&mut other, 0, 1).versions.model, "rules@1");

    let lines = place.audit();
    let kinds: Vec<(&str, Option<i64>)> = lines
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["offset"].as_i64()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("in_force", None),
            ("begun", Some(0)),
            ("in_force", None),
            ("begun", Some(35)),
            ("in_force", None),
            ("begun", Some(63)),
            ("begun", Some(0)),
        ]
    );
    let change = &lines[2];
    assert_eq!(change["source"], "reload");
    let name = |side: &str| change[side]["champion"].as_str().unwrap().to_owned();
    assert!(name("from").starts_with("rules@1+") && name("to").starts_with("rules@2+"));
    assert!(change["changed"].to_string().contains("lineup.toml"));
    assert_eq!(
        (&lines[3]["topic"], &lines[3]["partition"]),
        (&"t".into(), &3.into())
    );
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(running.metrics.model_changes(), [2, 0]);
}

#[test]
fn what_cannot_be_used_is_refused_once_and_the_old_stays() {
    let place = Place::new();
    let mut running = place.start();
    let mut lane = running.core.lane(0);
    for (name, text, words) in [
        ("one/rules.toml", "prior = ", "rules.toml"),
        ("lineup.toml", "champion = \"none\"\n", "none/model.toml"),
        (
            "lineup.toml",
            "champion = \"one\"\nshare = 1\n",
            "unknown field `share`",
        ),
        (
            "lineup.toml",
            "champion = \"one\"\nshadows = [\"two\", \"two\"]\n",
            "two shadows",
        ),
    ] {
        let before = std::fs::read_to_string(place.path(name)).unwrap();
        place.write(name, text);
        assert_eq!(running.look(), Look::Refused, "{text}");
        assert_eq!(running.look(), Look::Same, "told once");
        let lines = place.audit();
        let last = lines.last().unwrap();
        assert_eq!(last["event"], "refused");
        let reason = last["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{reason}");
        assert_eq!(score(&mut lane, 0, 1).versions.model, "rules@1");
        // Asked by a person, the same is tried again.
        assert_eq!(running.reloader.look(Occasion::Asked), Look::Refused);
        assert_eq!(place.audit().last().unwrap()["source"], "signal");
        place.write(name, &before);
        assert_eq!(running.look(), Look::Same, "the models are the same again");
    }
    assert_eq!(running.metrics.model_changes(), [0, 8]);
    // An edited rule is another model, whatever its version says.
    place.rules("one", "1", "records_1h >= 2");
    assert_eq!(running.reloader.look(Occasion::Asked), Look::Taken);
    assert_eq!(running.champion(), "rules@1");
}

#[test]
fn a_half_written_directory_waits() {
    let place = Place::new();
    let mut running = place.start();
    place.write("one/rules.toml", "prior");
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
    place.rules("one", "3", "records_1h >= 2");
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Same);
    assert_eq!(running.reloader.look(Occasion::Interval), Look::Taken);
    assert_eq!(running.champion(), "rules@3");
    std::fs::remove_file(place.path("one/rules.toml")).unwrap();
    assert_eq!(running.look(), Look::Refused);
}

#[test]
fn members_of_an_ensemble_are_followed() {
    let place = Place::new();
    place.ensemble("both", &["one"]);
    place.write("lineup.toml", "champion = \"both\"\n");
    let mut running = place.start();
    place.rules("one", "1", "records_1h >= 2");
    assert_eq!(running.look(), Look::Taken);
}

#[test]
fn what_a_learner_knows_survives_a_change_of_what_is_beside_it() {
    let place = Place::new();
    place.write("learner/model.toml", LEARNER);
    place.write("learner/trees.toml", TREES);
    place.ensemble("first", &["one", "learner"]);
    place.ensemble("second", &["two", "learner"]);
    place.write("lineup.toml", "champion = \"first\"\n");
    let mut running = place.start();
    let mut lane = running.core.lane(0);
    let warming = |scores: &ScoreBatch| {
        let flags = scores.flags.iter();
        flags
            .filter(|flags| flags.contains(Flags::MODEL_WARMING))
            .count()
    };
    assert!(warming(&score(&mut lane, 0, 10)) > 0);
    let known = lane.scorer.learned();
    assert_eq!(known.len(), 1);
    place.write("lineup.toml", "champion = \"second\"\n");
    assert_eq!(running.look(), Look::Taken);
    let scores = score(&mut lane, 10, 1);
    assert_eq!(
        (scores.versions.model.as_str(), warming(&scores)),
        ("second@1", 0)
    );
    // The row after the change was learnt on top.
    let mut unchanged = running.core.lane(0);
    score(&mut unchanged, 0, 11);
    assert_eq!(lane.scorer.learned(), unchanged.scorer.learned());
    assert_ne!(lane.scorer.learned(), known);
    // Another learner begins anew.
    place.write("learner/trees.toml", &TREES.replace("seed = 1", "seed = 2"));
    let before = running.core.models().current();
    assert_eq!(running.look(), Look::Taken);
    // Made before either lane takes the line-up; what they knew is dropped where the line-up before is.
    let now = running.core.models().current();
    assert_eq!((now.waiting(), before.waiting()), ((2, 0), (0, 0)));
    assert_eq!(warming(&score(&mut lane, 11, 1)), 1);
    assert_eq!((now.waiting(), before.waiting()), ((1, 0), (0, 1)));
    drop(unchanged);
    assert_eq!(running.core.models().lanes(), 1);
}

#[test]
fn shadows_are_written_beside_the_score_and_compared() {
    let place = Place::new();
    let mut running = place.start();
    let mut lane = running.core.lane(0);
    assert!(score(&mut lane, 0, 1).shadows.is_empty());
    place.write("lineup.toml", "champion = \"one\"\nshadows = [\"two\"]\n");
    assert_eq!(running.look(), Look::Taken);
    let count = |lane: &mut Lane, first, effort| {
        let scores = score_with(lane, first, 5, effort);
        running.metrics.count_scores(&scores, &lane.in_force.lineup);
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
fn promotion_and_roll_back_rewrite_the_file() {
    let place = Place::new();
    let path = place.path("lineup.toml");
    place.write(
        "lineup.toml",
        "# Agreed with the fraud desk.\nchampion = \"one\"\nshadows = [\"two\"]\n\n# A ramp.\n[challenger]\nmodel = \"one\"\nshare = 0.5\n",
    );
    let mut running = place.start();
    let lineup = place.lineup();
    let promote = |name: &str| {
        commands::promote(&PromoteArgs {
            directory: place.path(name),
            lineup: lineup.clone(),
        })
    };
    promote("two").unwrap();
    let file = LineupFile::read(&path).unwrap();
    assert_eq!(file.champion, Path::new("two"));
    assert_eq!(file.previous, [Path::new("one")]);
    assert!(
        file.shadows.is_empty(),
        "the champion is no shadow of itself"
    );
    assert_eq!(file.challenger.as_ref().unwrap().share, 0.5);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# Agreed with") && text.contains("\n\n# A ramp.\n[challenger]"),
        "{text}"
    );
    assert_eq!(running.look(), Look::Taken);
    assert_eq!(running.champion(), "rules@2");

    let error = promote("two").unwrap_err();
    assert!(
        error.to_string().ends_with("is the champion already"),
        "{error}"
    );
    place.write("bad/model.toml", "name = \"bad\"\n");
    let before = std::fs::read(&path).unwrap();
    let error = promote("bad").unwrap_err();
    assert_eq!(error.to_string(), "the line-up is left as it was");
    assert_eq!(crate::exit::code(&error), crate::exit::MISCONFIGURED);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    commands::rollback(&lineup).unwrap();
    assert_eq!(running.look(), Look::Taken);
    assert_eq!(running.champion(), "rules@1");
    let error = commands::rollback(&lineup).unwrap_err();
    assert!(error.to_string().contains("`previous` is empty"), "{error}");
    let left = std::fs::read_dir(place.0.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().ends_with(".new")),
        "{left:?}"
    );

    place.write(
        "tillwatch.toml",
        &CONFIG.replace("lineup = \"lineup.toml\"", "champion = \"one\""),
    );
    let error = promote("two").unwrap_err();
    assert!(
        error.to_string().contains("lineup = \"lineup.toml\""),
        "{error}"
    );
}

#[test]
fn of_changes_at_the_same_time_none_is_lost() {
    let place = Place::new();
    let names: Vec<String> = (0..8).map(|n| format!("m{n}")).collect();
    for name in &names {
        place.rules(name, name, "records_1h >= 1");
    }
    std::thread::scope(|scope| {
        for name in &names {
            let args = PromoteArgs {
                directory: place.path(name),
                lineup: place.lineup(),
            };
            scope.spawn(move || commands::promote(&args).unwrap());
        }
    });
    let file = LineupFile::read(&place.path("lineup.toml")).unwrap();
    let mut all = file.previous;
    assert_eq!(all.remove(0), Path::new("one"));
    all.push(file.champion);
    all.sort();
    let expected: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    assert_eq!(all, expected);
    for _ in &names {
        commands::rollback(&place.lineup()).unwrap();
    }
    let file = LineupFile::read(&place.path("lineup.toml")).unwrap();
    assert_eq!(file.champion, Path::new("one"));
}

#[test]
fn history_is_bounded_and_far_directories_are_written_in_full() {
    let place = Place::new();
    let path = place.path("lineup.toml");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut file = LineupFile::read(&path).unwrap();
    for n in 0..20 {
        let directory = place.path(&format!("m{n}"));
        std::fs::create_dir(&directory).unwrap();
        file = file.promoted(&directory, &path).unwrap();
    }
    assert_eq!(file.previous.len(), 16);
    assert_eq!(file.previous.last().unwrap(), Path::new("m18"));
    let file = file.promoted(elsewhere.path(), &path).unwrap();
    assert_eq!(file.champion, elsewhere.path().canonicalize().unwrap());
}

#[test]
fn the_thread_follows_the_bell_alone_when_told_so() {
    let place = Place::new();
    place.write("tillwatch.toml", &format!("{CONFIG}reload = \"off\"\n"));
    let running = place.start();
    let prepared = Prepared::new();
    let bell = prepared.bell();
    let core = Arc::clone(&running.core);
    let watch = running.reloader.start(prepared).unwrap();
    place.write("lineup.toml", "champion = \"two\"\n");
    bell.ring();
    for _ in 0..2_000 {
        if core.versions().model == "rules@2" {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    drop(watch);
    assert_eq!(core.versions().model, "rules@2");
    let source = place.audit().last().unwrap()["source"].clone();
    assert_eq!(source, "signal");
}

#[test]
fn a_late_batch_is_scored_by_rules_alone_and_says_so() {
    let place = Place::new();
    let model = "name = \"learnt\"\nversion = \"1\"\nkind = \"logistic\"\nartefact = \"a.toml\"\ninputs = [\"records_1h\"]\n";
    place.write("learnt/model.toml", model);
    place.write(
        "learnt/a.toml",
        "intercept = 5.0\n[[term]]\ninput = \"records_1h\"\ncoefficient = 1.0\n",
    );
    place.ensemble("both", &["one", "learnt"]);
    place.write("lineup.toml", "champion = \"both\"\nshadows = [\"two\"]\n");
    let running = place.start();
    let mut lane = running.core.lane(0);
    let mut deadline = Deadline::new(Duration::from_millis(50));
    let mut at_age = |age_ms, first| {
        let effort = deadline.effort(Duration::from_millis(age_ms), 4);
        let scores = score_with(&mut lane, first, 4, effort);
        deadline.learn(effort, 4, Duration::from_millis(20));
        running.metrics.count_effort(effort);
        running.metrics.count_scores(&scores, &lane.in_force.lineup);
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
    registry.register_collector(Box::new(Exporter(Arc::clone(&running.metrics))));
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

#[test]
fn a_change_is_tried_on_the_last_rows_of_every_lane_first() {
    let place = Place::new();
    place.write("tillwatch.toml", &format!("{CONFIG}backtest_rows = 20\n"));
    let mut running = place.start();
    place.write("lineup.toml", "champion = \"two\"\n");
    assert_eq!(running.look(), Look::Taken);
    assert!(
        place.audit()[1].get("trial").is_none(),
        "nothing was scored yet"
    );
    let (mut one, mut gone) = (running.core.lane(0), running.core.lane(0));
    score(&mut gone, 0, 10);
    drop(gone);
    for batch in 0..10 {
        score(&mut one, 5 * batch, 5);
    }
    let mut other = running.core.lane(0);
    score(&mut other, 0, 4);
    place.rules("two", "3", "records_1h >= 4");
    assert_eq!(running.look(), Look::Taken);
    let lines = place.audit();
    let trial = &lines.last().unwrap()["trial"];
    // The first lane is long past four records an hour; the second reaches three on two rows, four on one.
    assert_eq!(trial["rows"], 24);
    assert_eq!(trial["rules"]["rules/MANY"], serde_json::json!([22, 21]));
    assert_eq!(trial["reviewed"], serde_json::json!([22, 21]));
    assert_eq!(trial["approved"], serde_json::json!([2, 3]));
}

#[test]
fn a_column_of_the_registry_that_is_not_joined_asks_for_a_restart() {
    let place = Place::new();
    place.write("terminals.csv", "merchant_id,terminal_id,model\nm,1,007\n");
    let config = format!("{CONFIG}[registry]\npath = \"terminals.csv\"\nreload = \"off\"\n");
    place.write("tillwatch.toml", &config);
    let mut running = place.start();
    place.rules("two", "2", "registry_model = '007'");
    place.write("lineup.toml", "champion = \"two\"\n");
    assert_eq!(running.look(), Look::Refused);
    let lines = place.audit();
    let reason = lines.last().unwrap()["reason"].as_str().unwrap();
    assert!(
        reason.contains("`registry_model`") && reason.ends_with("restart to join it"),
        "{reason}"
    );
    assert_eq!(
        score(&mut running.core.lane(0), 0, 1).versions.model,
        "rules@1"
    );
    // Started with it, both line-ups work.
    let mut restarted = place.start();
    let mut lane = restarted.core.lane(0);
    assert_eq!(score(&mut lane, 0, 1).scores, [600]);
    place.write("lineup.toml", "champion = \"one\"\n");
    assert_eq!(restarted.look(), Look::Taken);
    assert_eq!(score(&mut lane, 1, 1).versions.model, "rules@1");
}
