//! How many fields something was found of.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;

/// How many fields something was found of, by column and by what it was. Empty takes no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldCounts(BTreeMap<(Arc<str>, &'static str), u64>);

impl FieldCounts {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts `count` fields of `column`, of which `cause` was found.
    pub fn add(&mut self, column: &Arc<str>, cause: &'static str, count: u64) {
        *self.0.entry((Arc::clone(column), cause)).or_default() += count;
    }

    /// What `more` has that was not counted yet, by column and cause.
    pub fn new_in<'m>(&self, more: &'m Self) -> Vec<(&'m str, &'static str)> {
        let new = more.0.keys().filter(|found| !self.0.contains_key(*found));
        new.map(|(column, cause)| (&**column, *cause)).collect()
    }

    /// Column, cause and count, in the order of columns' names and of causes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        let counts = self.0.iter();
        counts.map(|((column, cause), count)| (&**column, *cause, *count))
    }
}

impl AddAssign<&Self> for FieldCounts {
    fn add_assign(&mut self, other: &Self) {
        for ((column, cause), count) in &other.0 {
            self.add(column, cause, *count);
        }
    }
}
