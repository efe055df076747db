//! Detectors that learn, one row after the other: `cargo bench --bench detectors`.
//!
//! Rows are drawn from two clusters with some noise. Time is that of the core, per row.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tillwatch_detectors::{
    CutForestSettings, Detector, HalfSpaceSettings, HalfSpaceTrees, Input, RandomCutForest,
};

use crate::cpu_time::CpuTime;

#[path = "support/cpu_time.rs"]
mod cpu_time;

/// Enough rows that a pass over them turns windows and exchanges samples.
const ROWS: usize = 8_192;

const DIMENSIONS: usize = 10;

fn inputs() -> Vec<Input> {
    let names = (0..DIMENSIONS).map(|number| format!("x{number}"));
    names.map(|name| Input::linear(name, 0.0, 1.0)).collect()
}

fn rows() -> Vec<[f64; DIMENSIONS]> {
    let mut state = 1_u64;
    let mut unit = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let mut row = || {
        let (center, width) = match unit() {
            kind if kind < 0.6 => (0.2, 0.2),
            kind if kind < 0.98 => (0.6, 0.2),
            _ => (0.0, 1.0),
        };
        std::array::from_fn(|_| center + width * unit())
    };
    (0..ROWS).map(|_| row()).collect()
}

/// Scores and learns, and the score alone with and without what it is made of.
fn measure(c: &mut Criterion<CpuTime>, name: &str, size: &str, mut detector: impl Detector) {
    let rows = rows();
    for row in rows.iter().cycle().take(2 * ROWS) {
        detector.score_and_learn(row);
    }
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % ROWS;
        &rows[at]
    };
    group.bench_function(BenchmarkId::new("score_and_learn", size), |b| {
        b.iter(|| detector.score_and_learn(black_box(next())));
    });
    group.bench_function(BenchmarkId::new("score", size), |b| {
        b.iter(|| detector.score(black_box(next())));
    });
    let mut contributions = [0.0; DIMENSIONS];
    group.bench_function(BenchmarkId::new("score_and_attribution", size), |b| {
        b.iter(|| {
            detector.score(black_box(next()));
            detector.attribution(black_box(&mut contributions));
        });
    });
    let mut state = Vec::new();
    group.bench_function(BenchmarkId::new("write", size), |b| {
        b.iter(|| {
            state.clear();
            detector.write(&mut state);
        });
    });
    group.bench_function(BenchmarkId::new("read", size), |b| {
        b.iter(|| detector.read(black_box(&state)).is_ok());
    });
    group.finish();
    println!(
        "{name}/{size}: {} KiB in memory, {} KiB written",
        detector.state_bytes() / 1024,
        state.len() / 1024
    );
}

fn detectors(c: &mut Criterion<CpuTime>) {
    let settings = HalfSpaceSettings {
        seed: 1,
        trees: 100,
        height: 8,
        window: 256,
        inputs: inputs(),
    };
    match HalfSpaceTrees::from_settings(&settings) {
        Ok(trees) => measure(c, "half_space_trees", "100x256x10", trees),
        Err(error) => eprintln!("{error}"),
    }
    let settings = CutForestSettings {
        seed: 1,
        trees: 100,
        sample: 256,
        time_decay: None,
        inputs: inputs(),
    };
    match RandomCutForest::from_settings(&settings) {
        Ok(forest) => measure(c, "random_cut_forest", "100x256x10", forest),
        Err(error) => eprintln!("{error}"),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime::new());
    targets = detectors
}
criterion_main!(benches);
