//! Scores with every bit of their numbers, as a topic and as a file of `tillwatch score` have them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMillisecondType, UInt16Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// What a score says besides its numbers with fractions and its position.
const SAID: [&str; 11] = [
    "event_id",
    "key",
    "event_time",
    "score",
    "band",
    "reasons",
    "flags",
    "attribution",
    "model",
    "model_hash",
    "catalog",
];

/// A score, whichever way it was written.
#[derive(PartialEq)]
pub struct Row {
    /// In the order of [`SAID`], null where there is nothing to say.
    said: [Value; SAID.len()],
    /// Bits of the probability and then of each feature; none where a feature is null or not finite.
    numbers: Vec<Option<u64>>,
}

/// The scores of a file.
pub struct Scored {
    /// Names of the features, in the order of their columns.
    pub features: Vec<String>,
    /// By the row's number in the file that was scored.
    pub rows: BTreeMap<i64, Row>,
}

impl Row {
    /// A record of the topic of scores.
    pub fn of_payload(payload: &[u8], features: &[String]) -> Self {
        let text = std::str::from_utf8(payload).expect("it is text");
        let score: Value = serde_json::from_str(text).expect("it is JSON");
        let mut numbers = vec![number(text, "probability")];
        let mut found = feature_numbers(text);
        numbers.extend(features.iter().map(|name| found.remove(name.as_str())));
        assert!(found.is_empty(), "no file has the features {found:?}");
        Self {
            said: SAID.map(|name| score.get(name).cloned().unwrap_or_default()),
            numbers,
        }
    }

    /// Names of what differs, with what each row says.
    pub fn differences(&self, other: &Self, features: &[String]) -> Vec<String> {
        let said = SAID.iter().zip(self.said.iter().zip(&other.said));
        let said = said.filter(|(_, (mine, other))| mine != other);
        let said = said.map(|(name, (mine, other))| format!("{name}: {mine} and {other}"));
        let names = ["probability"].into_iter();
        let names = names.chain(features.iter().map(String::as_str));
        let numbers = names.zip(self.numbers.iter().zip(&other.numbers));
        let numbers = numbers.filter(|(_, (mine, other))| mine != other);
        let numbers = numbers.map(|(name, (mine, other))| {
            let [mine, other] = [mine, other].map(|bits| bits.map(f64::from_bits));
            format!("{name}: {mine:?} and {other:?}")
        });
        said.chain(numbers).collect()
    }
}

impl Scored {
    /// Reads what `tillwatch score --features` has written.
    pub fn read(path: &Path) -> Self {
        let file = std::fs::File::open(path).expect("the output is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        let columns = reader.schema().fields().iter();
        let names = columns.map(|column| column.name().clone());
        let behind = names.skip_while(|name| name != "offset").skip(1);
        let features: Vec<String> = behind.filter(|name| !name.starts_with("shadow_")).collect();
        let mut rows = BTreeMap::new();
        for batch in reader.build().expect("it can be read") {
            add_rows(&batch.expect("it can be read"), &features, &mut rows);
        }
        Self { features, rows }
    }
}

/// The bits of a number in the text of a JSON object, `None` where it is null or absent. Read by the
/// standard library, which rounds correctly.
pub fn number(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    let value: f64 = rest.split([',', '}']).next()?.parse().ok()?;
    Some(value.to_bits())
}

/// The bits of each feature in the text of a score.
fn feature_numbers(text: &str) -> HashMap<&str, u64> {
    let (_, rest) = text.split_once("\"features\":{").unwrap_or_default();
    let object = rest.split('}').next().unwrap_or_default();
    let pairs = object.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once(':')?;
        let value: f64 = value.parse().expect("a feature is a number");
        Some((name.trim_matches('"'), value.to_bits()))
    });
    pairs.collect()
}

fn add_rows(batch: &RecordBatch, features: &[String], rows: &mut BTreeMap<i64, Row>) {
    let column = |name: &str| batch.column_by_name(name).expect("the column is there");
    let offsets = column("offset").as_primitive::<Int64Type>();
    let said = SAID.map(column);
    let names = ["probability"].into_iter();
    let names = names.chain(features.iter().map(String::as_str));
    let numbers: Vec<_> = names
        .map(|name| column(name).as_primitive::<Float64Type>())
        .collect();
    for row in 0..batch.num_rows() {
        let mut said = said.map(|column| value(column, row));
        for (name, said) in SAID.iter().zip(&mut said) {
            match (*name, said.as_str()) {
                ("reasons", Some(text)) => {
                    *said = serde_json::from_str(text).expect("reasons are JSON");
                }
                // A topic's score leaves that out.
                ("attribution", Some("none")) => *said = Value::Null,
                _ => {}
            }
        }
        let bits = numbers.iter().map(|values| {
            let value = values.is_valid(row).then(|| values.value(row))?;
            value.is_finite().then_some(value.to_bits())
        });
        let found = Row {
            said,
            numbers: bits.collect(),
        };
        rows.insert(offsets.value(row), found);
    }
}

/// As JSON says it, where what is empty is left out.
fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        DataType::Timestamp(..) => {
            let times = column.as_primitive::<TimestampMillisecondType>();
            times.value(row).into()
        }
        DataType::List(_) => {
            let names = column.as_list::<i32>().value(row);
            let names: Vec<Value> = names.as_string::<i32>().iter().map(Value::from).collect();
            match names.is_empty() {
                true => Value::Null,
                false => names.into(),
            }
        }
        _ => column.as_string::<i32>().value(row).into(),
    }
}
