//! What a record costs job W's features where there is more state, against where there is little:
//! `cargo bench --bench flat`.
//!
//! Both lanes take batches by turns and CPU time is compared pair by pair, so that whatever else
//! the machine does, and however fast it is just then, meets both.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up ends with a message"
)]

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::measurement::Measurement;
use job_w::lane;
use median::median;
use stream::{BATCH_RECORDS, Stream};
use tillwatch_feature_extraction::FeatureLane;

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "support/job_w.rs"]
mod job_w;
#[path = "support/median.rs"]
mod median;
#[path = "support/stream.rs"]
mod stream;

/// Pairs of batches.
const PAIRS: usize = 500;

fn main() {
    compare(
        "10,000 live records of each of 50 keys, against 10",
        lane(50, 10_000),
        lane(50, 10),
    );
    let (mut stream, lane_of_repeats) = lane(50, 10_000);
    stream.repeats = true;
    compare(
        "10,000 live records, where one record in ten repeats an earlier one, against no repeats",
        (stream, lane_of_repeats),
        lane(50, 10_000),
    );
    compare(
        "5 live records of each of 1,000,000 keys, against 1,000 keys",
        lane(1_000_000, 5),
        lane(1_000, 5),
    );
}

fn compare(what: &str, mut large: (Stream, FeatureLane), mut small: (Stream, FeatureLane)) {
    let pairs: Vec<_> = (0..PAIRS)
        .map(|_| (us_per_record(&mut large), us_per_record(&mut small)))
        .collect();
    let larges = pairs.iter().map(|(large, _)| *large);
    let smalls = pairs.iter().map(|(_, small)| *small);
    let ratios = pairs.iter().map(|(large, small)| large / small);
    println!(
        "{what}: {:.2} and {:.2} us of CPU per record, {:.2} x (medians)",
        median(larges),
        median(smalls),
        median(ratios),
    );
}

/// Of the lane's next batch.
fn us_per_record((stream, lane): &mut (Stream, FeatureLane)) -> f64 {
    let batch = stream.batch(BATCH_RECORDS);
    let time = CpuTime::new();
    let start = time.start();
    let features = lane.process(batch).unwrap();
    let taken_ns = time.end(start);
    black_box(features);
    taken_ns as f64 / 1000.0 / BATCH_RECORDS as f64
}
