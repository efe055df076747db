//! Features of job W and of the default models in steady state: `cargo bench --bench features`.
//!
//! Times are CPU time of the measuring thread. Every case starts with windows that are full: as
//! many records per key in the last 24 hours as its name says, keys drawn uniformly at random,
//! which is the worst case for the processor's caches.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up ends with a message"
)]

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::measurement::Measurement;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use job_w::{lane, plan, report};
use simulated::Simulated;
use stream::BATCH_RECORDS;
use tillwatch_feature_extraction::FeatureLane;
use tillwatch_records::{Entries, KeySpec};

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keys that a cut images between two batches.
const SLICE_KEYS: usize = 32;

#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "support/job_w.rs"]
mod job_w;
#[path = "support/raw.rs"]
mod raw;
#[path = "support/simulated.rs"]
mod simulated;
#[path = "support/stream.rs"]
mod stream;

fn features(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("features/job-w");
    group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
    for (name, keys, live) in [
        ("keys/1000", 1_000, 40),
        ("keys/50000", 50_000, 40),
        ("live_records/10", 50, 10),
        ("live_records/10000", 50, 10_000),
        ("few_records/1000", 1_000, 5),
        ("few_records/1000000", 1_000_000, 5),
    ] {
        let parameter = BenchmarkId::from_parameter(name);
        // A million keys take a while to fill: only where they are asked for.
        let mut filled = None;
        group.bench_function(parameter, |bencher| {
            let (stream, lane) = filled.get_or_insert_with(|| lane(keys, live));
            bencher.iter_batched(
                || stream.batch(BATCH_RECORDS),
                |batch| lane.process(batch),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// The catalog of the default models on a simulated fleet, after a simulated day of about 40 records a
/// terminal.
fn card_present(criterion: &mut Criterion<CpuTime>) {
    const TERMINALS: u32 = 50_000;
    const ACTIVITY: f64 = 0.25;
    let mut group = criterion.benchmark_group("features/card-present");
    group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
    let mut filled = None;
    group.bench_function(BenchmarkId::from_parameter("keys/50000"), |bencher| {
        let (stream, lane) = filled.get_or_insert_with(|| {
            let catalog = include_str!("../models/features/card-present.toml");
            let plan = plan(catalog);
            let stream = Simulated::new(&plan, TERMINALS, ACTIVITY);
            let mut stream = stream.unwrap_or_else(|error| {
                eprintln!("fleet of the bench: {error}");
                std::process::exit(1)
            });
            let mut lane = FeatureLane::new(plan, KeySpec::terminal(), 0);
            for _ in 0..u64::from(TERMINALS) * 40 / BATCH_RECORDS as u64 {
                black_box(lane.process(stream.batch(BATCH_RECORDS)).unwrap());
            }
            report(&lane);
            (stream, lane)
        });
        bencher.iter_batched(
            || stream.batch(BATCH_RECORDS),
            |batch| lane.process(batch),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What a lane pays for cuts, with a million keys that have been written once: nothing is followed, touched
/// keys are followed, a cut begins, and keys are imaged between two batches.
fn cuts(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("cuts/job-w");
    let mut filled = None;
    let mut run = |name: &str, is_followed: bool| {
        group.throughput(Throughput::Elements(BATCH_RECORDS as u64));
        group.bench_function(name, |bencher| {
            let (stream, lane) = filled.get_or_insert_with(|| lane(1_000_000, 5));
            if is_followed {
                write_all(lane);
            }
            bencher.iter_batched(
                || stream.batch(BATCH_RECORDS),
                |batch| lane.process(batch),
                BatchSize::PerIteration,
            );
        });
    };
    run("not_followed/1000000", false);
    run("followed/1000000", true);
    // A batch touches about as many keys as it has records, so each cut has some sixteen slices.
    let mut step = |name: &str, is_begin: bool| {
        group.throughput(Throughput::Elements(if is_begin {
            1
        } else {
            SLICE_KEYS as u64
        }));
        group.bench_function(name, |bencher| {
            let (stream, lane) = filled.get_or_insert_with(|| lane(1_000_000, 5));
            write_all(lane);
            let (mut part, mut entries) = (Vec::new(), Entries::default());
            bencher.iter_custom(|times| {
                let clock = CpuTime::new();
                let mut spent = clock.zero();
                for _ in 0..times {
                    entries.clear();
                    while !lane.continue_cut(&mut entries, SLICE_KEYS) {}
                    black_box(lane.process(stream.batch(BATCH_RECORDS)).unwrap());
                    (part, entries) = (Vec::new(), Entries::default());
                    if !is_begin {
                        assert!(lane.begin_cut(&mut part));
                    }
                    let start = clock.start();
                    if is_begin {
                        assert!(lane.begin_cut(&mut part));
                    } else {
                        assert!(!lane.continue_cut(&mut entries, SLICE_KEYS));
                    }
                    spent = clock.add(&spent, &clock.end(start));
                }
                spent
            });
        });
    };
    step("begin/1000000", true);
    step("slice/1000000", false);
    group.finish();
}

/// Follows a lane's keys and writes them all.
fn write_all(lane: &mut FeatureLane) {
    lane.track(0);
    let mut entries = Entries::default();
    assert!(lane.begin_cut(&mut Vec::new()));
    while !lane.continue_cut(&mut entries, SLICE_KEYS) {
        entries.clear();
    }
}

/// All state of a lane with full windows to entries, and back into a lane.
fn state(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("state/job-w");
    let mut filled = None;
    let (mut part, mut entries) = (Vec::new(), Entries::default());
    let mut write = |part: &mut Vec<u8>, entries: &mut Entries| {
        let (_, lane) = filled.get_or_insert_with(|| lane(50_000, 40));
        part.clear();
        entries.clear();
        lane.track(0);
        assert!(lane.begin_cut(part));
        while !lane.continue_cut(entries, SLICE_KEYS) {}
    };
    write(&mut part, &mut entries);
    group.throughput(Throughput::Bytes(entries.bytes() as u64));
    group.bench_function("write", |bencher| {
        let (mut part, mut entries) = (Vec::new(), Entries::default());
        bencher.iter(|| write(&mut part, black_box(&mut entries)));
    });
    let (_, mut empty) = lane(1, 1);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let read = empty.begin_restore(&part);
            let read = read.and_then(|_| entries.iter().try_for_each(|e| empty.restore(&e)));
            let read = read.and_then(|()| empty.end_restore());
            assert!(read.is_ok(), "{read:?}");
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime::new());
    targets = features, card_present, cuts, state
}
criterion_main!(benches);
