//! Keys that were evicted and that a store may still know.

use foldhash::quality::FixedState;
use indexmap::IndexSet;

use super::key_hash::key_hasher;

/// A set that a few can be taken from at a time.
type Names = IndexSet<Box<[u8]>, FixedState>;

/// The names of keys that a store may know and the lane does not: what cuts write as tombstones. At most as
/// many are fresh as keys were ever in a cut at once and in those tombstones that are frozen.
#[derive(Debug)]
pub(super) struct Gone {
    /// Evicted since the last cut began.
    fresh: Names,
    /// Evicted before it, and not yet written.
    frozen: Names,
}

impl Default for Gone {
    fn default() -> Self {
        let names = || Names::with_hasher(key_hasher());
        Self {
            fresh: names(),
            frozen: names(),
        }
    }
}

impl Gone {
    /// Notes that a key that a store may know is gone.
    pub(super) fn note(&mut self, key: &[u8]) {
        self.fresh.insert(key.into());
    }

    /// Notes that a key is there, new or again; gives whether a store may know it.
    pub(super) fn is_back(&mut self, key: &[u8]) -> bool {
        self.fresh.swap_remove(key) || self.frozen.contains(key)
    }

    /// Begins a cut.
    pub(super) fn freeze(&mut self) {
        std::mem::swap(&mut self.fresh, &mut self.frozen);
    }

    /// The next of what is frozen.
    pub(super) fn next_frozen(&mut self) -> Option<Box<[u8]>> {
        self.frozen.pop()
    }

    /// Whether nothing is frozen.
    pub(super) fn is_whole(&self) -> bool {
        self.frozen.is_empty()
    }
}
