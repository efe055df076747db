//! What tests of the whole share: a directory with everything that a configuration names, and records.

pub mod lineup;

use std::path::{Path, PathBuf};

use tillwatch_engine::{Input, Lane, Observer, Workspace};
use tillwatch_records::{RawBatch, ScoreBatch, TopicPartition};
use tillwatch_scoring::Effort;
use tillwatch_state_store::{CutHead, SourceMark};

/// What a test's cut at `source` says of itself.
pub fn cut_head(source: SourceMark, meaning: &str) -> CutHead {
    CutHead {
        sources: vec![source],
        meaning: meaning.to_owned(),
        models: "rules".to_owned(),
        made_by: "a test".to_owned(),
        made_at_ms: 0,
    }
}

/// A configuration of terminals with the catalog `catalog.toml`.
pub fn config(rest: &str) -> String {
    format!(
        r#"
[entity]
key = ["merchant_id", "terminal_id"]
[features]
catalog = "catalog.toml"
{rest}"#
    )
}

/// A catalog of one feature, which counts the records of an hour that `filter` lets through.
pub fn catalog(feature: &str, filter: Option<&str>) -> String {
    let filter = filter.map(|filter| format!("filter = \"{filter}\"\n"));
    let filter = filter.unwrap_or_default();
    format!(
        r#"
name = "small"
description = "Records of a terminal"
[[feature]]
name = "{feature}"
aggregate = "count"
window = "1h"
{filter}description = "Transactions within an hour"
"#
    )
}

/// The `model.toml` of a model of rules.
pub fn rules_model(version: &str) -> String {
    format!(
        "name = \"rules\"\nversion = \"{version}\"\nkind = \"rules\"\nartefact = \"rules.toml\"\n"
    )
}

/// The `rules.toml` of rules, each `(code, condition, probability)`, which name `feature`.
pub fn rules(feature: &str, rules: &[(&str, &str, f64)]) -> String {
    let mut text = "prior = 0.001\n".to_owned();
    for (code, when, probability) in rules {
        text.push_str(&format!(
            r#"[[rule]]
code = "{code}"
severity = "warning"
when = "{when}"
probability = {probability}
feature = "{feature}"
words = "a rule"
"#
        ));
    }
    text
}

/// A directory of its own.
pub struct Place(tempfile::TempDir);

impl Place {
    /// With these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file and the directories above it, as an editor does that keeps a file whole: another file is
    /// in its place, which a stamp tells apart where the file system's clock is too coarse to.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }
}

/// Asks for the same of every batch.
struct Asks(Effort);

impl Observer for Asks {
    fn effort(&mut self, _: usize) -> Effort {
        self.0
    }
}

/// Scores a transaction of a terminal for each of `offsets`, as one batch of partition 3.
pub fn score(
    lane: &mut Lane,
    offsets: std::ops::Range<i64>,
    (terminal, amount): (&str, i64),
    effort: Effort,
) -> ScoreBatch {
    let mut raw = RawBatch::new(TopicPartition::new("t", 3));
    for row in offsets {
        let time = 1_700_000_000_000 + row;
        let json = format!(
            r#"{{"event_id":"e{row}","event_time":{time},"acquirer_id":"a",
                "merchant_id":"m","terminal_id":"{terminal}","amount_minor":{amount},"currency":"EUR"}}"#
        );
        raw.push(row, None, None, Some(json.as_bytes()), []);
    }
    let processed = lane
        .process(
            Input::Raw(&raw),
            &mut Workspace::default(),
            &mut Asks(effort),
        )
        .unwrap();
    assert_eq!(processed.refusals.len(), 0);
    processed.scores
}
