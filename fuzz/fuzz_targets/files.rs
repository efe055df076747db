//! Arbitrary bytes as a file that `--input` names: rows or an error, and never more than a batch at once.
//! The first byte chooses the name, which matters where the content does not say what it is.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tillwatch_records::limits::BATCH_RECORDS_MAX;

/// The program's own source, as a program is no library.
#[path = "../../crates/tillwatch/src"]
mod program {
    #[expect(dead_code, unused_imports, reason = "what writes files is not needed here")]
    pub mod files;
}

use program::files::FileReader;

const NAMES: [&str; 6] = ["in", "in.jsonl", "in.csv", "in.tsv", "in.parquet", "in.csv.gz"];

/// Rows that are read of one file: a packed one can have very many.
const ROWS_MAX: usize = 1 << 16;

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let name = format!("tillwatch-fuzz-files-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).expect("a directory can be made");
    directory
});

fuzz_target!(|data: &[u8]| {
    let Some((name, bytes)) = data.split_first() else {
        return;
    };
    let path = DIRECTORY.join(NAMES[usize::from(*name) % NAMES.len()]);
    std::fs::write(&path, bytes).expect("a file can be written");
    let Ok(mut reader) = FileReader::open(&path) else {
        return;
    };
    let mut rows = 0;
    while let Ok(Some(batch)) = reader.next_batch() {
        assert!((1..=BATCH_RECORDS_MAX).contains(&batch.len()));
        let first = batch.get(0).offset;
        assert_eq!(first, rows as i64);
        rows += batch.len();
        if rows > ROWS_MAX {
            break;
        }
    }
});
