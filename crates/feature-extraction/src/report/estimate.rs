//! How many bytes a key takes at a given rate, from the same sizes that the state is made of.
//!
//! What a key takes does not follow from its mean rate alone: room is made in steps, for the most that
//! was needed so far. So sizes are those of the step that holds a busy stretch, averaged over how busy
//! it may have been.

use tillwatch_records::RecordKind;

use crate::mechanism::{HELD_MIN, SCAN_MAX};
use crate::plan::{Bound, HoldingSpec, Lasting, Needed, Plan};
use crate::state::{ALLOCATION_BYTES, COHORTS_MAX, ENTRY_BYTES, ID_BYTES, Slot, room_for_ids};
use crate::structures::table::distinct::{EXACT_MAX, HELD_MAX};
use crate::structures::{Decayed, Held, HeldSlot, Holding, Queue};

const DAY_MS: f64 = 86_400_000.0;

/// How far a key's busiest stretch lies above its mean, in standard deviations: room is averaged over
/// these.
const BUSY: [f64; 5] = [0.4, 1.0, 1.6, 2.2, 2.8];

/// Buckets that the values of a number fall into where they spread over five powers of two, as amounts of
/// money at one till do.
const BUCKETS: f64 = 320.0;

/// Half-lives after which a record is forgotten by a decayed histogram.
const HALF_LIVES: f64 = 40.0;

/// Mean room per entry of a list that grows by half, and of one that grows by an eighth.
const GROWN_BY_HALF: f64 = 1.23;
const GROWN_BY_EIGHTH: f64 = 1.06;

/// Mean slots per key of the index, which is filled to seven eighths and then doubled.
const INDEX_SLOTS: f64 = 1.65;

/// Rows of a new key, the open one among them.
const ROWS_AT_START: f64 = 3.0;

/// Bytes of a slot of a table of hashes and counts, of a bucket and its count, of a bucket and its weight,
/// and of an entry of a queue.
const TABLE_SLOT_BYTES: f64 = 12.0;
const BIN_BYTES: f64 = 8.0;
const WEIGHT_BYTES: f64 = 12.0;
const QUEUE_ENTRY_BYTES: f64 = 16.0;

/// Most bytes per cohort.
const COHORT_BYTES: usize = 112;

/// What the records of a key are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Transactions of a key in a day.
    pub transactions_per_day: f64,
    /// Terminal events of a key in a day.
    pub events_per_day: f64,
    /// Distinct values (cards, …) per record of a window.
    pub distinct_share: f64,
    /// Length of a key's name in bytes.
    pub key_bytes: usize,
}

impl Rates {
    /// A terminal with so many transactions a day: a tenth as many events, most cards new, a name such
    /// as `100111/M0000762/T0003343`.
    pub const fn of_terminal(transactions_per_day: f64) -> Self {
        Self {
            transactions_per_day,
            events_per_day: transactions_per_day / 10.0,
            distinct_share: 0.9,
            key_bytes: 24,
        }
    }
}

/// Bytes of a key that has been there for longer than its windows, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// All of it.
    pub bytes_per_key: f64,
    /// Of a row.
    pub bytes_per_record: usize,
    /// Rows that are kept: single records, and beyond them one per pane and those that windows with a
    /// resolution look at.
    pub rows_per_key: f64,
    /// Name, memories and rows.
    pub history: f64,
    /// Queues of extreme values.
    pub queues: f64,
    /// Values that large windows hold.
    pub holdings: f64,
    /// Decayed histograms.
    pub decayed: f64,
    /// Tables that find the key.
    pub tables: f64,
    /// Event ids that are known again.
    pub ids: f64,
    /// Most that the lane takes whatever its keys: cohorts.
    pub lane_bytes_max: usize,
}

impl Estimate {
    /// Keys whose state fits `bytes_max`.
    pub fn keys_in(&self, bytes_max: u64) -> u64 {
        let left = bytes_max.saturating_sub(self.lane_bytes_max as u64);
        (left as f64 / self.bytes_per_key) as u64
    }
}

impl Plan {
    /// Bytes of a key with these rates.
    pub fn estimate(&self, rates: &Rates) -> Estimate {
        let has_events = self.kinds.contains(&RecordKind::TerminalEvent);
        let events = if has_events {
            rates.events_per_day
        } else {
            0.0
        };
        let per_ms = (rates.transactions_per_day + events) / DAY_MS;
        let single = per_ms * self.retention_ms() as f64;
        let panes = self.panes(per_ms) + self.lasting_rows(per_ms, rates.distinct_share);
        let history = self.history_bytes(rates.key_bytes, single, panes);
        let extremes = self.extremes.iter();
        let queues = extremes
            .map(|spec| queue_bytes(per_ms * spec.reach_ms as f64))
            .sum();
        let holdings = self.holdings.iter().filter(|spec| spec.is_kept);
        let holdings = holdings
            .map(|spec| {
                let span_ms =
                    self.bounds[spec.start_bound].before_ms - self.bounds[spec.end_bound].before_ms;
                holding_bytes(spec, per_ms * span_ms as f64, rates.distinct_share)
            })
            .sum();
        let decayed = self.decayed.iter();
        let decayed = decayed
            .map(|spec| {
                let records = per_ms * spec.half_life.as_ms() as f64 * HALF_LIVES;
                buckets_of(records) * GROWN_BY_HALF * WEIGHT_BYTES
            })
            .sum();
        let tables = self.slot_bytes() as f64 * GROWN_BY_EIGHTH
            + ENTRY_BYTES as f64 * INDEX_SLOTS
            + ALLOCATION_BYTES as f64;
        let known = per_ms * self.settings.time.dedup_horizon.as_ms() as f64;
        let ids = averaged(|busy| room_for_ids(above(known, busy).max(1.0))) * ID_BYTES as f64;
        Estimate {
            bytes_per_key: history + queues + holdings + decayed + tables + ids,
            bytes_per_record: self.layout.places.stride * size_of::<u32>(),
            rows_per_key: single + panes,
            history,
            queues,
            holdings,
            decayed,
            tables,
            ids,
            lane_bytes_max: self.cohorts.len() * COHORTS_MAX * COHORT_BYTES,
        }
    }

    /// Bytes of a key in the tables of its bucket.
    fn slot_bytes(&self) -> usize {
        size_of::<Slot>()
            + size_of::<u32>()
            + self.extremes.len() * size_of::<Queue>()
            + self.holdings.len() * size_of::<HeldSlot>()
            + self.decayed.len() * size_of::<Decayed>()
    }

    /// Rows beyond the single records, one per pane that has a record.
    fn panes(&self, per_ms: f64) -> f64 {
        let mut sawtooth: Vec<&Bound> = self.bounds.iter().collect();
        sawtooth.retain(|bound| bound.resolution_ms > 0);
        sawtooth.sort_by_key(|bound| bound.resolution_ms);
        let (mut from_ms, mut panes) = (self.retention_ms(), 0.0);
        // Where panes of several lengths reach, the shortest begin most of the rows.
        for bound in sawtooth {
            let resolution_ms = bound.resolution_ms as f64;
            let to_ms = bound.before_ms + bound.resolution_ms / 2 + self.lateness_ms();
            let used = 1.0 - libm::exp(-per_ms * resolution_ms);
            panes += (to_ms - from_ms).max(0) as f64 / resolution_ms * used;
            from_ms = from_ms.max(to_ms);
        }
        panes
    }

    /// Rows beyond the single records that hold the newest of each value, or what may be an extreme.
    fn lasting_rows(&self, per_ms: f64, distinct_share: f64) -> f64 {
        let rows_of = |lasting: &Lasting| {
            let bound = &self.bounds[lasting.bound];
            let reach_ms = bound.before_ms + bound.resolution_ms / 2 + self.lateness_ms();
            let records = per_ms * (reach_ms - self.retention_ms()).max(0) as f64;
            match lasting.needed {
                Needed::Values { .. } => sampled(records * distinct_share),
                Needed::Extreme { .. } => unbeaten(records),
            }
        };
        // Windows of the same values look at the same rows, as far as the longest needs.
        let longest = |lasting: &Lasting| {
            let same = |other: &&Lasting| other.needed == lasting.needed;
            let others = self.lasting.iter().filter(same);
            others.map(rows_of).fold(0.0, f64::max)
        };
        let first = |at: usize| {
            let needed = self.lasting[at].needed;
            self.lasting[..at].iter().all(|l| l.needed != needed)
        };
        let distinct = (0..self.lasting.len()).filter(|at| first(*at));
        distinct.map(|at| longest(&self.lasting[at])).sum()
    }

    /// Bytes of a key's name, memories and rows.
    fn history_bytes(&self, key_bytes: usize, single: f64, panes: f64) -> f64 {
        let fixed = key_bytes.div_ceil(size_of::<u32>()) + self.fixed_words;
        let rows = averaged(|busy| room_for_rows(above(single, busy) + panes));
        (fixed as f64 + rows * self.layout.places.stride as f64) * size_of::<u32>() as f64
    }
}

/// The most that there is of what varies as a count does, `busy` deviations above its mean.
fn above(mean: f64, busy: f64) -> f64 {
    mean + busy * mean.sqrt()
}

fn averaged(size: impl Fn(f64) -> f64) -> f64 {
    BUSY.iter().map(|busy| size(*busy)).sum::<f64>() / BUSY.len() as f64
}

/// Rows that there is room for: it grows by a quarter, two rows at least, until less than five sixths of
/// it are used when it is full.
fn room_for_rows(used: f64) -> f64 {
    let mut room = ROWS_AT_START;
    while used > (room - 1.0) * 5.0 / 6.0 {
        room += (room / 4.0).floor().max(2.0);
    }
    room
}

/// Least power of two that is not below `entries`.
fn doubled(entries: f64) -> f64 {
    libm::exp2(libm::ceil(libm::log2(entries.max(1.0))))
}

/// Records that none after them beats, of so many whose values come in random order: the harmonic sum.
fn unbeaten(records: f64) -> f64 {
    libm::log(1.0 + records) + 0.58 * (1.0 - libm::exp(-records))
}

/// Records that tell of so many distinct values, as [`Newest`](crate::structures::table::distinct::Newest)
/// chooses them.
fn sampled(values: f64) -> f64 {
    let exact = EXACT_MAX as f64;
    values.min(exact) + exact / 2.0 * libm::log2((values / exact).max(1.0))
}

/// Bytes of the entries of a queue over `records`: those that none after them beats, and a few dead ones
/// are waited for before they are cleared away.
fn queue_bytes(records: f64) -> f64 {
    const DEAD: f64 = 4.0;
    let live = libm::log(1.0 + records) + 0.58;
    averaged(|busy| doubled((above(live, busy) + DEAD).max(4.0))) * QUEUE_ENTRY_BYTES
}

/// Bytes of the values that a window of `records` holds.
fn holding_bytes(spec: &HoldingSpec, records: f64, distinct_share: f64) -> f64 {
    averaged(|busy| {
        let most = above(records, busy);
        let least = records - busy * records.sqrt();
        // It is kept from when the window was large until it is small again.
        if most <= f64::from(SCAN_MAX) || least < f64::from(HELD_MIN) {
            return 0.0;
        }
        let values = most * distinct_share;
        let table = |values: f64| doubled(values / 0.75) * TABLE_SLOT_BYTES;
        let structure = match spec.holding {
            Holding::Distinct => table(values.min(HELD_MAX as f64)),
            Holding::Entropy | Holding::Counts | Holding::Frequent => table(values),
            Holding::Histogram => buckets_of(most) * GROWN_BY_HALF * BIN_BYTES,
        };
        size_of::<Held>() as f64 + structure
    })
}

/// Buckets that so many values fall into.
fn buckets_of(records: f64) -> f64 {
    BUCKETS * (1.0 - libm::exp(-records / BUCKETS))
}

#[cfg(test)]
mod tests;
