//! The state of one key, as it is lent to whoever folds a record.

use super::gap::{self, GapSlot};
use super::history::History;
use super::ids::Ids;
use crate::structures::{Decayed, HeldSlot, Queue};

/// The state of one key.
pub(crate) struct KeyParts<'a> {
    pub(crate) history: &'a mut History,
    pub(crate) ids: &'a mut Ids,
    /// What it may lack.
    pub(crate) gap: &'a mut GapSlot,
    /// One per [`Plan::extremes`].
    pub(crate) queues: &'a mut [Queue],
    /// One per [`Plan::holdings`].
    pub(crate) holdings: &'a mut [HeldSlot],
    /// One per [`Plan::decayed`].
    pub(crate) decayed: &'a mut [Decayed],
}

impl KeyParts<'_> {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        let mut bytes = self.history.bytes() + self.ids.bytes() + gap::bytes(self.gap);
        for queue in &*self.queues {
            bytes += queue.bytes();
        }
        for held in &*self.holdings {
            bytes += held.as_ref().map_or(0, |held| held.bytes());
        }
        for decayed in &*self.decayed {
            bytes += decayed.bytes();
        }
        bytes
    }
}
