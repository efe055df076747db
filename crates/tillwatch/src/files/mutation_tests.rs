//! Files of every kind with bytes changed at random: whatever they hold, they are rows or an error, and no
//! error shows what stands in a row. Seeded, so that what fails fails again.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::reader::FileReader;

/// What every value of a row has in it, and no name.
const VALUE: &str = "Zq7xWv";

/// Changed files of each kind.
const FILES: u64 = 600;

/// Rows that a file of at most a few kilobytes can have, once it is unpacked.
const ROWS_MAX: usize = 1 << 20;

/// Bytes that mean something in one of the formats.
const MEANINGFUL: &[u8] = b"\"\\,;\t|\n\r{}[]:\0\xff\xef\x1f\x8b-0=";

fn json_lines() -> Vec<u8> {
    let rows = (0..20).map(|row| {
        format!("{{\"id\":\"{VALUE}{row}\",\"n\":{row},\"at\":{{\"x\":[1,NaN,\"{VALUE}\"]}}}}\n")
    });
    rows.collect::<String>().into_bytes()
}

fn csv(delimiter: char) -> Vec<u8> {
    let rows = (0..20).map(|row| format!("{VALUE}{row},\"{VALUE}, \"\"quoted\"\"\",{row}\r\n"));
    let text = format!("id,name,n\r\n{}", rows.collect::<String>());
    text.replace(',', &delimiter.to_string()).into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn parquet(compression: Compression) -> Vec<u8> {
    let ids: Vec<String> = (0..40).map(|row| format!("{VALUE}{}", row % 9)).collect();
    let ids: ArrayRef = Arc::new(StringArray::from(ids));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(
        (0..40).map(|row| (row % 3 > 0).then_some(row)),
    ));
    let inner = RecordBatch::try_from_iter([("id", Arc::clone(&ids)), ("n", Arc::clone(&numbers))]);
    let inner: ArrayRef = Arc::new(StructArray::from(inner.unwrap()));
    let columns = [("id", ids), ("n", numbers), ("inner", inner)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(compression);
    let mut bytes = Vec::new();
    let properties = Some(properties.build());
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), properties).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Changes a few bytes, cuts a piece out, or doubles one.
fn change(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(1..40)).min(bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = MEANINGFUL[rng.random_range(0..MEANINGFUL.len())],
            2 => bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte = rng.next_u32() as u8),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(bytes.len() - at / 4),
        }
    }
}

/// How many rows the file at `path` has, or why it is refused.
fn rows(path: &Path) -> Result<usize, String> {
    let mut reader = FileReader::open(path).map_err(|error| error.to_string())?;
    let mut rows = 0;
    while let Some(batch) = reader.next_batch().map_err(|error| error.to_string())? {
        assert!(!batch.is_empty());
        rows += batch.len();
        assert!(rows < ROWS_MAX, "{rows} rows of a few bytes");
    }
    Ok(rows)
}

/// Reads changed copies of `whole` under `name`: how many were read, and how many refused.
fn read_changed(name: &str, whole: &[u8], seed: u64) -> (u64, u64) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let (mut read, mut refused) = (0, 0);
    for file in 0..FILES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | file);
        let mut bytes = whole.to_vec();
        change(&mut bytes, &mut rng);
        std::fs::write(&path, &bytes).unwrap();
        match rows(&path) {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.contains(VALUE), "file {file} of {name}: {error}");
            }
        }
    }
    (read, refused)
}

#[test]
fn texts_are_rows_or_an_error() {
    let jsonl = json_lines();
    let (mut read, mut refused) = (0, 0);
    for (seed, (name, whole)) in [
        ("in.jsonl", jsonl.clone()),
        ("in", jsonl.clone()),
        ("in.csv", csv(',')),
        ("in.tsv", csv('\t')),
        ("in", csv(';')),
        ("in.jsonl.gz", gzip(&jsonl)),
        ("in", gzip(&csv(','))),
        ("in.zst", zstd::encode_all(&jsonl[..], 1).unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        let of_kind = read_changed(name, &whole, seed as u64);
        read += of_kind.0;
        refused += of_kind.1;
    }
    // JSON lines are refused line by line, others as a whole: neither is the only thing that is tried.
    assert!(
        read > FILES && refused > FILES,
        "{read} read, {refused} refused"
    );
}

#[test]
fn parquet_is_rows_or_an_error() {
    for (seed, compression) in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ]
    .into_iter()
    .enumerate()
    {
        let (read, refused) = read_changed("in.parquet", &parquet(compression), 100 + seed as u64);
        assert!(
            read > 0 && refused > 0,
            "{compression:?}: {read} read, {refused} refused"
        );
    }
}
