mod beside;
mod commands;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tillwatch_records::{Flags, ScoreBatch};
use tillwatch_scoring::Effort;

use super::reload::Look;
use super::*;
use crate::config::Config;
use crate::core::Core;
use crate::lane::Lane;
use crate::serve::metrics::Metrics;
use crate::test_support;
use crate::watch::{Occasion, Prepared};

const MODELS: &str = "[models]\nlineup = \"lineup.toml\"\naudit = \"audit.jsonl\"\n";

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

/// A configuration with everything it names.
struct Place(test_support::Place);

impl Place {
    fn new() -> Self {
        let place = Self(test_support::Place::new(&[
            ("tillwatch.toml", &test_support::config(MODELS)),
            ("catalog.toml", &test_support::catalog("records_1h", None)),
        ]));
        place.rules("one", "1", "records_1h >= 1");
        place.rules("two", "2", "records_1h >= 3 AND amount_minor >= 0");
        place.write("lineup.toml", "champion = \"one\"\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    /// Adds to the configuration.
    fn configure(&self, more: &str) {
        let config = test_support::config(&format!("{MODELS}{more}"));
        self.write("tillwatch.toml", &config);
    }

    fn rules(&self, directory: &str, version: &str, condition: &str) {
        let model = test_support::rules_model(version);
        self.write(&format!("{directory}/model.toml"), &model);
        let rules = test_support::rules("records_1h", &[("MANY", condition, 0.6)]);
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
    test_support::score(lane, first..first + count, ("1", 5), effort)
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
fn the_thread_follows_the_bell_alone_when_told_so() {
    let place = Place::new();
    place.configure("reload = \"off\"\n");
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
fn a_change_is_tried_on_the_last_rows_of_every_lane_first() {
    let place = Place::new();
    place.configure("backtest_rows = 20\n");
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
    // Ten of the twenty are for each lane, and the second has had four.
    assert_eq!(trial["rows"], 14);
    assert_eq!(trial["rules"]["rules/MANY"], serde_json::json!([12, 11]));
    assert_eq!(trial["reviewed"], serde_json::json!([12, 11]));
    assert_eq!(trial["approved"], serde_json::json!([2, 3]));
}

#[test]
fn challenger_and_shadows_are_tried_where_they_changed() {
    let place = Place::new();
    // On what the champion alone has decoded.
    place.rules("two", "2", "records_1h >= 3");
    let mut running = place.start();
    let mut lane = running.core.lane(0);
    score(&mut lane, 0, 10);
    let tried = |lineup: &str, running: &mut Running| {
        place.write("lineup.toml", lineup);
        assert_eq!(running.look(), Look::Taken);
        place.audit().last().unwrap()["trial"].clone()
    };
    let found = tried("champion = \"one\"\nshadows = [\"two\"]\n", &mut running);
    assert_eq!(found["rules"]["rules/MANY"], serde_json::json!([10, 10]));
    assert_eq!(found["others"].as_array().unwrap().len(), 1);
    let shadow = &found["others"][0];
    assert_eq!(
        (&shadow["role"], &shadow["model"]),
        (&"shadow".into(), &"rules@2".into())
    );
    assert_eq!(shadow["rules"]["rules/MANY"], serde_json::json!([0, 8]));
    assert_eq!(shadow["approved"], serde_json::json!([0, 2]));
    // The shadow as edited, beside a challenger; then that alone, and the shadow is as it was.
    place.rules("two", "3", "records_1h >= 4");
    place.rules("three", "4", "records_1h >= 6");
    let lineup =
        "champion = \"one\"\nshadows = [\"two\"]\n[challenger]\nmodel = \"three\"\nshare = 0.25\n";
    let found = tried(lineup, &mut running);
    let others = found["others"].as_array().unwrap();
    let fired = |other: &Value| (other["role"].clone(), other["rules"]["rules/MANY"].clone());
    assert_eq!(
        others.iter().map(fired).collect::<Vec<_>>(),
        [
            ("challenger".into(), serde_json::json!([0, 5])),
            ("shadow".into(), serde_json::json!([8, 7])),
        ]
    );
    place.rules("three", "5", "records_1h >= 7");
    let found = tried(lineup, &mut running);
    assert_eq!(found["others"].as_array().unwrap().len(), 1);
    assert_eq!(fired(&found["others"][0]).1, serde_json::json!([5, 4]));
}

#[test]
fn a_column_of_the_registry_that_is_not_joined_asks_for_a_restart() {
    let place = Place::new();
    place.write("terminals.csv", "merchant_id,terminal_id,model\nm,1,007\n");
    place.configure("[registry]\npath = \"terminals.csv\"\nreload = \"off\"\n");
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
