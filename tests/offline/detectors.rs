//! How well detectors that learn tell the anomalies of public streams: score, then learn, row by row. The
//! data is beside the project, not in it: without it these tests say so and pass.

use arrow::array::AsArray as _;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tillwatch_detectors::{
    CutForestSettings, Detector, HalfSpaceSettings, HalfSpaceTrees, Input, RandomCutForest,
};

use crate::root;

/// What the median is taken over.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// Rows of a window or sample, which are not judged: a detector has nothing to judge them by.
const WINDOW: usize = 250;

/// The least area under the ROC curve per stream, of half-space trees and of a random cut forest. Those of
/// river and of AWS's implementation are .995 to .996 and the same, .976 to .990 and .987 to .989, .823 to
/// .844 and .826 to .853.
const STREAMS: [(&str, f64, f64); 3] = [
    ("http", 0.99, 0.99),
    ("shuttle", 0.97, 0.98),
    ("mammography", 0.82, 0.82),
];

#[test]
fn half_space_trees_find_the_anomalies_of_public_streams() {
    for (name, least, _) in STREAMS {
        let make = |seed, inputs| {
            HalfSpaceTrees::from_settings(&HalfSpaceSettings {
                seed,
                trees: 25,
                height: 8,
                window: WINDOW,
                inputs,
            })
        };
        judge("half-space trees", name, least, |seed, inputs| {
            Box::new(make(seed, inputs).expect("the settings are sound"))
        });
    }
}

#[test]
fn random_cut_forests_find_the_anomalies_of_public_streams() {
    for (name, _, least) in STREAMS {
        let make = |seed, inputs| {
            RandomCutForest::from_settings(&CutForestSettings {
                seed,
                trees: 50,
                sample: WINDOW,
                time_decay: None,
                inputs,
            })
        };
        judge("random cut forest", name, least, |seed, inputs| {
            Box::new(make(seed, inputs).expect("the settings are sound"))
        });
    }
}

/// Checks that the median area over the seeds is at least `least`.
fn judge(
    detector: &str,
    stream: &str,
    least: f64,
    make: impl Fn(u64, Vec<Input>) -> Box<dyn Detector>,
) {
    let Some(stream_rows) = Stream::read(stream) else {
        return;
    };
    let mut areas: Vec<f64> = SEEDS
        .map(|seed| stream_rows.area(&mut *make(seed, stream_rows.inputs())))
        .collect();
    areas.sort_by(f64::total_cmp);
    let median = areas[areas.len() / 2];
    println!("{detector} on {stream}: {median:.4} of {areas:.4?}");
    assert!(median >= least, "{detector} on {stream}: {areas:?}");
}

/// Rows in their order, and which are anomalies.
struct Stream {
    rows: Vec<Vec<f64>>,
    labels: Vec<bool>,
}

impl Stream {
    /// A stream by its name, or nothing and a word about it.
    fn read(name: &str) -> Option<Self> {
        let path = root().join(format!("../shared/data/streams/{name}.parquet"));
        if !path.exists() {
            eprintln!("skipped: {} is not here", path.display());
            return None;
        }
        let file = std::fs::File::open(&path).expect("the file is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        let mut stream = Self {
            rows: Vec::new(),
            labels: Vec::new(),
        };
        for batch in reader.build().expect("it can be read") {
            let batch = batch.expect("it can be read");
            let start = stream.rows.len();
            stream.rows.resize(start + batch.num_rows(), Vec::new());
            for column in batch.columns() {
                let column = cast(column, &DataType::Float64).expect("it is a number");
                let values = column.as_primitive::<Float64Type>().values();
                for (row, value) in stream.rows[start..].iter_mut().zip(values) {
                    row.push(*value);
                }
            }
        }
        // The last column.
        let label = |row: &mut Vec<f64>| row.pop().expect("there are columns") != 0.0;
        stream.labels = stream.rows.iter_mut().map(label).collect();
        Some(stream)
    }

    fn inputs(&self) -> Vec<Input> {
        let names = (0..self.rows[0].len()).map(|number| format!("x{number}"));
        names.map(|name| Input::linear(name, 0.0, 1.0)).collect()
    }

    /// Area under the ROC curve of the scores that `detector` gives before it learns.
    fn area(&self, detector: &mut dyn Detector) -> f64 {
        let scores: Vec<f64> = self
            .rows
            .iter()
            .map(|row| detector.score_and_learn(row))
            .collect();
        area_under_curve(&scores[WINDOW..], &self.labels[WINDOW..])
    }
}

/// How likely a random anomaly has a higher score than a random other row, ties counting half.
fn area_under_curve(scores: &[f64], labels: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut others_below, mut won, mut anomalies) = (0.0, 0.0, 0.0);
    for ties in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let of_these = ties.iter().filter(|row| labels[**row]).count() as f64;
        let others = ties.len() as f64 - of_these;
        won += of_these * (others_below + others / 2.0);
        anomalies += of_these;
        others_below += others;
    }
    won / (anomalies * others_below)
}

#[test]
fn the_area_counts_pairs() {
    let labels = [true, false, true, false];
    assert_eq!(area_under_curve(&[4.0, 1.0, 3.0, 2.0], &labels), 1.0);
    assert_eq!(area_under_curve(&[1.0, 4.0, 2.0, 3.0], &labels), 0.0);
    assert_eq!(area_under_curve(&[0.0; 4], &labels), 0.5);
    assert_eq!(area_under_curve(&[3.0, 1.0, 1.0, 2.0], &labels), 0.625);
}
