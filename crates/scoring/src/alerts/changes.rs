//! Which keys' alerts have changed since the last cut.

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use tillwatch_records::cut::Entries;

use super::image::push_image;
use super::sent::Sent;

/// Keys by name, each with what a store may know of it.
type Keys = IndexMap<Box<str>, InStore, FixedState>;

/// What a store may know of a key that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InStore {
    /// It was never in a cut: where it is forgotten, no store is to be told.
    Never,
    Perhaps,
}

/// The keys whose alerts have changed since the last cut, and those of a cut that are not written yet. Each
/// list has at most the keys that are remembered, and those that were when the cut before began.
#[derive(Debug, Default)]
pub(super) struct Changes {
    is_tracked: bool,
    touched: Keys,
    /// Keys of the cut under way whose alerts are as they were when it began.
    frozen: Keys,
    /// Those that have changed since, as they were.
    saved: Entries,
}

impl Changes {
    pub(super) fn is_tracked(&self) -> bool {
        self.is_tracked
    }

    /// Changes are noted from now on, and `unknown` are the keys that no store knows. A cut under way is
    /// given up.
    pub(super) fn track<'a>(&mut self, unknown: impl Iterator<Item = &'a str>) {
        self.frozen.clear();
        self.saved.clear();
        let never = |key: &'a str| (Box::from(key), InStore::Never);
        self.touched = unknown.map(never).collect();
        self.is_tracked = true;
    }

    /// Takes note that the alerts of `key`, which are `known`, are about to change.
    pub(super) fn touch(&mut self, key: &str, known: Option<&[Sent]>) {
        let was_frozen = self.save(key, known);
        if self.is_tracked && !self.touched.contains_key(key) {
            // What was in a cut and is gone is frozen or touched, until a cut has said so.
            let in_store = match known {
                None if !was_frozen => InStore::Never,
                _ => InStore::Perhaps,
            };
            self.touched.insert(key.into(), in_store);
        }
    }

    /// As [`Changes::touch`], of a key that is forgotten.
    pub(super) fn forget(&mut self, key: Box<str>, known: &[Sent]) {
        self.save(&key, Some(known));
        if !self.is_tracked {
            return;
        }
        if self.touched.get(&key) == Some(&InStore::Never) {
            self.touched.swap_remove(&key);
        } else {
            self.touched.insert(key, InStore::Perhaps);
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
            let Some((key, _)) = self.frozen.pop() else {
                break;
            };
            push_image(out, &key, known(&key));
        }
        self.frozen.is_empty()
    }

    /// Lets the next cut hold at most `keys_max` keys of the one under way, which is given up; whether none
    /// is left.
    pub(super) fn put_back(&mut self, keys_max: usize) -> bool {
        // These have changed since, so the next cut holds them already.
        self.saved.clear();
        for _ in 0..keys_max {
            let Some((key, in_store)) = self.frozen.pop() else {
                break;
            };
            self.touched.insert(key, in_store);
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
        let slot = size_of::<(Box<str>, InStore)>() + 2 * size_of::<usize>();
        let lists = [&self.touched, &self.frozen];
        let lists = lists.map(|keys| keys.capacity() * slot + keys.len() * KEY_BYTES);
        lists.iter().sum::<usize>() + self.saved.bytes()
    }

    /// Keeps what a cut under way is to say of `key`; whether it is to say anything.
    fn save(&mut self, key: &str, known: Option<&[Sent]>) -> bool {
        let was_frozen = !self.frozen.is_empty() && self.frozen.swap_remove(key).is_some();
        if was_frozen {
            push_image(&mut self.saved, key, known);
        }
        was_frozen
    }
}
