//! Models that change while the binary runs.

use std::path::Path;

use serde_json::Value;
use tillwatch_testkit::broker::Mock;

use crate::support::{Instance, Setup, json, score_ids, succeed, tillwatch, wait_for};

const TAKEN: &str = "tillwatch_model_reloads_total{outcome=\"taken\"}";

/// A configuration whose models are in a line-up file beside it.
fn config(setup: &Setup, extra: &str) -> std::path::PathBuf {
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let lines = text.lines().map(|line| {
        if line.starts_with("champion") {
            format!("lineup = \"lineup.toml\"\naudit = \"audit.jsonl\"\n{extra}")
        } else {
            line.to_owned()
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    std::fs::write(&config, text).expect("it can be written again");
    config
}

fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn audit(setup: &Setup) -> Vec<Value> {
    let text = std::fs::read_to_string(setup.directory.path().join("audit.jsonl"));
    let text = text.expect("there is an audit");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

#[test]
fn a_promotion_and_its_roll_back_reach_a_running_process() {
    let names = Setup::new("", "swap", 2).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), "swap", 2);
    let config = config(&setup, "reload = \"off\"");
    let lineup = setup.directory.path().join("lineup.toml");
    let rules = models().join("terminal-rules");
    let written = format!("champion = {rules:?}\n");
    std::fs::write(&lineup, written).expect("it can be written");
    let change = |arguments: &[&Path]| {
        let mut command = tillwatch();
        command.arg("models").args(arguments).arg("--config");
        succeed(command.arg(&config))
    };

    let instance = Instance::start(&config);
    instance.wait_until_ready();
    setup.simulate(2_000, 1);
    setup.wait_until_scored();
    change(&[Path::new("promote"), &models().join("terminal-gbdt")]);
    assert_eq!(instance.metric(TAKEN), Some(0.0), "nobody looks");
    instance.signal("HUP");
    wait_for("the promoted model", || instance.metric(TAKEN) == Some(1.0));
    setup.simulate(2_000, 2);
    setup.wait_until_scored();
    change(&[Path::new("rollback")]);
    instance.signal("HUP");
    wait_for("the model before", || instance.metric(TAKEN) == Some(2.0));
    setup.simulate(2_000, 3);
    setup.wait_until_scored();
    assert!(instance.stop().0.success());

    let scores = setup.scores();
    assert_eq!((scores.len(), score_ids(&scores).len()), (6_000, 6_000));
    let of = |model: &str| {
        let scores = scores.iter().map(json);
        let name = format!("{model}@");
        let is_it = |score: &Value| {
            score["model"]
                .as_str()
                .is_some_and(|m| m.starts_with(&name))
        };
        scores.filter(is_it).count()
    };
    assert_eq!((of("terminal-rules"), of("terminal-gbdt")), (4_000, 2_000));
    let events: Vec<String> = audit(&setup)
        .iter()
        .map(|line| line["event"].as_str().unwrap_or_default().to_owned())
        .collect();
    let count = |event: &str| events.iter().filter(|found| *found == event).count();
    assert_eq!((count("in_force"), count("refused")), (3, 0));
    assert_eq!(count("begun"), 3 * 2, "each lane says where: {events:?}");
}
