//! What snapshots cost a lane that scores: `cargo bench --bench snapshots`.
//!
//! `cuts`: a lane of job W with 1,000,000 keys, of which 1 % change from one cut to the next. CPU time of
//! cutting, storing and merging as a share of the interval between two cuts; what a cut adds to the p99 of
//! batches that come on time; the longest pause. For the last two, batches come ten times as fast as 1 % in
//! 30 s: cuts are ten times as dense, so that their p99 is an upper bound. Beside the longest pause stands
//! how long plain memory takes that was not read meanwhile: a virtual machine whose memory is taken away
//! while nobody uses it pays some milliseconds for a step of a cut, whatever reads it.
//!
//! `steady`: job W at full speed with 50,000 terminals, from raw records to scores. Two lanes take the same
//! batches by turns; one is cut every 30 s of its own time. What its threads beside it use is counted as
//! well. Reading and writing Kafka, which costs both the same, is left out: so the ratio is an upper bound.
//!
//! Cuts go in slices between batches, to threads and a store as `run` has them. Snapshots lie in the
//! system's directory for temporary files, `TMPDIR` names another one: some gigabytes. A short run:
//! `TILLWATCH_BENCH_KEYS=20000 TILLWATCH_BENCH_TERMINALS=2000 TILLWATCH_BENCH_INTERVAL=3`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that measures time and ends when something is wrong"
)]

#[path = "../support/cpu.rs"]
mod cpu;
mod cuts;
mod cutting;
#[path = "../support/fill.rs"]
#[expect(dead_code, reason = "the lane of `cuts` takes decoded records alone")]
mod fill;
mod keeper;
#[path = "../support/lanes.rs"]
mod lanes;
#[path = "../support/latencies.rs"]
mod latencies;
#[path = "../support/median.rs"]
mod median;
mod options;
mod plain;
#[path = "../support/raw.rs"]
mod raw;
mod report;
mod steady;
#[path = "../support/stored.rs"]
mod stored;
#[path = "../support/stream.rs"]
mod stream;

use clap::Parser;

use options::{Options, Part};

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let options = Options::parse();
    let cuts = options.has(Part::Cuts).then(|| cuts::measure(&options));
    let steady = options.has(Part::Steady).then(|| steady::measure(&options));
    report::print(&options, cuts.as_ref(), steady.as_ref());
}
