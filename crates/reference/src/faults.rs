//! What is wrong with the rows of a table.

use crate::error::ReferenceError;

/// Faults that are named: more than a person mends before the next try.
const NAMED_MAX: usize = 20;

/// Collects what is wrong with rows, so that a person can mend all of it at once.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    named: Vec<ReferenceError>,
    more: usize,
}

impl Faults {
    pub(crate) fn push(&mut self, fault: ReferenceError) {
        if self.named.len() < NAMED_MAX {
            self.named.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// An error where there is any.
    pub(crate) fn check(mut self) -> Result<(), ReferenceError> {
        match (self.named.len(), self.more) {
            (0, _) => Ok(()),
            (1, 0) => self.named.pop().map_or(Ok(()), Err),
            (_, more) => Err(ReferenceError::Several {
                errors: self.named,
                more,
            }),
        }
    }
}
