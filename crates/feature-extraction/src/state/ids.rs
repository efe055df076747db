//! Which event ids a key has accepted lately, and what the records under them said.
//!
//! An id is known while a record of it lies within the dedup horizon before the newest time of its own key.
//! Nothing here depends on other keys. A few ids are a list that is looked through, many are a table.
//!
//! The newest record of an id is kept under the id itself. Further records of it with another content are
//! kept each under a hash of the id and of what they said. So an id that comes a million times is found as
//! fast as one that comes once, and a repeat of any of its records is known.
//!
//! Cost: at most [`LISTED_MAX`] comparisons or one look-up per record, two where an id comes again; O(1)
//! amortised to forget. Space: 24 bytes per key, and 20 to 80 per record of the horizon, 60 at least. Of an
//! id 64 bits are kept and of a content 32: two of a million ids are taken for one about once in 40 million
//! such horizons.

mod record;
mod tabled;
#[cfg(test)]
mod tests;

use bytemuck::Zeroable;

pub(crate) use self::record::{Forgotten, ID_BYTES, Named};
use self::record::{Id, Kept};
use self::tabled::{IDS_MAX, LISTED_MAX, LISTED_MIN, TABLED_MIN, Tabled};
use crate::identity::IdHasher;
use crate::structures::PodMap;
use crate::words::{halves, take, take_run};

/// Least number of ids that a key may have, however small the budget is.
const IDS_MIN: usize = 64;

/// Part of the budget of a lane that the ids of one key may take.
const BUDGET_PART: usize = 4;

/// Bytes per id of a table at its least load.
const TABLED_BYTES: usize = 54;

/// Whole ids per cache line.
const LINE_IDS: usize = 3;

/// Words of a written id.
const ID_WORDS: usize = size_of::<Id>() / size_of::<u32>();

/// How a written list and a written table begin.
const LIST: u32 = 0;
const TABLE: u32 = 1;

/// The ids of one key.
#[derive(Debug)]
pub(crate) enum Ids {
    /// In an order that means nothing.
    Listed(Vec<Id>),
    Tabled(Box<Tabled>),
}

/// What a key knows of the id of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing at all.
    Never,
    /// Records that lie before the horizon.
    Past,
    /// A record that said the same.
    Same,
    /// Records that said something else.
    Other,
}

/// Most ids of one key in a lane whose state may take `bytes_max`. A key that has more forgets the older half
/// of its horizon, as often as needed.
pub(crate) fn ids_max(bytes_max: u64) -> usize {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    (bytes_max / BUDGET_PART / TABLED_BYTES).clamp(IDS_MIN, IDS_MAX)
}

/// Ids that a list has room for in which so many may be needed at once.
pub(crate) fn room_for_ids(used: f64) -> f64 {
    let mut room = LISTED_MIN as f64;
    while used > room * 3.0 / 4.0 {
        room *= 2.0;
    }
    room
}

impl Default for Ids {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Ids {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Listed(list) => list.capacity() * ID_BYTES,
            Self::Tabled(table) => size_of::<Tabled>() + table.kept.bytes(),
        }
    }

    /// Forgets every id and gives the room back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Reads a word of every cache line that looking for `hash` needs, so that the processor fetches those of
    /// many keys at once. A hash of 0 is none.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) -> u32 {
        match self {
            Self::Listed(list) => {
                let lines = list.iter().step_by(LINE_IDS).chain(list.last());
                lines.fold(0, |seen, id| seen ^ id.hash[0])
            }
            Self::Tabled(table) => u32::from(hash != 0 && table.kept.get(hash).is_some()),
        }
    }

    /// What is known of the id of `named`.
    #[inline]
    pub(crate) fn find(&self, named: &Named, hasher: &IdHasher) -> Seen {
        let Some(newest) = self.get(named.id) else {
            return Seen::Never;
        };
        if newest.time_ms < named.oldest_ms {
            return Seen::Past;
        }
        let says_the_same = newest.content == named.content;
        if says_the_same && (named.is_repeat || newest.second() == named.second()) {
            return Seen::Same;
        }
        self.find_content(named, hasher)
    }

    /// Remembers an accepted record, if it has an id, of which [`Ids::find`] has found `seen`.
    #[inline]
    pub(crate) fn remember(
        &mut self,
        named: &Named,
        seen: Seen,
        (hasher, ids_max): (&IdHasher, usize),
    ) -> Forgotten {
        if named.id == 0 {
            return Forgotten::NONE;
        }
        let own = named.kept();
        if seen == Seen::Never {
            return self.put(named.id, own, true, (named, ids_max));
        }
        let newest = self.get(named.id);
        let newest = newest.filter(|newest| newest.time_ms >= named.oldest_ms);
        let key_of = |kept: Kept| hasher.of_content(named.id, kept.second(), kept.content);
        match newest {
            None => self.put(named.id, own, false, (named, ids_max)),
            Some(newest) if newest.time_ms > own.time_ms => {
                self.put(key_of(own), own, false, (named, ids_max))
            }
            // It takes the place of the newest, which is kept under what it said.
            Some(newest) => {
                let before = self.put(key_of(newest), newest, false, (named, ids_max));
                before.and(self.put(named.id, own, false, (named, ids_max)))
            }
        }
    }

    /// Appends everything as words: `0 | capacity | length | ids`, or `1 | full at | table`.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        match self {
            Self::Listed(list) => {
                out.extend([LIST, list.capacity() as u32, list.len() as u32]);
                out.extend_from_slice(bytemuck::cast_slice(list));
            }
            Self::Tabled(table) => {
                let Tabled { kept, full_at } = &**table;
                out.extend([TABLE, *full_at as u32]);
                kept.write(out);
            }
        }
    }

    /// What was written; nothing when it cannot have been.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        match take(words)? {
            LIST => {
                let (capacity, length) = (take(words)? as usize, take(words)? as usize);
                if length > capacity || capacity > capacity_max(length) {
                    return None;
                }
                let written = take_run(words, length * ID_WORDS)?;
                let mut list = Vec::new();
                list.reserve_exact(capacity);
                list.resize(length, Id::zeroed());
                bytemuck::cast_slice_mut(&mut list).copy_from_slice(written);
                // No id has this hash: a record without an id is not remembered.
                let is_sound = list.iter().all(|id: &Id| id.hash != [0; 2]);
                is_sound.then_some(Self::Listed(list))
            }
            TABLE => {
                let full_at = take(words)? as usize;
                let kept = PodMap::read_from(words)?;
                let is_sound = kept.len() >= TABLED_MIN && full_at <= IDS_MAX;
                let table = Tabled { kept, full_at };
                is_sound.then(|| Self::Tabled(Box::new(table)))
            }
            _ => None,
        }
    }

    /// What is kept under `hash`. A hash of 0 is none.
    #[inline]
    fn get(&self, hash: u64) -> Option<Kept> {
        match self {
            _ if hash == 0 => None,
            Self::Listed(list) => {
                let wanted = halves(hash);
                let mut ids = list.iter();
                ids.find(|id| id.hash == wanted).map(Id::kept)
            }
            Self::Tabled(table) => table.kept.get(hash),
        }
    }

    /// Whether one of the older records of an id said the same.
    #[cold]
    fn find_content(&self, named: &Named, hasher: &IdHasher) -> Seen {
        let key = hasher.of_content(named.id, named.second(), named.content);
        let known = self.get(key).filter(|known| {
            known.time_ms >= named.oldest_ms
                && (known.second(), known.content) == (named.second(), named.content)
        });
        known.map_or(Seen::Other, |_| Seen::Same)
    }

    /// Keeps `kept` under `hash`. What is new is not looked for.
    #[inline]
    fn put(
        &mut self,
        hash: u64,
        kept: Kept,
        is_new: bool,
        (named, ids_max): (&Named, usize),
    ) -> Forgotten {
        match self {
            Self::Listed(list) => {
                let id = Id::of(hash, kept);
                let mut known = list.iter_mut();
                if !is_new && let Some(known) = known.find(|known| known.hash == id.hash) {
                    *known = id;
                } else if list.len() < list.capacity() || make_room(list, named.oldest_ms) {
                    list.push(id);
                } else {
                    let mut table = Tabled::of(list);
                    table.kept.insert(hash, kept);
                    *self = Self::Tabled(Box::new(table));
                }
                Forgotten::NONE
            }
            Self::Tabled(table) => {
                let mut forgotten = Forgotten::NONE;
                if table.kept.len() >= table.full_at.min(ids_max) {
                    forgotten = table.forget(named, ids_max);
                }
                table.kept.insert(hash, kept);
                if table.kept.len() < TABLED_MIN {
                    let list = table.to_list();
                    *self = Self::Listed(list);
                }
                forgotten
            }
        }
    }
}

/// Most ids that a list of so many has room for.
fn capacity_max(length: usize) -> usize {
    (4 * length).clamp(LISTED_MIN, LISTED_MAX)
}

/// Makes room in a full list, by forgetting what may be forgotten or by growing; gives whether there is some.
#[cold]
fn make_room(list: &mut Vec<Id>, oldest_ms: i64) -> bool {
    list.retain(|id| id.kept().time_ms >= oldest_ms);
    let (length, capacity) = (list.len(), list.capacity());
    if capacity > capacity_max(length) {
        list.shrink_to((2 * length).max(LISTED_MIN));
    } else if length * 4 > capacity * 3 || capacity == 0 {
        let wanted = (2 * capacity).max(LISTED_MIN);
        if wanted <= LISTED_MAX {
            list.reserve_exact(wanted - length);
        }
    }
    list.len() < list.capacity()
}
