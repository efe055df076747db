//! `[decode.invalid]` with the names resolved.

use std::collections::BTreeMap;

use tillwatch_records::Column;

use super::mapping::column_called;
use crate::error::DecodeError;
use crate::settings::{DecodeSettings, OnInvalid};

/// The key that stands for all columns that are not named.
const DEFAULT: &str = "default";

/// What the settings say of values that cannot be read.
#[derive(Debug)]
pub(super) struct InvalidRule<'s> {
    default: OnInvalid,
    canonical: BTreeMap<Column, OnInvalid>,
    /// The site's own columns by name, among others.
    named: &'s BTreeMap<String, OnInvalid>,
}

impl<'s> InvalidRule<'s> {
    /// # Errors
    /// Fails at a name that no column has.
    pub(super) fn new(settings: &'s DecodeSettings) -> Result<Self, DecodeError> {
        let named = &settings.invalid;
        let mut canonical = BTreeMap::new();
        for (name, on_invalid) in named {
            if name != DEFAULT && !settings.columns.contains_key(name) {
                canonical.insert(column_called(name, settings)?, *on_invalid);
            }
        }
        Ok(Self {
            default: named.get(DEFAULT).copied().unwrap_or_default(),
            canonical,
            named,
        })
    }

    /// What is said of `column` by its name.
    pub(super) fn named(&self, column: Column) -> Option<OnInvalid> {
        self.canonical.get(&column).copied()
    }

    /// What is said of `column`.
    pub(super) fn of(&self, column: Column) -> OnInvalid {
        self.named(column).unwrap_or(self.default)
    }

    /// What is said of the site's own column called `name`.
    pub(super) fn of_own(&self, name: &str) -> OnInvalid {
        self.named.get(name).copied().unwrap_or(self.default)
    }

    /// The columns that are to be null where they cannot be read, by name.
    pub(super) fn null(&self) -> impl Iterator<Item = Column> {
        let named = self.canonical.iter();
        named
            .filter(|(_, on_invalid)| **on_invalid == OnInvalid::Null)
            .map(|(column, _)| *column)
    }
}
