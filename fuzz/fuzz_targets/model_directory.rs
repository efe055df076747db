//! Arbitrary texts as a model's directory: model.toml with its calibration, reasons and ensemble, and the
//! files that it names: rules, coefficients, settings of detectors, trees, golden vectors. They are refused,
//! or score.
//!
//! Files follow each other, each after a line `=== NAME`; the first is model.toml. Those of the one member
//! that an ensemble may have follow a line `=== member/NAME`.
#![no_main]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field};
use libfuzzer_sys::fuzz_target;
use tillwatch_records::Column;
use tillwatch_scoring::{Depth, Effort, InputScope, ModelFiles, ModelKinds, Runner};

const MARK: &str = "=== ";

/// What an ensemble calls its member.
const MEMBER: &str = "member";

/// Sizes of detectors beyond these are refused elsewhere than in the loader: their memory is bounded, and
/// making them again and again would leave little time for anything else.
const DIGITS_MAX: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let files = files(text);
    if text.contains("trees") && has_large_number(text) {
        return;
    }
    let kinds = ModelKinds::standard().with_flags(&["pilot".to_owned()]);
    let scope = scope();
    if let Ok(model) = kinds.load(&files, &scope) {
        score(&mut Runner::new(&model, &scope));
    }
    // As `models predict` loads it: what the model names is all that there is.
    if let Ok((model, scope)) = kinds.load_for_table(&files) {
        score(&mut Runner::new(&model, &scope));
    }
});

fn files(text: &str) -> ModelFiles {
    let mut files = ModelFiles::default();
    let mut member = ModelFiles::default();
    let mut parts = text.split(MARK);
    files.description = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, content) = part.split_once('\n').unwrap_or((part, ""));
        match name.strip_prefix("member/") {
            Some("model.toml") => member.description = content.to_owned(),
            Some(name) => drop(member.files.insert(name.to_owned(), content.into())),
            None => drop(files.files.insert(name.to_owned(), content.into())),
        }
    }
    files.members.insert(MEMBER.to_owned(), member);
    files
}

fn has_large_number(text: &str) -> bool {
    text.as_bytes()
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        .any(|word| word.len() > DIGITS_MAX && word[0].is_ascii_digit())
}

fn scope() -> InputScope {
    InputScope {
        catalog: "terminal".to_owned(),
        catalog_version: "c0ffee".to_owned(),
        features: ["count", "ratio"].map(str::to_owned).into(),
        columns: vec![Column::EventTime, Column::Mcc, Column::AmountMinor],
        joined: vec![Field::new("registry_model", DataType::Utf8, true)],
        ..InputScope::default()
    }
}

/// Four rows of an input, missing values and ends of ranges among them.
fn column(data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::Timestamp(..) => {
            let times = TimestampMillisecondArray::from(vec![0, 1, 86_400_000, 86_400_001]);
            Arc::new(times.with_timezone("UTC"))
        }
        DataType::Utf8 => {
            let texts = [Some("5411"), None, Some(""), Some("5541")];
            Arc::new(StringArray::from(texts.to_vec()))
        }
        DataType::Int64 => {
            let numbers = [Some(0), None, Some(i64::MAX), Some(1200)];
            Arc::new(Int64Array::from(numbers.to_vec()))
        }
        _ => {
            let numbers = [Some(0.5), None, Some(1e300), Some(-3.0)];
            Arc::new(Float64Array::from(numbers.to_vec()))
        }
    }
}

fn score(runner: &mut Runner) {
    let rows = 4;
    runner.bind(rows, |source| Some(column(&source.data_type())));
    let mut signals = Vec::new();
    runner.score(Effort::Full, f64::INFINITY, &mut signals);
    assert_eq!(
        (runner.raw().len(), runner.probability().len()),
        (rows, rows)
    );
    for probability in runner.probability() {
        assert!(
            probability.is_nan() || (0.0..=1.0).contains(probability),
            "{probability}"
        );
    }
    runner.contributions(&[0, 3], Depth::Exact);
}
