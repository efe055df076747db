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
    /// It is another kind of file than those that are read, or is not to be read in this way.
    #[error("{path} is {what}", path = path.display())]
    Kind { path: PathBuf, what: String },
    /// It is another kind of file than those before it.
    #[error(
        "{path} is {kind}, and {first} is {first_kind}; name files of one kind, or the files of a folder by a \
         pattern such as 'FOLDER/*.parquet'",
        path = path.display(), first = first.display()
    )]
    Mixed {
        path: PathBuf,
        kind: &'static str,
        first: PathBuf,
        first_kind: &'static str,
    },
    /// A pattern that no file fits, or that is none.
    #[error("input pattern {pattern}: {reason}", pattern = pattern.display())]
    Pattern { pattern: PathBuf, reason: String },
    /// What is written would take the place of what is read.
    #[error(
        "the output {output} would be written over, or into, the input {input}; name another place",
        output = output.display(), input = input.display()
    )]
    OverInput { output: PathBuf, input: PathBuf },
    /// Rows cannot be put into order.
    #[error(
        "cannot sort the rows by time (temporary files lie beside {path}): {source}",
        path = path.display()
    )]
    Sort {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file begins like Parquet, and is none.
    #[error("cannot read {path} as Parquet: {reason}; is it whole?", path = path.display())]
    Parquet { path: PathBuf, reason: String },
    /// The file is not CSV throughout.
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
