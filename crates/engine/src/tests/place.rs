//! What lanes are made of here, and records for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use parking_lot::Mutex;
use tillwatch_records::{KeySpec, RawBatch, ScoreBatch, TopicPartition};
use tillwatch_reference::ReferenceTable;
use tillwatch_scoring::{ModelFiles, ModelKinds};

use crate::{
    Assembly, Audit, CatalogText, Input, Lane, LineupFiles, LineupName, ModelOrigin, Parts,
    ReferenceData, StageText, Workspace,
};

/// Records of a terminal within an hour.
pub const TERMINAL: &str =
    "name = 'terminal'\n[[feature]]\nname = 'records_1h'\naggregate = 'count'\nwindow = '1h'";

/// Records of a card, and how busy the terminal is at which it is used.
pub const CARD: &str =
    "name = 'card'\n[[feature]]\nname = 'card_1h'\naggregate = 'count'\nwindow = '1h'
    [[feature]]\nname = 'busiest'\naggregate = 'max'\ncolumn = 'records_1h'\nwindow = '1h'";

/// A stage of the key `column`.
pub fn stage(name: &str, column: &str, catalog: &str) -> StageText {
    StageText {
        name: name.to_owned(),
        key: KeySpec::from_names(&[column]).unwrap(),
        catalog: CatalogText {
            origin: format!("{name}.toml"),
            text: catalog.to_owned(),
        },
    }
}

/// A model of one rule.
pub fn rule(version: &str, condition: &str) -> ModelOrigin {
    let description = format!(
        "name = \"rules\"\nversion = \"{version}\"\nkind = \"rules\"\nartefact = \"rules.toml\"\n"
    );
    let rules = format!(
        "prior = 0.001\n[[rule]]\ncode = \"MANY\"\nseverity = \"warning\"\nwhen = \"{condition}\"\n\
         probability = 0.6\nfeature = \"records_1h\"\nwords = \"a rule\"\n"
    );
    model(&description, &[("rules.toml", &rules)])
}

/// A model of these files.
pub fn model(description: &str, files: &[(&str, &str)]) -> ModelOrigin {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    ModelOrigin {
        origin: "a test".to_owned(),
        files: ModelFiles {
            description: description.to_owned(),
            files: files.collect(),
            members: BTreeMap::new(),
        },
    }
}

/// A line-up of one model.
pub fn lineup(champion: ModelOrigin) -> LineupFiles {
    LineupFiles {
        champion,
        ..LineupFiles::default()
    }
}

/// Lanes of terminals, scored by `champion`.
pub fn parts(champion: ModelOrigin) -> Parts {
    let stages = vec![stage("terminal", "terminal_id", TERMINAL)];
    Parts::new(stages, lineup(champion), ModelKinds::standard())
}

/// The same with a stage of cards after that of terminals.
pub fn chained(champion: ModelOrigin) -> Parts {
    let mut parts = parts(champion);
    parts.stages.push(stage("card", "card_token", CARD));
    parts
}

/// A reference table of terminals with the limit of terminal `1`.
pub fn limits(limit: i64) -> ReferenceData {
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let rows = RecordBatch::try_from_iter([
        ("terminal_id", Arc::new(StringArray::from(vec!["1"])) as _),
        ("limit", Arc::new(Int64Array::from(vec![limit])) as _),
    ]);
    ReferenceData {
        table: ReferenceTable::new(&rows.unwrap(), &key).unwrap(),
        key,
    }
}

/// Transactions of three terminals and four cards, one for each of `offsets`; every eleventh record
/// is broken.
pub fn records(offsets: std::ops::Range<i64>) -> RawBatch {
    let mut raw = RawBatch::new(TopicPartition::new("t", 3));
    for n in offsets {
        let json = format!(
            r#"{{"event_id":"e{n}","event_time":{},"terminal_id":"{}",
                "card_token":"c{}","amount_minor":{},"currency":"EUR"}}"#,
            1_700_000_000_000_i64 + n * 700,
            n % 3,
            n % 4,
            n * 10,
        );
        let end = if n % 11 == 10 { 20 } else { json.len() };
        raw.push(n, None, None, Some(&json.as_bytes()[..end]), []);
    }
    raw
}

/// The scores of raw records.
pub fn score(lane: &mut Lane, offsets: std::ops::Range<i64>) -> ScoreBatch {
    let raw = records(offsets);
    lane.process(Input::Raw(&raw), &mut Workspace::default(), &mut ())
        .unwrap()
        .scores
}

/// Everything that is told of a batch, a line for each row: two of the same text are the same to the bit.
pub fn show(scores: &ScoreBatch) -> String {
    let features = scores.features.columns().iter();
    let features: Vec<_> = features.map(AsArray::as_primitive::<Float64Type>).collect();
    let rows = (0..scores.len()).map(|row| {
        let value =
            |column: &&Float64Array| column.is_valid(row).then(|| column.value(row).to_bits());
        let features: Vec<Option<u64>> = features.iter().map(value).collect();
        format!(
            "{} {} {} {:x} {:?} {:?} {features:?}\n",
            scores.events.offsets[row],
            scores.emissions.keys.value(row),
            scores.scores[row],
            scores.probabilities[row].to_bits(),
            scores.flags[row],
            scores.reasons.row(row),
        )
    });
    rows.collect()
}

/// What an audit was told: topic, partition, offset, champion.
#[derive(Debug, Default)]
pub struct Told(pub Mutex<Vec<(String, i32, i64, String)>>);

impl Audit for Told {
    fn begun(&self, source: &TopicPartition, offset: i64, models: &LineupName) {
        let champion = models.champion.split('+').next().unwrap_or_default();
        let line = (
            source.topic.to_string(),
            source.partition,
            offset,
            champion.to_owned(),
        );
        self.0.lock().push(line);
    }
}

/// An assembly of `parts`.
pub fn assembly(parts: Parts) -> Assembly {
    Assembly::new(parts).unwrap()
}
