//! The shipped models on features of simulated records: `cargo bench --bench scoring`.
//!
//! One batch of one record is what a lane scores at low load, one of thousands what it scores when
//! busy. Scoring includes reasons, bands and alert bookkeeping.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up ends with a message"
)]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_records::{
    Column, FeatureBatch, KeySpec, Projection, RawBatch, RecordKind, TopicPartition,
};
use tillwatch_scoring::{
    InputScope, Lineup, ModelFiles, ModelKinds, ScoreContext, Scorer, ScoringSettings,
};
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings};

/// Records that pass before the batch that is scored, so that windows hold something.
const RECORDS_BEFORE: usize = 100_000;

/// A fleet small enough that these records are some hours of it.
const TERMINALS: u32 = 2_000;

/// A model with its inputs.
struct Case {
    scorer: Scorer,
    decoder: Decoder,
    lane: FeatureLane,
    fleet: Fleet,
    offset: i64,
}

impl Case {
    fn new(catalog: &str, model: &str) -> Result<Self, Box<dyn Error>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let catalog = Catalog::parse(&std::fs::read_to_string(root.join(catalog))?)?;
        let plan = Arc::new(Plan::compile(&catalog, &EngineSettings::default())?);
        let transaction = Projection::of_kind(RecordKind::Transaction);
        let scope = InputScope {
            catalog: catalog.name().to_owned(),
            catalog_version: plan.version().to_owned(),
            features: plan.feature_names().map(str::to_owned).collect(),
            columns: transaction.columns().to_vec(),
            ..InputScope::default()
        };
        let model = ModelKinds::standard().load(&files(&root.join(model))?, &scope)?;
        let lineup = Lineup::new(model, ScoringSettings::default(), Arc::new(scope))?;
        let lineup = Arc::new(lineup);
        let key = KeySpec::terminal();
        let columns = [Column::EventId, Column::EventTime]
            .into_iter()
            .chain(key.columns().iter().copied())
            .chain(plan.columns_needed())
            .chain(lineup.columns_needed());
        let projection = Arc::new(Projection::new(columns));
        let decode = DecodePlan::new(&DecodeSettings::default(), projection, &key)?;
        let fleet = Fleet::new(&SimulatorSettings {
            terminals: TERMINALS,
            fields: FieldSet::Full,
            ..SimulatorSettings::default()
        })?;
        let mut case = Self {
            scorer: Scorer::new(&lineup),
            decoder: Decoder::new(Arc::new(decode)),
            lane: FeatureLane::new(plan, key, 0),
            fleet,
            offset: 0,
        };
        for _ in 0..RECORDS_BEFORE / 1_000 {
            black_box(case.next(1_000));
        }
        Ok(case)
    }

    /// The next `records` of the fleet with their features.
    fn next(&mut self, records: usize) -> FeatureBatch {
        let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
        let mut payload = Vec::new();
        for _ in 0..records {
            payload.clear();
            let made = self.fleet.next(&mut payload);
            raw.push(
                self.offset,
                Some(made.arrival_ms),
                Some(&made.key),
                Some(&payload),
                [],
            );
            self.offset += 1;
        }
        self.lane.process(self.decoder.decode(&raw).events).unwrap()
    }
}

fn files(directory: &Path) -> Result<ModelFiles, Box<dyn Error>> {
    let mut model = ModelFiles {
        description: std::fs::read_to_string(directory.join("model.toml"))?,
        ..ModelFiles::default()
    };
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let name = name.to_string_lossy().into_owned();
            model.files.insert(name, std::fs::read(&path)?);
        }
    }
    Ok(model)
}

fn scoring(criterion: &mut Criterion) {
    const TERMINAL: &str = "models/features/card-present.toml";
    const JOB_W: &str = "models/features/job-w.toml";
    for (name, catalog, model) in [
        ("rules", TERMINAL, "models/terminal-rules"),
        ("lightgbm", TERMINAL, "models/terminal-gbdt"),
        ("logistic", JOB_W, "examples/job-w/model"),
    ] {
        let mut case = Case::new(catalog, model).unwrap_or_else(|error| {
            eprintln!("{model}: {error}");
            std::process::exit(1)
        });
        let mut group = criterion.benchmark_group(format!("scoring/{name}"));
        for records in [1, 256, 4096] {
            let batch = case.next(records);
            let scorer = &mut case.scorer;
            group.throughput(Throughput::Elements(records as u64));
            group.bench_function(BenchmarkId::new("batch", records), |bencher| {
                bencher.iter_batched(
                    || batch.clone(),
                    |batch| scorer.score(batch, &ScoreContext::default()),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, scoring);
criterion_main!(benches);
