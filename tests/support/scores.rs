//! Scores of a run that was interrupted, against those of one that was not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Instance, Scoring, Setup, json, wait_for};

/// A configuration with features in the scores and `extra` appended. Snapshots are kept beside it.
pub fn config(setup: &Setup, name: &str, extra: &str) -> PathBuf {
    let scoring = Scoring {
        with_features: true,
        ..Scoring::shipped()
    };
    setup.config_of(name, &scoring, extra)
}

/// The scores of the topic, by position. A position that came twice must have said the same.
pub fn live(setup: &Setup) -> BTreeMap<String, Value> {
    let mut scores = BTreeMap::new();
    for score in setup.scores().iter().map(json) {
        let id = score["score_id"].as_str().expect("it has an id").to_owned();
        let before = scores.insert(id.clone(), score.clone());
        assert!(
            before.is_none_or(|before| before == score),
            "{id} has two scores"
        );
    }
    scores
}

/// The scores that one uninterrupted run over the whole input gives, by position.
pub fn uninterrupted(setup: &Setup) -> BTreeMap<String, Value> {
    again(setup, &setup.config("again.toml", ""), "")
}

/// The scores that one uninterrupted run of what `config` says gives, with `extra` in place of all after its
/// sink, by position.
pub fn again(setup: &Setup, config: &Path, extra: &str) -> BTreeMap<String, Value> {
    let out = setup.directory.path().join("again");
    let text = fs::read_to_string(config).expect("it was written");
    let (before, _) = text.split_once("[sink]").expect("it has a sink");
    let again = format!(
        "{}[state]\nstore = \"off\"\n[sink]\nkind = \"jsonl\"\nfeatures = true\n[sink.file]\ndirectory = {out:?}\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n{extra}",
        before.replace("-group\"", "-again\"")
    );
    let config = setup.directory.path().join("again.toml");
    fs::write(&config, again).expect("a configuration can be written");
    let wanted = setup.expected_positions().len();
    let instance = Instance::start(&config);
    wait_for("every record to be scored again", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(wanted as f64)
    });
    assert!(instance.stop().0.success());
    let mut scores = BTreeMap::new();
    for entry in fs::read_dir(&out).expect("there are scores") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("scores") {
            for line in fs::read_to_string(&path).expect("a file").lines() {
                let score: Value = serde_json::from_str(line).expect("a score is JSON");
                let id = score["score_id"].as_str().expect("it has an id").to_owned();
                scores.insert(id, score);
            }
        }
    }
    scores
}

/// What was scored in pieces is what is scored at once.
pub fn compare(setup: &Setup) {
    let (live, whole) = (live(setup), uninterrupted(setup));
    assert_eq!(live.len(), whole.len());
    let differing: Vec<&String> = whole
        .keys()
        .filter(|id| live.get(*id) != whole.get(*id))
        .collect();
    let first = differing.first().map(|id| (id, &live[*id], &whole[*id]));
    assert!(
        first.is_none(),
        "{} of {} scores differ, the first is {first:#?}",
        differing.len(),
        whole.len()
    );
}
