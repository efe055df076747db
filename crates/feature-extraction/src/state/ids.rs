//! Which event ids a key has accepted lately.
//!
//! An id is known again while its record lies within the dedup horizon before the newest time of its own key.
//! Nothing here depends on other keys. A few ids are a list that is looked through, many are a table.
//!
//! Cost: at most [`LISTED_MAX`] comparisons or one look-up per record; O(1) amortised to forget. Space: 24
//! bytes per key, and 16 to 64 per id of the horizon, 32 at least. Only 64-bit hashes are kept: two of a
//! million ids are taken for one about once in 40 million such horizons.

use bytemuck::{Pod, Zeroable};

use crate::structures::PodMap;
use crate::words::{take, take_run};

/// Most ids of a list: they lie in eight cache lines.
const LISTED_MAX: usize = 32;

/// Ids that a list first has room for.
const LISTED_MIN: usize = 2;

/// Ids in a table below which it becomes a list again: far from where a list becomes a table.
const TABLED_MIN: usize = LISTED_MAX / 2;

/// Most ids of a key, so that a flood to one key cannot fill the lane: 4 million take at most 171 MiB and
/// cover 19 minutes at 3,500 records/s.
const IDS_MAX: usize = 4 * 1024 * 1024;

/// Least number of ids that a key may have, however small the budget is.
const IDS_MIN: usize = 64;

/// Part of the budget of a lane that the ids of one key may take.
const BUDGET_PART: usize = 4;

/// Bytes per id of a table at its least load.
const ID_BYTES: usize = 43;

/// Ids per cache line.
const LINE_IDS: usize = 4;

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

/// An id and the event time of the accepted record that has it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Id {
    hash: u64,
    time_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Tabled {
    times_ms: PodMap<i64>,
    /// Number of ids at which those past the horizon are looked for.
    full_at: usize,
}

/// The id of a record that is accepted, and the times that decide what its key knows from then on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    /// Hash of the id; 0 where the record has none.
    pub(crate) hash: u64,
    /// Whether [`Ids::time_of`] found nothing: then it is not looked for again.
    pub(crate) is_new: bool,
    /// Event time of the record.
    pub(crate) now_ms: i64,
    /// The newest event time of the key.
    pub(crate) newest_ms: i64,
    /// What lies before it may be forgotten.
    pub(crate) oldest_ms: i64,
}

/// Most ids of one key in a lane whose state may take `bytes_max`. A key that has more forgets the older half
/// of its horizon, as often as needed.
pub(crate) fn ids_max(bytes_max: u64) -> usize {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    (bytes_max / BUDGET_PART / ID_BYTES).clamp(IDS_MIN, IDS_MAX)
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
            Self::Listed(list) => list.capacity() * size_of::<Id>(),
            Self::Tabled(table) => size_of::<Tabled>() + table.times_ms.bytes(),
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
                let lines = list.iter().step_by(LINE_IDS);
                lines.fold(0, |seen, id| seen ^ id.hash as u32)
            }
            Self::Tabled(table) => u32::from(hash != 0 && table.times_ms.get(hash).is_some()),
        }
    }

    /// Event time of the last accepted record with this id. A hash of 0 is none.
    #[inline]
    pub(crate) fn time_of(&self, hash: u64) -> Option<i64> {
        match self {
            _ if hash == 0 => None,
            Self::Listed(list) => {
                let mut ids = list.iter();
                ids.find(|id| id.hash == hash).map(|id| id.time_ms)
            }
            Self::Tabled(table) => table.times_ms.get(hash),
        }
    }

    /// Remembers the id of an accepted record, if it has one. Gives how many ids within the horizon were
    /// forgotten because there were more than `ids_max`.
    #[inline]
    pub(crate) fn remember(&mut self, accepted: Accepted, ids_max: usize) -> u64 {
        let (hash, time_ms) = (accepted.hash, accepted.now_ms);
        match self {
            _ if hash == 0 => 0,
            Self::Listed(list) => {
                let mut known = list.iter_mut().filter(|_| !accepted.is_new);
                if let Some(known) = known.find(|id| id.hash == hash) {
                    known.time_ms = time_ms;
                } else if list.len() < list.capacity() || make_room(list, accepted.oldest_ms) {
                    list.push(Id { hash, time_ms });
                } else {
                    let mut table = Tabled::of(list);
                    table.times_ms.insert(hash, time_ms);
                    *self = Self::Tabled(Box::new(table));
                }
                0
            }
            Self::Tabled(table) => {
                let mut early = 0;
                if table.times_ms.len() >= table.full_at.min(ids_max) {
                    early = table.forget(accepted, ids_max);
                }
                table.times_ms.insert(hash, time_ms);
                if table.times_ms.len() < TABLED_MIN {
                    let list = table.to_list();
                    *self = Self::Listed(list);
                }
                early
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
                out.extend([TABLE, table.full_at as u32]);
                table.times_ms.write(out);
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
                Some(Self::Listed(list))
            }
            TABLE => {
                let full_at = take(words)? as usize;
                let times_ms = PodMap::read_from(words)?;
                let is_sound = times_ms.len() >= TABLED_MIN && full_at <= IDS_MAX;
                let table = Tabled { times_ms, full_at };
                is_sound.then(|| Self::Tabled(Box::new(table)))
            }
            _ => None,
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
    list.retain(|id| id.time_ms >= oldest_ms);
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

impl Tabled {
    fn of(ids: &[Id]) -> Self {
        let mut times_ms = PodMap::default();
        for id in ids {
            times_ms.insert(id.hash, id.time_ms);
        }
        Self {
            full_at: times_ms.room(),
            times_ms,
        }
    }

    fn to_list(&self) -> Vec<Id> {
        let mut list = Vec::new();
        list.reserve_exact((2 * self.times_ms.len()).max(LISTED_MIN));
        let ids = self.times_ms.iter();
        list.extend(ids.map(|(hash, time_ms)| Id { hash, time_ms }));
        list
    }

    /// Forgets what is past the horizon; where that leaves more than three quarters of the most there may be,
    /// halves the span that is kept until it does not. Looks again when there are a third more, or no room
    /// for more. Gives how many ids within the horizon were forgotten.
    #[cold]
    fn forget(&mut self, accepted: Accepted, ids_max: usize) -> u64 {
        self.times_ms
            .retain(|_, time_ms| time_ms >= accepted.oldest_ms);
        let within = self.times_ms.len();
        let mut span_ms = accepted.newest_ms.saturating_sub(accepted.oldest_ms);
        while self.times_ms.len() * 4 > ids_max * 3 {
            if span_ms == 0 {
                self.times_ms.clear();
                break;
            }
            span_ms /= 2;
            let oldest_ms = accepted.newest_ms.saturating_sub(span_ms);
            self.times_ms.retain(|_, time_ms| time_ms >= oldest_ms);
        }
        let left = self.times_ms.len();
        let full_at = (left + left / 3).max(self.times_ms.room());
        self.full_at = full_at.clamp(TABLED_MIN, IDS_MAX);
        (within - left) as u64
    }
}

#[cfg(test)]
mod tests;
