//! Why a file cannot be read.

use std::path::PathBuf;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Opening or reading failed.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is not the Parquet that its name says.
    #[error(
        "cannot read {path} as Parquet: {reason}; a file of JSON lines must not be named .parquet",
        path = path.display()
    )]
    Parquet { path: PathBuf, reason: String },
    /// The file is not the CSV that its name says.
    #[error("cannot read {path} as CSV: {reason}", path = path.display())]
    Csv { path: PathBuf, reason: String },
    /// A line is no JSON object.
    #[error("{path}: row {row}: {reason}; rows count from 0", path = path.display())]
    Json {
        path: PathBuf,
        row: i64,
        reason: String,
    },
    /// A column that is asked for is not there.
    #[error("{path} has no column `{name}`{hint}", path = path.display())]
    NoColumn {
        path: PathBuf,
        name: String,
        /// The nearest name that is there, in words.
        hint: String,
    },
    /// A column cannot be read as what is asked for.
    #[error("{path}: column `{name}`: {reason}", path = path.display())]
    Column {
        path: PathBuf,
        name: String,
        reason: String,
    },
}
