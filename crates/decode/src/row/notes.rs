//! What rows remember of their fields beside the values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use tillwatch_records::{FieldCounts, Flags};

use crate::refusal::{ColumnRef, Fault, RefusalReason};
use crate::settings::OnInvalid;

/// What was found of the fields of a record, and of those before it. Nothing is allocated, and nothing is
/// done for a field, where nothing was found.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Of the record that is being read, each once.
    pending: Vec<Note>,
    taken: Taken,
}

/// What was found of the fields of a batch.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// How many rows each was found in.
    counts: BTreeMap<Note, u64>,
    /// One per row up to the last that has a mark; empty where none has.
    marks: Vec<Flags>,
}

/// Something that was found of a column of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    column: ColumnRef,
    finding: Finding,
}

/// What can be found of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    /// It could not be read, and is null.
    Invalid(RefusalReason),
}

impl Notes {
    /// Notes something of a column of the record that is being read.
    #[cold]
    pub(super) fn note(&mut self, column: ColumnRef, finding: Finding) {
        let note = Note { column, finding };
        if !self.pending.contains(&note) {
            self.pending.push(note);
        }
    }

    /// Notes that `column` has no value that can be read, unless the record is refused for it.
    ///
    /// # Errors
    /// Gives the fault back, in its column.
    pub(super) fn note_invalid(
        &mut self,
        on_invalid: OnInvalid,
        column: ColumnRef,
        fault: Fault,
    ) -> Result<(), Fault> {
        let is_of_others = matches!(
            fault.reason,
            // Of the amount's currency.
            RefusalReason::UNKNOWN_CURRENCY | RefusalReason::MISSING_FIELD
        );
        let is_secret = fault.reason == RefusalReason::PAN_IN_CLEAR;
        if on_invalid == OnInvalid::Refuse || is_of_others || is_secret {
            return Err(fault.in_column(column));
        }
        self.note(column, Finding::Invalid(fault.reason));
        Ok(())
    }

    /// Keeps what was found of the record, which has become this `row`.
    #[inline]
    pub(crate) fn keep(&mut self, row: usize) {
        if !self.pending.is_empty() {
            self.count(row);
        }
    }

    /// Forgets the record, which has become none.
    pub(crate) fn forget(&mut self) {
        self.pending.clear();
    }

    /// What was found since the last call.
    pub(crate) fn take(&mut self) -> Taken {
        std::mem::take(&mut self.taken)
    }

    #[cold]
    fn count(&mut self, row: usize) {
        let mut mark = Flags::empty();
        for note in self.pending.drain(..) {
            mark |= note.finding.mark();
            *self.taken.counts.entry(note).or_default() += 1;
        }
        if !mark.is_empty() {
            self.taken.marks.resize(row, Flags::empty());
            self.taken.marks.push(mark);
        }
    }
}

impl Taken {
    /// The marks of the `rows` rows of the batch; none where no row has any.
    pub(crate) fn marks(&mut self, rows: usize) -> Vec<Flags> {
        let mut marks = std::mem::take(&mut self.marks);
        if !marks.is_empty() {
            marks.resize(rows, Flags::empty());
        }
        marks
    }

    /// How many fields could not be read; `own` has the site's columns that are read.
    pub(crate) fn invalid(&self, own: &Schema) -> FieldCounts {
        let mut invalid = FieldCounts::default();
        for (note, count) in &self.counts {
            let Finding::Invalid(reason) = note.finding;
            let column = Arc::from(note.column.name(own));
            invalid.add(&column, reason.code(), *count);
        }
        invalid
    }
}

impl Finding {
    /// What a score of the record says of it.
    fn mark(self) -> Flags {
        match self {
            Self::Invalid(_) => Flags::FIELD_INVALID,
        }
    }
}
