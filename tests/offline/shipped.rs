//! The shipped catalogs and models: that they fit together, and that the rules tell the simulated
//! frauds from honest traffic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field};
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{
    Column, KeySpec, Projection, RawBatch, ScoreBatch, TopicPartition, Typology,
};
use tillwatch_scoring::{
    InputScope, Lineup, LoadedModel, ModelFiles, ModelKinds, ScoreContext, Scorer, ScoringSettings,
};
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings, TruthRecord};

use crate::{read, root};

/// Enough for a dozen frauds, few enough for a test.
const RECORDS: usize = 120_000;
const TERMINALS: u32 = 8_000;

pub(crate) fn plan(catalog: &str) -> (Catalog, Arc<Plan>) {
    let text = read(&root().join("models/features").join(catalog));
    let catalog = Catalog::parse(&text).unwrap_or_else(|error| panic!("{catalog}: {error}"));
    let plan = Plan::compile(&catalog, &EngineSettings::default()).expect("the plan is compiled");
    (catalog, Arc::new(plan))
}

pub(crate) fn scope(catalog: &Catalog, plan: &Plan) -> InputScope {
    InputScope {
        parts: Vec::new(),
        words: BTreeMap::new(),
        catalog: catalog.name().to_owned(),
        catalog_version: catalog.version().to_owned(),
        features: plan.feature_names().map(str::to_owned).collect(),
        columns: Column::ALL.to_vec(),
        joined: Vec::new(),
    }
}

/// A model's directory, and those of an ensemble's members.
fn files(directory: &Path) -> ModelFiles {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("the model is there") {
        let path = entry.expect("a directory entry").path();
        let bytes = std::fs::read(&path).expect("a file of the model");
        let name = path.file_name().unwrap_or_default();
        files.insert(name.to_string_lossy().into_owned(), bytes);
    }
    let description = read(&directory.join("model.toml"));
    let paths = ModelFiles::member_paths(&description).expect("model.toml is right");
    let member = |path: String| (path.clone(), self::files(&directory.join(path)));
    ModelFiles {
        members: paths.into_iter().map(member).collect(),
        description,
        files,
    }
}

fn model(name: &str, scope: &InputScope) -> Arc<LoadedModel> {
    let files = files(&root().join("models").join(name));
    let loaded = ModelKinds::standard().load(&files, scope);
    loaded.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_feature_says_what_it_is() {
    for catalog in ["card-present.toml", "job-w.toml"] {
        for feature in plan(catalog).0.features() {
            assert!(
                !feature.description.is_empty(),
                "{catalog}: {}",
                feature.name
            );
        }
    }
}

#[test]
fn the_default_models_load_with_the_default_catalog() {
    let (catalog, plan) = plan("card-present.toml");
    let scope = scope(&catalog, &plan);
    // Golden vectors are recomputed here.
    for name in [
        "terminal-rules",
        "terminal-gbdt",
        "terminal-hst",
        "terminal-ensemble",
    ] {
        assert_eq!(model(name, &scope).info().name, name);
    }
}

#[test]
fn the_registry_rules_read_what_their_table_names() {
    let (catalog, plan) = plan("card-present.toml");
    let mut scope = scope(&catalog, &plan);
    let table = read(&root().join("models/README.md"));
    for (name, kind) in [
        ("known", DataType::Int64),
        ("hardware_serials", DataType::Utf8),
        ("app_versions", DataType::Utf8),
        ("lat", DataType::Float64),
        ("lon", DataType::Float64),
        ("is_mobile", DataType::Int64),
        ("open", DataType::Int64),
    ] {
        let is_derived = ["known", "open"].contains(&name);
        assert!(is_derived || table.contains(&format!("`{name}`")), "{name}");
        let field = Field::new(format!("registry_{name}"), kind, true);
        scope.joined.push(field);
    }
    assert_eq!(
        model("registry-rules", &scope).info().name,
        "registry-rules"
    );
}

/// Alerts by terminal and typology, with the event time of each.
type Alerts = HashMap<(String, Option<Typology>), Vec<i64>>;

/// The shipped catalog and rules, from JSON to scores.
pub struct Chain {
    decoder: Decoder,
    lane: FeatureLane,
    scorer: Scorer,
    offset: i64,
}

impl Chain {
    pub fn new() -> Self {
        let (catalog, plan) = plan("card-present.toml");
        let scope = scope(&catalog, &plan);
        let rules = model("terminal-rules", &scope);
        let lineup = Lineup::new(rules, ScoringSettings::default(), Arc::new(scope));
        let lineup = Arc::new(lineup.expect("the settings are right"));
        let key = KeySpec::terminal();
        let columns: BTreeSet<Column> = [Column::EventId, Column::EventTime]
            .into_iter()
            .chain(key.columns().iter().copied())
            .chain(plan.columns_needed())
            .chain(lineup.columns_needed())
            .collect();
        let projection = Arc::new(Projection::new(columns));
        let settings: DecodeSettings =
            toml::from_str("[record_type]\nfield = \"type\"").expect("settings");
        let decode = DecodePlan::new(&settings, projection, &key);
        Self {
            decoder: Decoder::new(Arc::new(decode.expect("the columns can be decoded"))),
            lane: FeatureLane::new(plan, key, 0),
            scorer: Scorer::new(&lineup),
            offset: 0,
        }
    }

    /// The columns that are decoded of `records`.
    pub fn columns(&mut self, records: &[String]) -> RecordBatch {
        let mut raw = RawBatch::new(TopicPartition::new("transactions", 0));
        for (record, offset) in records.iter().zip(0..) {
            raw.push(offset, None, None, Some(record.as_bytes()), []);
        }
        let decoded = self.decoder.decode(&raw);
        assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
        assert_eq!(
            decoded.unknown_codes.total(),
            0,
            "{:?}",
            decoded.unknown_codes
        );
        decoded.events.columns
    }

    /// Scores of `records`, which come next.
    pub fn score_all(&mut self, records: &[String]) -> ScoreBatch {
        let mut next = records.iter();
        self.score(records.len(), |json| {
            json.extend(next.next().map(String::as_bytes).unwrap_or_default());
        })
    }

    /// Scores of the next `records`, each written by `next`; one with a `type` is of that type.
    pub fn score(&mut self, records: usize, mut next: impl FnMut(&mut Vec<u8>)) -> ScoreBatch {
        let mut raw = RawBatch::new(TopicPartition::new("transactions", 0));
        let mut json = Vec::new();
        for _ in 0..records {
            json.clear();
            next(&mut json);
            raw.push(self.offset, None, None, Some(&json), []);
            self.offset += 1;
        }
        let decoded = self.decoder.decode(&raw);
        assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
        let features = self
            .lane
            .process(decoded.events)
            .expect("columns of one length");
        self.scorer.score(features, &ScoreContext::default())
    }
}

fn alerts(fleet: &mut Fleet) -> Alerts {
    let mut chain = Chain::new();
    let mut found = Alerts::new();
    for first in (0..RECORDS).step_by(BATCH_RECORDS_MAX) {
        let records = BATCH_RECORDS_MAX.min(RECORDS - first);
        let scores = chain.score(records, |json| {
            fleet.next(json);
        });
        let times_ms = scores.events.event_times_ms().expect("times are decoded");
        for alert in &scores.alerts {
            let row = alert.row as usize;
            let place = (scores.emissions.keys.value(row).to_owned(), alert.typology);
            found.entry(place).or_default().push(times_ms[row]);
        }
    }
    found
}

#[test]
fn rules_alert_on_frauds_and_not_on_honest_terminals() {
    let settings = SimulatorSettings {
        seed: 5,
        terminals: TERMINALS,
        fields: FieldSet::Full,
        ..Default::default()
    };
    let mut fleet = Fleet::new(&settings).expect("the settings are right");
    let alerts = alerts(&mut fleet);
    let attacked: BTreeSet<String> = fleet.truth().iter().map(TruthRecord::key).collect();
    for (key, typology) in alerts.keys() {
        assert!(
            attacked.contains(key),
            "a false alert of {typology:?} at {key}"
        );
    }
    // One that has hardly begun has nothing to show yet.
    let begun: Vec<_> = fleet
        .truth()
        .iter()
        .filter(|truth| truth.transactions >= 10)
        .collect();
    let detected = begun.iter().filter(|truth| {
        let times = alerts.get(&(truth.key(), Some(truth.typology)));
        times.is_some_and(|times| times.iter().any(|time| *time >= truth.start_ms))
    });
    let (detected, begun) = (detected.count(), begun.len());
    assert!(begun >= 8, "only {begun} frauds were simulated");
    assert!(
        detected * 10 >= begun * 8,
        "{detected} of {begun} frauds were detected"
    );
}
