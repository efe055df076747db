use arrow::array::{AsArray as _, BooleanArray, Decimal128Array, Int8Array, StringArray};
use arrow::datatypes::Float64Type;

use super::*;

fn numbers(names: &[&str]) -> Vec<Wanted> {
    let number = |name: &&str| Wanted {
        name: (*name).to_owned(),
        data_type: Some(DataType::Float64),
    };
    names.iter().map(number).collect()
}

/// Every value of every column, missing ones as NaN.
fn read(path: &Path, names: &[&str]) -> Result<Vec<Vec<f64>>, FileError> {
    let mut table = Table::open(path, numbers(names))?;
    let mut read = vec![Vec::new(); names.len()];
    while let Some(columns) = table.next_batch()? {
        for (column, values) in columns.iter().zip(&mut read) {
            let column = column.as_primitive::<Float64Type>();
            values.extend(column.iter().map(|value| value.unwrap_or(f64::NAN)));
        }
    }
    Ok(read)
}

/// A file of `name` in a directory of its own.
fn file(name: &str, write: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    write(&path);
    (directory, path)
}

fn parquet_file() -> (tempfile::TempDir, PathBuf) {
    let batch = RecordBatch::try_from_iter([
        (
            "flag",
            Arc::new(BooleanArray::from(vec![Some(true), None])) as ArrayRef,
        ),
        ("small", Arc::new(Int8Array::from(vec![-3, 4]))),
        (
            "money",
            Arc::new(
                Decimal128Array::from(vec![1234, 5])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
    ])
    .unwrap();
    file("t.parquet", |path| {
        let file = File::create(path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    })
}

#[test]
fn numbers_and_truth_values_of_parquet_are_doubles_in_the_order_asked_for() {
    let (_directory, path) = parquet_file();
    let read = read(&path, &["money", "flag", "small", "money"]).unwrap();
    assert_eq!(read[0], [12.34, 0.05]);
    assert_eq!(read[1][0], 1.0);
    assert!(read[1][1].is_nan());
    assert_eq!(read[2], [-3.0, 4.0]);
    assert_eq!(read[3], read[0]);
}

#[test]
fn what_is_no_number_is_refused_by_name() {
    let (_directory, path) = parquet_file();
    let message = read(&path, &["id"]).unwrap_err().to_string();
    assert!(
        message.ends_with("column `id`: has type Utf8, a number or truth value is needed"),
        "{message}"
    );
    let message = read(&path, &["smal"]).unwrap_err().to_string();
    assert!(
        message.ends_with("has no column `smal`; did you mean `small`?"),
        "{message}"
    );
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let csv = file("t.csv", |path| {
        std::fs::write(path, "\u{feff}a,b\n1.5,true\n,inf\n-2e3,false\n").unwrap();
    });
    let lines = file("t.jsonl", |path| {
        let text = "{\"a\":1.5,\"b\":true}\n{\"b\":\"inf\"}\n{\"a\":-2e3,\"b\":0}\n";
        std::fs::write(path, text).unwrap();
    });
    for path in [&csv.1, &lines.1] {
        let found = read(path, &["b", "a"]).unwrap();
        assert_eq!(found[0], [1.0, f64::INFINITY, 0.0]);
        assert_eq!((found[1][0], found[1][2]), (1.5, -2000.0));
        assert!(found[1][1].is_nan());
        let message = read(path, &["c"]).unwrap_err().to_string();
        assert!(message.contains("has no column `c`"), "{message}");
    }
}

#[test]
fn a_word_among_numbers_is_refused() {
    let (_directory, path) = file("t.csv", |path| {
        std::fs::write(path, "a\n1\nmany\n").unwrap();
    });
    let message = read(&path, &["a"]).unwrap_err().to_string();
    assert!(
        message.ends_with("column `a`: `many` is no number"),
        "{message}"
    );
}
