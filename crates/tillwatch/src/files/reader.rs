//! Rows as the same JSON records that Kafka would carry.

use std::path::Path;

use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{RawBatch, TopicPartition};

use super::error::FileError;
use super::jsonl::JsonLines;
use super::name::is_parquet;
use super::parquet_rows::ParquetRows;
use super::progress::Progress;

/// Reads a file in batches of rows; offsets are row numbers from 0.
pub struct FileReader {
    /// The file's stem as a topic with one partition.
    source: TopicPartition,
    rows: Rows,
    next_row: i64,
}

enum Rows {
    JsonLines(JsonLines),
    Parquet(Box<ParquetRows>),
}

impl FileReader {
    /// Opens `path`: Parquet when it is named `.parquet`, JSON lines otherwise.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let rows = if is_parquet(path) {
            Rows::Parquet(Box::new(ParquetRows::open(path)?))
        } else {
            Rows::JsonLines(JsonLines::open(path)?)
        };
        let stem = path
            .file_stem()
            .map_or_else(|| "file".into(), |s| s.to_string_lossy());
        Ok(Self {
            source: TopicPartition::new(stem.as_ref(), 0),
            rows,
            next_row: 0,
        })
    }

    /// The next rows, at most [`BATCH_RECORDS_MAX`]; `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>, FileError> {
        let mut batch = RawBatch::new(self.source.clone());
        let mut row = self.next_row;
        let mut push = |json: &[u8]| {
            batch.push(row, None, None, Some(json), []);
            row += 1;
            !batch.is_full(BATCH_RECORDS_MAX)
        };
        match &mut self.rows {
            Rows::JsonLines(lines) => lines.read_rows(&mut push)?,
            Rows::Parquet(parquet) => parquet.read_rows(&mut push)?,
        }
        self.next_row = row;
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Rows (Parquet) or bytes (JSON lines) read so far, and in all.
    pub fn progress(&self) -> Progress {
        match &self.rows {
            Rows::JsonLines(lines) => lines.progress(),
            Rows::Parquet(parquet) => Progress {
                done: u64::try_from(self.next_row).unwrap_or_default(),
                total: parquet.rows_total(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};

    use super::super::jsonl::ROW_BYTES_MAX;
    use super::*;

    fn payloads(path: &Path) -> Vec<String> {
        let mut reader = FileReader::open(path).unwrap();
        let mut rows = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            for record in batch.iter() {
                assert_eq!(record.offset, rows.len() as i64);
                rows.push(String::from_utf8(record.payload.unwrap().to_vec()).unwrap());
            }
        }
        rows
    }

    #[test]
    fn parquet_rows_become_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(vec![1, 2])) as _),
            (
                "amount",
                Arc::new(Float64Array::from(vec![Some(85.649_999_999_999_99), None])) as _,
            ),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    1_522_540_831_000_000;
                    2
                ])) as _,
            ),
        ])
        .unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert_eq!(
            payloads(&path),
            [
                r#"{"id":1,"amount":85.64999999999999,"at":"2018-04-01T00:00:31"}"#,
                r#"{"id":2,"at":"2018-04-01T00:00:31"}"#
            ]
        );
    }

    #[test]
    fn lines_are_records_with_or_without_a_last_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"{\"a\":1}\r\n\n{\"a\":2}\nnot json")
            .unwrap();
        assert_eq!(payloads(&path), ["{\"a\":1}", "{\"a\":2}", "not json"]);
    }

    #[test]
    fn an_overlong_line_is_cut_so_that_decode_refuses_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let long = "x".repeat(2 * ROW_BYTES_MAX);
        std::fs::write(&path, format!("{long}\n{{}}\n")).unwrap();
        let rows = payloads(&path);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].len(), ROW_BYTES_MAX + 1);
        assert_eq!(rows[1], "{}");
    }

    #[test]
    fn errors_name_the_file() {
        let Err(error) = FileReader::open(Path::new("/nowhere/x.parquet")) else {
            panic!("a missing file was opened")
        };
        assert!(
            error
                .to_string()
                .starts_with("cannot read /nowhere/x.parquet: "),
            "{error}"
        );
    }
}
