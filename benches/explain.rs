//! Contributions of features to raw scores: `cargo bench --bench explain`.
//!
//! Times are CPU time of the measuring thread. Forests are random and binary, of 40 features, each tree
//! full; batches of 1 go through 256 rows, so that none is explained twice in a row.
//! `benches/peers/explain.py` measures other libraries on models of these sizes.

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::random::{Rng, Shape, rows};
use tillwatch_trees::{ExplainScratch, Explainer, InstructionSet, PathExplainer};

#[path = "support/cpu_time.rs"]
mod cpu_time;
#[path = "../crates/trees/tests/support/mod.rs"]
mod support;

const FEATURES: usize = 40;

const ROWS: usize = 256;

/// Columns of `batch` rows each, for all batches that [`ROWS`] rows make.
fn batches(columns: &[Vec<f64>], batch: usize) -> Vec<Vec<&[f64]>> {
    let starts = (0..ROWS).step_by(batch);
    let of = |start: usize| columns.iter().map(move |c| &c[start..start + batch]);
    starts.map(|start| of(start).collect()).collect()
}

fn explain(criterion: &mut Criterion<CpuTime>) {
    for (trees, leaves) in [(100, 31), (500, 63)] {
        let mut rng = Rng::new(42);
        let forest = Shape::of(FEATURES, trees, leaves).forest(&mut rng);
        let rows = rows(&mut rng, &forest, ROWS);
        let column = |feature: usize| rows.iter().map(|row| row[feature]).collect();
        let columns: Vec<Vec<f64>> = (0..FEATURES).map(column).collect();
        let mut group = criterion.benchmark_group(format!("explain/{trees}x{leaves}"));
        for batch in [ROWS, 1] {
            let batches = batches(&columns, batch);
            let mut out = vec![0.0; batch * FEATURES];
            group.throughput(Throughput::Elements(batch as u64));
            for set in InstructionSet::all() {
                let Ok(explainer) = Explainer::with_instruction_set(&forest, set) else {
                    continue;
                };
                let mut scratch = ExplainScratch::default();
                let mut next = batches.iter().cycle();
                group.bench_function(BenchmarkId::new(format!("exact, {set}"), batch), |b| {
                    b.iter(|| {
                        if let Some(columns) = next.next() {
                            explainer.contributions(columns, batch, &mut out, &mut scratch);
                        }
                        black_box(&mut out);
                    });
                });
            }
            let Ok(cheap) = PathExplainer::new(&forest) else {
                continue;
            };
            let mut next = batches.iter().cycle();
            group.bench_function(BenchmarkId::new("cheap", batch), |b| {
                b.iter(|| {
                    if let Some(columns) = next.next() {
                        cheap.contributions(columns, batch, &mut out);
                    }
                    black_box(&mut out);
                });
            });
        }
        group.bench_function("compile", |b| {
            b.iter(|| Explainer::new(black_box(&forest)));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime::new()).sample_size(20);
    targets = explain
}
criterion_main!(benches);
