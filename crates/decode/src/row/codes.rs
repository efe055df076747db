//! What rows remember of codes.

use tillwatch_records::code::{Edition, TABLE, UnknownCodes};

/// What is remembered of the codes of a record, and of those before it.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    /// What the record says of its edition.
    pub(super) edition: Edition,
    /// The digit that the record's entry mode said of PINs.
    pub(super) pin_capability: Option<u8>,
    /// Room for a code that is brought to its form.
    pub(super) mended: Vec<u8>,
    /// Columns of the record whose code is not known, a bit each.
    unknown: Columns,
    /// Of the records that have become rows.
    counts: UnknownCodes,
}

/// A bit for each column of codes.
type Columns = u32;

const _: () = assert!(TABLE.len() <= Columns::BITS as usize);

impl Codes {
    /// Counts the unknown codes of the record that has become a row.
    #[inline]
    pub(crate) fn keep(&mut self) {
        if self.unknown != 0 {
            self.count();
        }
    }

    /// Forgets the record, which has become none.
    pub(crate) fn forget(&mut self) {
        self.unknown = 0;
        self.pin_capability = None;
    }

    /// What was counted since the last call.
    pub(crate) fn take(&mut self) -> UnknownCodes {
        std::mem::take(&mut self.counts)
    }

    /// Notes that the record's code of the column at position `at` among those of codes is not known.
    pub(super) fn note_unknown(&mut self, at: usize) {
        self.unknown |= 1 << at;
    }

    #[cold]
    fn count(&mut self) {
        while self.unknown != 0 {
            self.counts.count(self.unknown.trailing_zeros() as usize);
            self.unknown &= self.unknown - 1;
        }
    }
}
