//! Why a table is refused.

use tillwatch_records::error::Remedy;

/// Why rows are not a reference table. Rows count from 1, without a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// More rows than an index numbers.
    #[error("the table has {rows} rows, at most {max} are read; leave out entities that are gone")]
    TooManyRows {
        /// As many as there are.
        rows: usize,
        /// The limit.
        max: usize,
    },
    /// A column of the key that the table lacks.
    #[error("the key column `{column}` is missing{hint}; add it, or change [entity] key")]
    MissingKeyColumn {
        /// The column.
        column: &'static str,
        /// The nearest name that is there, in words.
        hint: String,
    },
    /// A key that cannot be compared with those of records.
    #[error(
        "the key column `{column}` has type {data_type}; write it as text, as records have it, so \
         that leading zeros survive"
    )]
    KeyNotText {
        /// The column.
        column: &'static str,
        /// Its Arrow type.
        data_type: String,
    },
    /// A row that names no entity.
    #[error("row {row}: `{column}` is missing; a row needs every column of the key")]
    MissingKey {
        /// The row.
        row: usize,
        /// The column.
        column: &'static str,
    },
    /// Two rows about one entity.
    #[error("row {row}: the key `{key}` is there already, in row {first}; keep one of them")]
    DuplicateKey {
        /// The second row.
        row: usize,
        /// The first one.
        first: usize,
        /// The key, its parts joined by `/`.
        key: String,
    },
    /// A type that expressions cannot read.
    #[error(
        "column `{column}` has type {data_type}; text, integers, decimals, floats, booleans, \
         dates and times are read: convert it or leave it out"
    )]
    Type {
        /// The column.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
    /// A value beyond the type that its column is given.
    #[error("column `{column}`: {reason}")]
    Value {
        /// The column.
        column: String,
        /// What does not fit.
        reason: String,
    },
    /// Two columns of one name, or a name that is derived here.
    #[error("column `{column}` {reason}; rename it or leave it out")]
    Name {
        /// The column.
        column: String,
        /// Why it cannot be called so.
        reason: &'static str,
    },
    /// `time_zone` or `opening_hours` that are no text.
    #[error("column `{column}` has type {data_type}; write it as text")]
    NotText {
        /// The column.
        column: &'static str,
        /// Its type.
        data_type: String,
    },
    /// A name that is no time zone.
    #[error(
        "row {row}: `{zone}` is not a time zone of the IANA database{hint}; write for example `Europe/Paris`"
    )]
    Zone {
        /// The row.
        row: usize,
        /// As written.
        zone: String,
        /// The nearest known name, in words.
        hint: String,
    },
    /// Opening hours that cannot be read.
    #[error("row {row}: opening hours `{hours}`: {reason}")]
    Hours {
        /// The row.
        row: usize,
        /// As written.
        hours: String,
        /// What is wrong and what to write.
        reason: String,
    },
    /// More than one thing is wrong with its rows.
    #[error("{}", listed(errors, *more))]
    Several {
        /// The first of them, in the order of their rows for each check.
        errors: Vec<ReferenceError>,
        /// How many there are besides.
        more: usize,
    },
    /// A table that does not have what is read of it.
    #[error(
        "column `{column}` is read by catalog or models{found}; put it back, or change those first"
    )]
    Lacks {
        /// The column, as it is called after joining.
        column: String,
        /// How the table differs, in words.
        found: String,
    },
}

impl ReferenceError {
    /// What a caller may do: every one of these needs a person to change the table.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}

fn listed(errors: &[ReferenceError], more: usize) -> String {
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let more = match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", words.join("; "))
}
