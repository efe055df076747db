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

#[test]
fn rows_of_several_files_are_numbered_on() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("part-0", "\u{feff}{\"a\":1}\n");
    write("part-1", "");
    write("part-2", "{\"a\":2}\n{\"a\":NaN}");
    // The helper checks that offsets go on.
    assert_eq!(
        payloads(dir.path()),
        ["{\"a\":1}", "{\"a\":2}", "{\"a\":null}"]
    );
    write("part-3", "a,b\n1,2\n");
    let error = FileReader::open(dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("part-3 is CSV, and") && error.contains("part-0 is JSON lines"),
        "{error}"
    );
}

#[test]
fn packed_texts_are_unpacked() {
    use flate2::write::GzEncoder;
    let dir = tempfile::tempdir().unwrap();
    let gzip = |text: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    // Two members, as parallel programs and `cat` make them, under a name that says nothing.
    let two = [gzip(b"id,n\n1,a\n"), gzip(b"2,b\n")].concat();
    let path = dir.path().join("export");
    std::fs::write(&path, &two).unwrap();
    let expected = [r#"{"id":"1","n":"a"}"#, r#"{"id":"2","n":"b"}"#];
    assert_eq!(payloads(&path), expected);
    let text = b"{\"a\":1}\n";
    let frames = [
        zstd::encode_all(&text[..], 1).unwrap(),
        zstd::encode_all(&text[..], 1).unwrap(),
    ];
    let path = dir.path().join("x.jsonl.zst");
    std::fs::write(&path, frames.concat()).unwrap();
    assert_eq!(payloads(&path), ["{\"a\":1}", "{\"a\":1}"]);
    let path = dir.path().join("cut.gz");
    std::fs::write(&path, &two[..two.len() - 12]).unwrap();
    let error = match FileReader::open(&path) {
        Err(error) => error.to_string(),
        Ok(mut reader) => reader.next_batch().unwrap_err().to_string(),
    };
    assert!(error.contains("damaged or cut short"), "{error}");
}

#[test]
fn parquet_of_every_codec_is_read_whatever_its_name() {
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
    let dir = tempfile::tempdir().unwrap();
    let column = Arc::new(Int64Array::from_iter_values(0..1000)) as _;
    let batch = RecordBatch::try_from_iter([("id", column)]).unwrap();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for name in ["t.parquet", "t.parq", "part-00000"] {
            let path = dir.path().join(name);
            let properties = parquet::file::properties::WriterProperties::builder()
                .set_compression(compression)
                .build();
            let file = std::fs::File::create(&path).unwrap();
            let schema = batch.schema();
            let mut writer =
                parquet::arrow::ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            assert_eq!(payloads(&path).len(), 1000, "{compression:?} {name}");
        }
    }
}
