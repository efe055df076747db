//! Files: JSON lines and Parquet.

mod jsonl;
mod names;
mod parquet;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

use std::fs;
use std::path::Path;

use crate::SinkError;
pub use parquet::ParquetSink;

/// Whether files can be written in `directory`; makes it when missing.
pub(crate) fn probe(directory: &Path) -> Result<(), SinkError> {
    make_directory(directory)?;
    let path = directory.join(format!(".tillwatch-probe-{}", std::process::id()));
    fs::write(&path, b"probe").map_err(|error| SinkError::file("write", &path, error))?;
    fs::remove_file(&path).map_err(|error| SinkError::file("remove", &path, error))
}

fn make_directory(directory: &Path) -> Result<(), SinkError> {
    fs::create_dir_all(directory)
        .map_err(|error| SinkError::file("make the directory", directory, error))
}

/// Makes the names in `directory` durable: a file that is synced can still be lost with its name.
fn sync_directory(directory: &Path) -> Result<(), SinkError> {
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| SinkError::file("sync the directory", directory, error))
}
