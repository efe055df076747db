//! The shipped catalogs and models: that they fit together, and that the rules tell the simulated
//! frauds from honest traffic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{Column, KeySpec, Projection, RawBatch, TopicPartition, Typology};
use tillwatch_scoring::{InputScope, Model, ModelFiles, Registry, Scorer, ScoringSettings};
use tillwatch_simulator::{Fleet, SimulatorSettings, TruthRecord};

use crate::{read, root};

/// Enough for a dozen frauds, few enough for a test.
const RECORDS: usize = 120_000;
const TERMINALS: u32 = 8_000;

fn plan(catalog: &str) -> (Catalog, Arc<Plan>) {
    let text = read(&root().join("models/features").join(catalog));
    let catalog = Catalog::parse(&text).unwrap_or_else(|error| panic!("{catalog}: {error}"));
    let plan = Plan::compile(&catalog, &EngineSettings::default()).expect("the plan is compiled");
    (catalog, Arc::new(plan))
}

fn scope(catalog: &Catalog, plan: &Plan) -> InputScope {
    InputScope {
        parts: Vec::new(),
        catalog: catalog.name().to_owned(),
        catalog_version: catalog.version().to_owned(),
        features: plan.feature_names().map(str::to_owned).collect(),
        columns: Column::ALL.to_vec(),
        joined: Vec::new(),
    }
}

fn model(name: &str, scope: &InputScope) -> Arc<dyn Model> {
    let directory = root().join("models").join(name);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&directory).expect("the model is there") {
        let path = entry.expect("a directory entry").path();
        let bytes = std::fs::read(&path).expect("a file of the model");
        let name = path.file_name().unwrap_or_default();
        files.insert(name.to_string_lossy().into_owned(), bytes);
    }
    let description = read(&directory.join("model.toml"));
    let files = ModelFiles { description, files };
    let loaded = Registry::standard().load(&files, scope);
    loaded.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_feature_says_what_it_is() {
    for catalog in ["card-present.toml", "terminal.toml", "job-w.toml"] {
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
    let (catalog, plan) = plan("terminal.toml");
    let scope = scope(&catalog, &plan);
    // Golden vectors are recomputed here.
    for name in ["terminal-rules", "terminal-gbdt"] {
        assert_eq!(model(name, &scope).info().name, name);
    }
}

/// Alerts by terminal and typology, with the event time of each.
type Alerts = HashMap<(String, Option<Typology>), Vec<i64>>;

fn alerts(fleet: &mut Fleet) -> Alerts {
    let (catalog, plan) = plan("terminal.toml");
    let scope = scope(&catalog, &plan);
    let rules = vec![model("terminal-rules", &scope)];
    let mut scorer =
        Scorer::new(rules, ScoringSettings::default(), &scope).expect("the settings are right");
    let key = KeySpec::terminal();
    let columns: BTreeSet<Column> = [Column::EventId, Column::EventTime]
        .into_iter()
        .chain(key.columns().iter().copied())
        .chain(plan.columns_needed())
        .chain(scorer.columns_needed())
        .collect();
    let projection = Arc::new(Projection::new(columns));
    let decode = DecodePlan::new(&DecodeSettings::default(), projection, &key);
    let mut decoder = Decoder::new(Arc::new(decode.expect("the columns can be decoded")));
    let mut lane = FeatureLane::new(plan, key, 0);
    let mut found = Alerts::new();
    let mut json = Vec::new();
    for first in (0..RECORDS).step_by(BATCH_RECORDS_MAX) {
        let mut raw = RawBatch::new(TopicPartition::new("transactions", 0));
        for offset in first..RECORDS.min(first + BATCH_RECORDS_MAX) {
            json.clear();
            fleet.next(&mut json);
            raw.push(offset as i64, None, None, Some(&json), []);
        }
        let scores = scorer.score(lane.process(decoder.decode(&raw).events));
        let times_ms = scores.events.event_times_ms().expect("times are decoded");
        for alert in &scores.alerts {
            let row = alert.row as usize;
            let place = (scores.keys.value(row).to_owned(), alert.typology);
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
