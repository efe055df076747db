//! Which columns an aggregate reads, and over which records it is taken.

use tillwatch_records::column::ColumnType;

/// Which columns an aggregate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    /// At most one column, which must not be null.
    OptionalColumn,
    /// One integer column.
    Integer,
    /// One number column or an expression.
    Number,
    /// One integer column or an expression.
    Sequence,
    /// One or more columns.
    Tuple,
    /// Latitude and longitude, which have defaults.
    Place,
    /// An expression.
    Expression,
}

/// Over which records an aggregate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// A window.
    Window,
    /// A window, or all earlier records weighted by age.
    WindowOrMemory,
    /// All earlier records weighted by age.
    Memory,
    /// None.
    None,
}

impl Takes {
    /// What is wrong with `kind` as the type of a column, in words.
    pub(super) fn objection(self, kind: ColumnType) -> Option<&'static str> {
        let is_number = matches!(kind, ColumnType::Int64 | ColumnType::Float64);
        match self {
            Self::Integer if kind != ColumnType::Int64 => {
                Some("an integer, so that sums are exact")
            }
            Self::Sequence if kind != ColumnType::Int64 => Some("an integer, or an `expression`"),
            Self::Number if !is_number => Some("a number, or an `expression`"),
            Self::Place if kind != ColumnType::Float64 => Some("degrees as a decimal number"),
            _ => None,
        }
    }
}
