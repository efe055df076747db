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
        column: String,
        /// As written.
        path: String,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// A path that leads to data that must not be kept after authorisation.
    #[error(
        "decode: column `{column}` may not be read from `{path}`: card numbers, track data, PIN \
         blocks and verification values are never built; map a keyed token instead"
    )]
    Sensitive {
        /// The column.
        column: String,
        /// As written.
        path: String,
    },
    /// One path is a value, an object or an array for one column and another of these for another.
    #[error("decode: `{path}` is read as two of value, object and array; map only one of them")]
    PathConflict {
        /// The path that is both.
        path: String,
    },
    /// A column that takes no mapping of this sort.
    #[error("decode: column `{column}` {problem}")]
    NotMappable {
        /// The column.
        column: String,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// A constant that its column cannot hold.
    #[error("decode: the constant of column `{column}` is refused: {problem}")]
    BadConstant {
        /// The column.
        column: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The record type is looked for in two places.
    #[error("decode: record_type names both a field and a header; keep one of them")]
    TwoRecordTypeOrigins,
    /// A format that nobody has written.
    #[error("decode: `{name}` is not a known format{hint}; known are {known}")]
    UnknownFormat {
        /// As written.
        name: String,
        /// The nearest known name, in words.
        hint: String,
        /// Every known name.
        known: String,
    },
    /// A schema for a format that describes itself.
    #[error("decode: format `{format}` takes no schema; remove it")]
    SchemaNotTaken {
        /// The format.
        format: &'static str,
    },
    /// A field of card numbers without a key.
    #[error(
        "decode: [decode.tokenise] has no key, so no token can be made; write `secret_file`, or set \
         TILLWATCH__DECODE__TOKENISE__SECRET"
    )]
    NoCardKey,
    /// A time at which keys change that is none.
    #[error(
        "decode: [decode.tokenise.previous] until = `{until}` is no time; write it as \
         2026-07-01T00:00:00Z"
    )]
    BadPreviousKey {
        /// As written.
        until: String,
    },
    /// A column of the site's own that cannot be.
    #[error("decode: the column `{column}` of [decode.columns] {problem}")]
    OwnColumn {
        /// The column.
        column: String,
        /// What is wrong and what to write.
        problem: &'static str,
    },
    /// A format of times that cannot be followed.
    #[error("decode: {place} {problem}")]
    TimeFormat {
        /// The setting.
        place: String,
        /// What is wrong and what to write.
        problem: String,
    },
    /// More columns of the site's own than are read.
    #[error(
        "decode: [decode.columns] has {count} columns, at most {max} are read; leave out those \
         that nothing names"
    )]
    TooManyOwnColumns {
        /// As many as there are.
        count: usize,
        /// The limit.
        max: usize,
    },
}

impl DecodeError {
    /// Settings must be changed by a person.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}
