//! The directory that files are written in.

use std::fs;
use std::path::Path;

use crate::error::SinkError;

/// Whether files can be written in `directory`; makes it when missing.
pub(crate) fn probe(directory: &Path) -> Result<(), SinkError> {
    make_directory(directory)?;
    let path = directory.join(format!(".tillwatch-probe-{}", std::process::id()));
    fs::write(&path, b"probe").map_err(|error| SinkError::file("write", &path, error))?;
    fs::remove_file(&path).map_err(|error| SinkError::file("remove", &path, error))
}

pub(super) fn make_directory(directory: &Path) -> Result<(), SinkError> {
    fs::create_dir_all(directory)
        .map_err(|error| SinkError::file("make the directory", directory, error))
}

/// Makes the names in `directory` durable: a file that is synced can still be lost with its name.
pub(super) fn sync_directory(directory: &Path) -> Result<(), SinkError> {
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| SinkError::file("sync the directory", directory, error))
}
