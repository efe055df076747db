//! What the oracle knows of an aggregate: its value by definition, and what a random catalog may say of it.

use tillwatch_records::Column;

use super::feature::OracleFeature;
use super::random::Palette;
use super::value::OracleValue;
use super::window::Moment;

/// One aggregate.
pub(super) struct Definition {
    /// Its value for a record.
    pub(super) evaluate: fn(&OracleFeature, &Moment<'_, '_>) -> OracleValue,
    /// Columns that a random feature chooses from.
    pub(super) columns: &'static [&'static [Column]],
    /// Columns that are read where a feature names none.
    pub(super) default_columns: &'static [Column],
    /// Whether it folds one number of each record.
    pub(super) number: Number,
    pub(super) span: Span,
    /// Whether it takes a `resolution`, a `last` and a `label`.
    pub(super) panes: bool,
    pub(super) last: bool,
    pub(super) label: bool,
    /// Gives a random feature the keys that only this aggregate has.
    pub(super) own_keys: fn(&mut Palette, &mut OracleFeature),
}

/// Where the number of a record comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// There is none.
    None,
    /// A column, or an expression in its place.
    Column,
    /// An expression.
    Expression,
}

/// Over which records an aggregate is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// The record itself and what is remembered.
    None,
    Window,
    /// A window, or all earlier records weighted by age.
    WindowOrMemory,
    /// All earlier records weighted by age.
    Memory,
    /// As `Memory`, with a half-life where none is given.
    MemoryByDefault,
}

/// Numbers that most aggregates of numbers are tried on.
pub(super) const NUMBERS: &[&[Column]] = &[
    &[Column::AmountMinor],
    &[Column::AmountMinor],
    &[Column::Lat],
];

/// Numbers that are looked at one by one.
pub(super) const SINGLE_NUMBERS: &[&[Column]] =
    &[&[Column::AmountMinor], &[Column::Lat], &[Column::Stan]];

/// Integers that are summed.
pub(super) const INTEGERS: &[&[Column]] = &[
    &[Column::AmountMinor],
    &[Column::AmountMinor],
    &[Column::Stan],
];

/// Values that are told apart.
pub(super) const VALUES: &[&[Column]] = &[
    &[Column::CardToken],
    &[Column::CardToken, Column::ResponseCode],
    &[Column::Lat],
    &[Column::HardwareSerial],
];

impl Definition {
    /// An aggregate of a window, without columns.
    pub(super) const fn windowed(
        evaluate: fn(&OracleFeature, &Moment<'_, '_>) -> OracleValue,
    ) -> Self {
        Self {
            evaluate,
            columns: &[&[]],
            default_columns: &[],
            number: Number::None,
            span: Span::Window,
            panes: false,
            last: false,
            label: false,
            own_keys: |_, _| {},
        }
    }

    /// An aggregate without a window.
    pub(super) const fn without_window(
        evaluate: fn(&OracleFeature, &Moment<'_, '_>) -> OracleValue,
    ) -> Self {
        Self {
            span: Span::None,
            ..Self::windowed(evaluate)
        }
    }
}
