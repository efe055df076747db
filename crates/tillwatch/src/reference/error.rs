//! Why there is no table.

use std::path::PathBuf;

use tillwatch_reference::ReferenceError;

/// Largest file that is read: ten million terminals with a hundred bytes each.
pub const BYTES_MAX: u64 = 1 << 30;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceFileError {
    #[error(
        "cannot read {path}: {source}; [reference] path names a CSV or a Parquet file",
        path = path.display()
    )]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{path} has {bytes} bytes, more than the {BYTES_MAX} that a reference table may have",
        path = path.display()
    )]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{path}: {reason}", path = path.display())]
    Format { path: PathBuf, reason: String },
    #[error("{path}: {source}", path = path.display())]
    Table {
        path: PathBuf,
        source: ReferenceError,
    },
}
