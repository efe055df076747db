//! Lanes with job W's catalog whose windows are full.

use std::hint::black_box;
use std::sync::Arc;

use tillwatch_feature_extraction::{Catalog, EngineSettings, FeatureLane, Plan};
use tillwatch_records::KeySpec;

use crate::stream::{BATCH_RECORDS, COLUMNS, Stream};

pub fn plan(catalog: &str) -> Arc<Plan> {
    let catalog = Catalog::parse(catalog);
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = tillwatch_records::units::ByteSize(4 << 30);
    let plan = catalog.and_then(|catalog| Plan::compile(&catalog, &settings));
    let plan = plan.unwrap_or_else(|error| {
        eprintln!("catalog of the bench: {error}");
        std::process::exit(1)
    });
    Arc::new(plan)
}

/// A stream of `live` records of each of `keys` keys in 24 hours, and a lane that has seen more
/// than a day of it.
pub fn lane(keys: u64, live: u64) -> (Stream, FeatureLane) {
    let plan = plan(include_str!("../../models/features/job-w.toml"));
    let mut lane = FeatureLane::new(plan, KeySpec::terminal(), 0);
    let mut stream = Stream::new(COLUMNS, keys, live);
    for _ in 0..keys * live * 5 / 4 / BATCH_RECORDS as u64 + 1 {
        black_box(lane.process(stream.batch(BATCH_RECORDS)).unwrap());
    }
    report(&lane);
    (stream, lane)
}

pub fn report(lane: &FeatureLane) {
    let stats = lane.stats();
    eprintln!(
        "{} keys: {} MiB of state, {} bytes per key",
        stats.keys,
        stats.state_bytes >> 20,
        stats.state_bytes / stats.keys.max(1),
    );
}
