//! Raw scores of tree models: `cargo bench --bench trees [-- part of a size's name]`.
//!
//! Prints microseconds of CPU time per row, the best of many short runs: what else runs on the machine
//! can only add. Each size is measured with every instruction set that the CPU has, and with the definition,
//! [`Forest::raw_score`], as a control. Consecutive batches hold other rows.
//!
//! `benches/peers/trees.py` trains models of these sizes into `target/trees/` and measures their own
//! libraries. Where it has run, those are the models that are measured, their scores are compared to the
//! bit, and ratios are printed; otherwise forests are random and full. Random forests split at more
//! places than trained ones, and every leaf is as likely.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use rustix::time::{ClockId, clock_gettime};
use support::random::{Growth, Rng, Shape};
use tillwatch_trees::{Forest, Format, InstructionSet, Precision, Predictor, Scratch, load};

#[path = "../crates/trees/tests/support/mod.rs"]
mod support;

const FEATURES: usize = 40;

/// Rows that batches are taken from, one after the other.
const ROWS: usize = 4096;

const BATCHES: [usize; 5] = [1, 16, 64, 128, 256];

/// Runs of which the best counts, and how long each is at least.
const RUNS: usize = 300;
const RUN_NS: u64 = 200_000;

/// A size of model, by the name that the peers' script gives it.
struct Size {
    name: &'static str,
    shape: Shape,
}

/// A model, its bytes if it was trained, and rows by column.
struct Model {
    forest: Forest,
    file: Option<(Vec<u8>, Format)>,
    columns: Vec<Vec<f64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let folder = project().join("target/trees");
    let peers = std::fs::read_to_string(folder.join("peers.txt")).unwrap_or_default();
    for size in sizes() {
        if wanted.as_ref().is_none_or(|part| size.name.contains(part)) {
            measure(&size, &folder, &peers)?;
        }
    }
    Ok(())
}

/// The project's root, whichever package this is built in: the root's or that of the trees.
fn project() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut above = package.ancestors();
    above
        .find(|folder| folder.join("benches").is_dir())
        .unwrap_or(package)
}

fn sizes() -> [Size; 4] {
    let shape = Shape::of(FEATURES, 100, 31);
    [
        Size {
            name: "lightgbm-100x31",
            shape,
        },
        Size {
            name: "lightgbm-100x31-categories",
            shape: Shape {
                categories: 0.1,
                categories_end: 40,
                ..shape
            },
        },
        Size {
            name: "lightgbm-500x63",
            shape: Shape::of(FEATURES, 500, 63),
        },
        Size {
            name: "xgboost-500-depth8",
            shape: Shape {
                growth: Growth::Balanced,
                input: Precision::Single,
                sum: Precision::Single,
                ..Shape::of(FEATURES, 500, 256)
            },
        },
    ]
}

fn measure(size: &Size, folder: &Path, peers: &str) -> Result<(), Box<dyn Error>> {
    let model = match trained(folder, size.name)? {
        Some(model) => model,
        None => random(size),
    };
    let forest = &model.forest;
    println!(
        "{}{}",
        size.name,
        if model.file.is_some() {
            ""
        } else {
            " (random)"
        }
    );
    if let Some((bytes, format)) = &model.file {
        let load_ns = best_ns(|| drop(black_box(load(bytes, *format))));
        println!("  load      {:8.2} ms", load_ns / 1e6);
    }
    let compile_ns = best_ns(|| drop(black_box(Predictor::new(forest))));
    println!("  compile   {:8.2} ms", compile_ns / 1e6);
    for batch in BATCHES {
        let peer = peers.lines().find_map(|line| {
            let rest = line.strip_prefix(&format!("{} {batch} ", size.name))?;
            rest.parse::<f64>().ok()
        });
        if let Some(peer) = peer {
            println!("  batch {batch:3}  its library {peer:9.3} us");
        }
        for set in InstructionSet::all() {
            let predictor = Predictor::with_instruction_set(forest, set);
            let us = predict_us(&predictor, &model.columns, batch);
            let ratio = peer.map_or(String::new(), |peer| format!("  1/{:.1}", peer / us));
            println!("  batch {batch:3}  {set:11} {us:9.3} us{ratio}");
        }
    }
    let rows: Vec<Vec<f64>> = (0..256)
        .map(|row| model.columns.iter().map(|column| column[row]).collect())
        .collect();
    let mut next = rows.iter().cycle();
    let naive_ns = best_ns(|| {
        if let Some(row) = next.next() {
            black_box(forest.raw_score(row));
        }
    });
    println!("  batch   1  definition  {:9.3} us", naive_ns / 1e3);
    Ok(())
}

fn predict_us(predictor: &Predictor, columns: &[Vec<f64>], batch: usize) -> f64 {
    let mut scratch = Scratch::default();
    let mut out = vec![0.0; batch];
    let batches: Vec<Vec<&[f64]>> = (0..ROWS)
        .step_by(batch)
        .map(|first| {
            columns
                .iter()
                .map(|column| &column[first..first + batch])
                .collect()
        })
        .collect();
    let mut next = batches.iter().cycle();
    let ns = best_ns(|| {
        if let Some(columns) = next.next() {
            predictor.predict(columns, &mut out, &mut scratch);
            black_box(&mut out);
        }
    });
    ns / 1e3 / batch as f64
}

/// CPU time of a call in nanoseconds: the least that the calls of a run took on average.
fn best_ns(mut call: impl FnMut()) -> f64 {
    call();
    let mut best = f64::INFINITY;
    let mut calls = 1;
    let mut runs = 0;
    let begin = cpu_ns();
    // Calls that take long are repeated less often, and at least three times.
    while runs < 3 || (runs < RUNS && cpu_ns() - begin < 5000 * RUN_NS) {
        let from = cpu_ns();
        (0..calls).for_each(|_| call());
        let taken = cpu_ns() - from;
        if taken < RUN_NS {
            calls = (calls * 2).max(1);
        } else {
            best = best.min(taken as f64 / f64::from(calls));
            runs += 1;
        }
    }
    best
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// What the peers' script wrote; none if it has not run.
fn trained(folder: &Path, name: &str) -> Result<Option<Model>, Box<dyn Error>> {
    let file = |ending: &str| -> PathBuf { folder.join(format!("{name}.{ending}")) };
    let found = [("txt", Format::LightGbmText), ("json", Format::XgBoostJson)];
    let found = found.into_iter().find(|(ending, _)| file(ending).exists());
    let Some((ending, format)) = found else {
        return Ok(None);
    };
    let bytes = std::fs::read(file(ending))?;
    let forest = load(&bytes, format)?.forest;
    let columns = doubles(&file("columns"))?
        .chunks(ROWS)
        .map(<[f64]>::to_vec)
        .collect();
    let model = Model {
        forest,
        file: Some((bytes, format)),
        columns,
    };
    let mut out = vec![0.0; ROWS];
    let columns: Vec<&[f64]> = model.columns.iter().map(Vec::as_slice).collect();
    Predictor::new(&model.forest).predict(&columns, &mut out, &mut Scratch::default());
    let expected = doubles(&file("scores"))?;
    let differing = out
        .iter()
        .zip(&expected)
        .filter(|(a, b)| a.to_bits() != b.to_bits())
        .count();
    if differing > 0 {
        return Err(format!("{name}: {differing} of {ROWS} scores are not the library's").into());
    }
    Ok(Some(model))
}

fn doubles(path: &Path) -> Result<Vec<f64>, std::io::Error> {
    let bytes = std::fs::read(path)?;
    Ok(bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .collect())
}

fn random(size: &Size) -> Model {
    let mut rng = Rng::new(42);
    let forest = size.shape.forest(&mut rng);
    let categories = (size.shape.categories * FEATURES as f64) as usize;
    let columns = (0..FEATURES)
        .map(|feature| {
            let value = |rng: &mut Rng| match feature < categories {
                true => rng.below(size.shape.categories_end as usize) as f64,
                false => rng.unit() * 8.0 - 4.0,
            };
            (0..ROWS).map(|_| value(&mut rng)).collect()
        })
        .collect();
    Model {
        forest,
        file: None,
        columns,
    }
}
