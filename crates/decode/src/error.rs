//! What is wrong with a `[decode]` table.

use tillwatch_records::error::Remedy;

/// Why settings do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A name under `[decode.fields]`, or in a derived event id, that is no column.
    #[error("decode: `{name}` is not a known column{hint}")]
    UnknownColumn {
        /// As written.
        name: String,
        /// The nearest known name, in words.
        hint: String,
    },
    /// A path that cannot be followed.
    #[error("decode: the path `{path}` of column `{column}` {problem}")]
    BadPath {
        /// The column.
        column: &'static str,
        /// As written.
        path: String,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// A path that leads to data that must not be kept after authorisation.
    #[error(
        "decode: column `{column}` may not be read from `{path}`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead"
    )]
    Sensitive {
        /// The column.
        column: &'static str,
        /// As written.
        path: String,
    },
    /// One path is an object for one column and a value for another.
    #[error(
        "decode: `{path}` is read as a value and as an object with fields; map only one of them"
    )]
    PathConflict {
        /// The path that is both.
        path: String,
    },
    /// A column that takes no mapping of this sort.
    #[error("decode: column `{column}` {problem}")]
    NotMappable {
        /// The column.
        column: &'static str,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// A constant that its column cannot hold.
    #[error("decode: the constant of column `{column}` is refused: {problem}")]
    BadConstant {
        /// The column.
        column: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The record type is looked for in two places.
    #[error("decode: record_type names both a field and a header; keep one of them")]
    TwoRecordTypeSources,
}

impl DecodeError {
    /// Settings must be changed by a person.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}
