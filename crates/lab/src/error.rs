//! Why something cannot be computed or compared.

use std::path::PathBuf;

use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use polars::error::PolarsError;

/// Why something cannot be computed or compared. None of them goes away by trying again.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file cannot be opened, read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not the Parquet that it should be.
    #[error("cannot {action} {path} as parquet: {source}", path = path.display())]
    Parquet {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: ParquetError,
    },
    /// A catalog that is no catalog.
    #[error("catalog: {message}")]
    Declaration {
        /// What and where.
        message: String,
    },
    /// A column that is needed and not there.
    #[error(
        "{path} has no column `{name}`{hint}; name it with --column {name}=THEIRS",
        path = path.display()
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        name: String,
        /// The nearest column of the file, in words.
        hint: String,
    },
    /// A column that does not convert to the type of its canonical column.
    #[error("column `{name}`: {message}")]
    Column {
        /// The column.
        name: String,
        /// Why not, and what to do.
        message: String,
    },
    /// Two tables that cannot be joined.
    #[error("cannot compare: {message}")]
    Join {
        /// Why not.
        message: String,
    },
    /// Arrow refuses an operation on columns.
    #[error("columns: {0}")]
    Arrow(#[from] ArrowError),
    /// Polars refuses a query.
    #[error("polars: {0}")]
    Polars(#[from] PolarsError),
}
