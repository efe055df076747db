//! Which keys' alerts have changed since the last cut.

use foldhash::fast::FixedState;
use indexmap::IndexSet;
use tillwatch_records::cut::Entries;

use super::image::push_image;
use super::sent::Sent;
use crate::limits::ALERT_STATES_MAX;

/// Keys that are noted as changed between two cuts. Those that are remembered are at most half of it, so it is
/// full only where as many were forgotten meanwhile: then a cut of everything costs no more than one of what
/// has changed.
const TOUCHED_MAX: usize = 2 * ALERT_STATES_MAX;

/// Each once.
type KeySet = IndexSet<Box<str>, FixedState>;

/// The keys whose alerts have changed since the last cut, and those of a cut that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether `touched` is complete.
    is_tracked: bool,
    touched: KeySet,
    /// Keys of the cut under way whose alerts are as they were when it began.
    frozen: KeySet,
    /// Those that have changed since, as they were.
    saved: Entries,
}

impl Changes {
    pub(super) fn is_tracked(&self) -> bool {
        self.is_tracked
    }

    /// From now on `touched` is what has changed. A cut under way is given up.
    pub(super) fn track<'a>(&mut self, touched: impl Iterator<Item = &'a str>) {
        self.frozen.clear();
        self.saved.clear();
        self.touched = touched.map(Box::from).collect();
        self.is_tracked = true;
    }

    /// Takes note that the alerts of `key`, which are `known`, are about to change.
    pub(super) fn touch(&mut self, key: &str, known: Option<&[Sent]>) {
        self.save(key, known);
        if self.is_tracked && !self.touched.contains(key) {
            self.note(key.into());
        }
    }

    /// As [`Changes::touch`], of a key that is forgotten.
    pub(super) fn forget(&mut self, key: Box<str>, known: &[Sent]) {
        self.save(&key, Some(known));
        if self.is_tracked {
            self.note(key);
        }
    }

    /// Begins a cut of what has changed; the one before is whole.
    pub(super) fn begin_cut(&mut self) {
        debug_assert!(self.frozen.is_empty() && self.saved.is_empty());
        std::mem::swap(&mut self.frozen, &mut self.touched);
    }

    /// Appends the images of at most `keys_max` keys whose alerts `known` gives, and of those that were saved
    /// since the last call; whether the cut is whole.
    pub(super) fn continue_cut<'a>(
        &mut self,
        out: &mut Entries,
        keys_max: usize,
        known: impl Fn(&str) -> Option<&'a [Sent]>,
    ) -> bool {
        out.append(&mut self.saved);
        for _ in 0..keys_max {
            let Some(key) = self.frozen.pop() else {
                break;
            };
            push_image(out, &key, known(&key));
        }
        self.frozen.is_empty()
    }

    /// Lets the next cut hold at most `keys_max` keys of the one under way, which is given up; whether none is
    /// left.
    pub(super) fn put_back(&mut self, keys_max: usize) -> bool {
        // These have changed since, so the next cut holds them already.
        self.saved.clear();
        for _ in 0..keys_max {
            let Some(key) = self.frozen.pop() else {
                break;
            };
            if self.is_tracked {
                self.note(key);
            }
        }
        self.frozen.is_empty()
    }

    /// Bytes of images that wait to be taken.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.saved.bytes()
    }

    /// Bytes allocated, about.
    pub(super) fn bytes(&self) -> usize {
        const KEY_BYTES: usize = 64;
        let slot = size_of::<Box<str>>() + 2 * size_of::<usize>();
        let sets = [&self.touched, &self.frozen];
        let sets = sets.map(|set| set.capacity() * slot + set.len() * KEY_BYTES);
        sets.iter().sum::<usize>() + self.saved.bytes()
    }

    /// Keeps what a cut under way is to say of `key`.
    fn save(&mut self, key: &str, known: Option<&[Sent]>) {
        if !self.frozen.is_empty() && self.frozen.swap_remove(key) {
            push_image(&mut self.saved, key, known);
        }
    }

    fn note(&mut self, key: Box<str>) {
        if self.touched.len() >= TOUCHED_MAX {
            self.is_tracked = false;
            self.touched = KeySet::default();
            return;
        }
        self.touched.insert(key);
    }
}
