//! A lane's state on its way to a store and back: `docs/rfc/0005-state.md`.

use std::ops::Range;

/// What of a lane's state is kept under keys of its own.
///
/// Ordered as it is written: two numbers for each stage, then what the lane keeps besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u16);

impl Space {
    /// Alerts sent, by the key that they were about.
    pub const ALERTS: Self = Self(u16::MAX);

    /// Where the numbers of stages end: 16,384 stages, more than any chain has.
    const STAGES_END: u16 = 0x8000;

    /// The keys of the stage at this position of the chain.
    pub const fn keys(stage: u16) -> Self {
        Self(2 * stage)
    }

    /// The cohorts of the stage at this position of the chain.
    pub const fn cohorts(stage: u16) -> Self {
        Self(2 * stage + 1)
    }

    /// The position of the stage whose keys or cohorts these are; `None` for what is of no stage.
    pub const fn stage(self) -> Option<u16> {
        if self.0 < Self::STAGES_END {
            Some(self.0 / 2)
        } else {
            None
        }
    }
}

/// A part of a lane's state that is small and written whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which one: unique within a lane, such as `stage/0` or `learner/<name>/<hash>`.
    pub name: String,
    /// Its state, in the owner's format.
    pub bytes: Vec<u8>,
}

/// What changed under keys since the cut before, in any order. A key is in one cut at most once.
///
/// One arena, so that it is a few allocations however many entries it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Keys and images, back to back.
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// One entry of [`Entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where the key lives.
    pub space: Space,
    /// Hash of the key: entries are sorted and spread by it.
    pub hash: u64,
    /// The key's bytes.
    pub key: &'a [u8],
    /// The state of the key in the owner's format; `None` when it has none any more.
    pub image: Option<&'a [u8]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    space: Space,
    hash: u64,
    key: Range<usize>,
    image: Option<Range<usize>>,
}

impl Entries {
    /// Appends an entry whose image `write` appends to the buffer that it is given, which is not empty.
    pub fn push(&mut self, space: Space, hash: u64, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let key = self.append_key(key);
        let start = self.bytes.len();
        write(&mut self.bytes);
        let image = Some(start..self.bytes.len());
        self.spans.push(Span {
            space,
            hash,
            key,
            image,
        });
    }

    /// Appends that a key has no state any more.
    pub fn push_gone(&mut self, space: Space, hash: u64, key: &[u8]) {
        let key = self.append_key(key);
        self.spans.push(Span {
            space,
            hash,
            key,
            image: None,
        });
    }

    /// Appends a copy of `entry`.
    pub fn push_entry(&mut self, entry: &Entry<'_>) {
        match entry.image {
            Some(image) => self.push(entry.space, entry.hash, entry.key, |out| {
                out.extend_from_slice(image);
            }),
            None => self.push_gone(entry.space, entry.hash, entry.key),
        }
    }

    /// Takes over all of `others`, which is then empty. The larger of the two stays where it lies and the
    /// smaller one is copied behind it: a lane stands still meanwhile, and the larger may be some 10 MiB.
    pub fn append(&mut self, others: &mut Self) {
        if self.bytes.len() < others.bytes.len() {
            std::mem::swap(self, others);
        }
        let shift = self.bytes.len();
        let moved = |range: Range<usize>| range.start + shift..range.end + shift;
        self.bytes.append(&mut others.bytes);
        self.spans.extend(others.spans.drain(..).map(|span| Span {
            key: moved(span.key),
            image: span.image.map(moved),
            ..span
        }));
    }

    /// Sorts by (space, hash, key), the order of a run.
    pub fn sort(&mut self) {
        let bytes = &self.bytes;
        self.spans.sort_unstable_by(|a, b| {
            let order = (a.space, a.hash).cmp(&(b.space, b.hash));
            order.then_with(|| bytes[a.key.clone()].cmp(&bytes[b.key.clone()]))
        });
    }

    /// Entries in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.spans.iter().map(|span| Entry {
            space: span.space,
            hash: span.hash,
            key: &self.bytes[span.key.clone()],
            image: span.image.clone().map(|image| &self.bytes[image]),
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of keys and images.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all entries and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    fn append_key(&mut self, key: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        start..self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(entries: &[(u16, u64, &str, Option<&str>)]) -> Entries {
        let mut made = Entries::default();
        for (space, hash, key, image) in entries {
            let key = key.as_bytes();
            match image {
                Some(image) => made.push(Space(*space), *hash, key, |out| {
                    out.extend_from_slice(image.as_bytes());
                }),
                None => made.push_gone(Space(*space), *hash, key),
            }
        }
        made
    }

    #[test]
    fn sorts_by_space_hash_and_key() {
        let mut mixed = pushed(&[
            (1, 1, "a", Some("4")),
            (0, 9, "b", Some("3")),
            (0, 9, "a", None),
            (0, 1, "z", Some("1")),
        ]);
        mixed.sort();
        let order: Vec<_> = mixed.iter().map(|e| (e.space.0, e.hash, e.key)).collect();
        let expected: [(u16, u64, &[u8]); 4] =
            [(0, 1, b"z"), (0, 9, b"a"), (0, 9, b"b"), (1, 1, b"a")];
        assert_eq!(order, expected);
    }

    #[test]
    fn spaces_of_stages_are_told_apart() {
        for stage in [0, 1, 2, 16_383] {
            let (keys, cohorts) = (Space::keys(stage), Space::cohorts(stage));
            assert_ne!(keys, cohorts);
            assert_eq!((keys.stage(), cohorts.stage()), (Some(stage), Some(stage)));
        }
        assert_eq!(Space::ALERTS.stage(), None);
    }

    #[test]
    fn appended_entries_say_the_same_and_the_larger_of_two_is_not_copied() {
        let all = [
            (0, 1, "a", Some("x")),
            (0, 2, "b", None),
            (3, 3, "", Some("yz, as long as it takes")),
        ];
        let small_and_large = || (pushed(&all[..1]), pushed(&all[1..]));
        let place = |entries: &Entries| {
            let last = entries.iter().find(|entry| entry.space == Space(3));
            last.unwrap().image.unwrap().as_ptr()
        };
        for is_small_first in [true, false] {
            let (small, mut large) = small_and_large();
            large.bytes.reserve(small.bytes.len());
            let lies = place(&large);
            let (mut first, mut rest) = match is_small_first {
                true => (small, large),
                false => (large, small),
            };
            first.append(&mut rest);
            assert!(rest.is_empty() && rest.bytes() == 0);
            // There was room behind it.
            assert_eq!(place(&first), lies);
            first.sort();
            assert!(first.iter().eq(pushed(&all).iter()));
        }
        let (mut first, _) = small_and_large();
        let mut taken = Entries::default();
        taken.append(&mut first.clone());
        assert_eq!(taken, first);
        taken.append(&mut Entries::default());
        assert_eq!(taken, first);
        let mut copied = Entries::default();
        first.iter().for_each(|entry| copied.push_entry(&entry));
        assert_eq!(copied, first);
        first.clear();
        assert!(first.is_empty());
    }
}
