//! One lane: the features of one partition, folded record by record.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Array, StringArray};
use foldhash::quality::FixedState;
use tillwatch_records::{
    Column, EventBatch, FeatureBatch, Flags, KeySpec, RecordKind, RecordKinds,
};

use crate::dedup::Dedup;
use crate::feature::cohort::Cohorts;
use crate::feature::decayed::Decayed;
use crate::feature::extreme::Queue;
use crate::feature::holding;
use crate::fold::{Around, CHUNK_RECORDS, Course, KeyParts, Record, Scratch};
use crate::history::{History, NEVER_MS};
use crate::inputs::Inputs;
use crate::keys::{KeyIndex, Keys};
use crate::output::Columns;
use crate::plan::Plan;

/// Seed of the hashes of keys and event ids. Fixed, so that the same log gives the same state.
pub(crate) const KEY_SEED: u64 = 0x6b65_7973;

/// The features of one partition. Results do not depend on how records are batched.
#[derive(Debug)]
pub struct FeatureLane {
    plan: Arc<Plan>,
    key: KeySpec,
    /// Kinds of record whose features are given.
    scored: RecordKinds,
    keys: Keys,
    dedup: Dedup,
    /// One per cohort ratio of the plan.
    cohorts: Vec<Cohorts>,
    /// Newest accepted event time, [`NEVER_MS`] at first.
    watermark_ms: i64,
    /// Until the watermark passes it, windows may lack records from before the start.
    warm_at_ms: Warmth,
    /// Records handled so far.
    clock: u64,
    stats: LaneStats,
    scratch: Scratch,
    chunk: Chunk,
    /// A key that has no state.
    blank: Blank,
}

/// What a lane has done and holds. Counters only rise; gauges are as of the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneStats {
    /// Transactions remembered, late ones within the allowed lateness included.
    pub accepted: u64,
    /// Records refused as `LATE`.
    pub late: u64,
    /// Records refused as `DUPLICATE`.
    pub duplicate: u64,
    /// Records refused as `CLOCK_SKEW`.
    pub skewed: u64,
    /// Terminal events read, remembered only if a feature asks for them.
    pub terminal_events: u64,
    /// Labels read, joined or remembered only if a feature asks for them.
    pub labels: u64,
    /// Labels whose transaction was not, or no longer, remembered when features asked for it.
    pub labels_unmatched: u64,
    /// Keys evicted to keep the memory budget.
    pub evicted_keys: u64,
    /// Gauge: keys with state.
    pub keys: u64,
    /// Gauge: estimated bytes of state.
    pub state_bytes: u64,
}

/// Whether the lane has seen its longest window whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warmth {
    /// It began in the middle of a log and waits for its first record.
    Cold,
    /// It is whole once the watermark reaches this event time.
    WarmAt(i64),
    Warm,
}

/// What is known of the records of a chunk before they are folded.
#[derive(Debug, Default)]
struct Chunk {
    key_hashes: Vec<u64>,
    /// Hash of key, kind and event id; 0 where there is no id.
    ids: Vec<u64>,
    indexes: Vec<Option<KeyIndex>>,
    deltas: Vec<u32>,
}

#[derive(Debug)]
struct Blank {
    history: History,
    queues: Vec<Queue>,
    holdings: Vec<holding::Slot>,
    decayed: Vec<Decayed>,
}

/// A batch on its way through the lane.
struct Batch<'a> {
    events: &'a EventBatch,
    keys: &'a StringArray,
    event_ids: Option<&'a StringArray>,
    inputs: &'a Inputs<'a>,
}

impl FeatureLane {
    /// A lane without state that reads its partition from `start_offset` on. When that is not the
    /// first record, history is missing: scores are flagged `WARMING` until the event time of the
    /// first accepted record plus the longest window has been reached.
    pub fn new(plan: Arc<Plan>, key: KeySpec, start_offset: i64) -> Self {
        let blank = Blank {
            history: History::new(&plan, b""),
            queues: plan.extremes.iter().map(|_| Queue::default()).collect(),
            holdings: plan.holdings.iter().map(|_| None).collect(),
            decayed: plan.decayed.iter().map(|_| Decayed::default()).collect(),
        };
        Self {
            key,
            scored: RecordKinds::TRANSACTIONS,
            keys: Keys::new(),
            dedup: empty_dedup(&plan),
            cohorts: plan.cohorts.iter().map(|_| Cohorts::default()).collect(),
            watermark_ms: NEVER_MS,
            warm_at_ms: if start_offset > 0 {
                Warmth::Cold
            } else {
                Warmth::Warm
            },
            clock: 0,
            stats: LaneStats::default(),
            scratch: Scratch::new(&plan),
            chunk: Chunk::default(),
            blank,
            plan,
        }
    }

    /// The lane giving features of records of other kinds than transactions alone. What a record changes does
    /// not depend on it: a kind that no feature reads changes nothing, whether or not it is scored, so repeats
    /// of such records are not recognised.
    #[must_use]
    pub fn scoring(mut self, scored: RecordKinds) -> Self {
        self.scored = scored;
        self
    }

    /// Kinds of record whose features are given.
    pub fn scored(&self) -> RecordKinds {
        self.scored
    }

    fn empty_dedup(&self) -> Dedup {
        empty_dedup(&self.plan)
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What it has done and holds.
    pub fn stats(&self) -> LaneStats {
        LaneStats {
            evicted_keys: self.keys.evicted,
            keys: self.keys.len() as u64,
            state_bytes: self.state_bytes() as u64,
            ..self.stats
        }
    }

    /// Newest accepted event time in milliseconds since 1970, once there is one.
    pub fn watermark_ms(&self) -> Option<i64> {
        (self.watermark_ms != NEVER_MS).then_some(self.watermark_ms)
    }

    /// Folds `events` and gives the features of those among them that are scored, each as known on its
    /// arrival. A record is in its own windows where its kind counts there. Rows must come in offset order. A record without a key is taken as one of the key of
    /// empty text, and event times outside what decoding accepts are moved to its nearest bound.
    pub fn process(&mut self, events: EventBatch) -> FeatureBatch {
        let plan = Arc::clone(&self.plan);
        let keys = self.key.of(&events);
        let inputs = Inputs::new(&plan, &events);
        let kinds = events.kinds.iter();
        let scored = kinds.filter(|kind| self.scored.contains(**kind)).count();
        let mut columns = Columns::new(plan.ops.len(), scored);
        let mut flags = Vec::with_capacity(scored);
        let batch = Batch {
            events: &events,
            keys: &keys,
            event_ids: events.text(Column::EventId),
            inputs: &inputs,
        };
        let mut start = 0;
        while start < events.len() {
            let end = (start + CHUNK_RECORDS).min(events.len());
            self.approach(&plan, &batch, start..end);
            let first = flags.len();
            let epoch = self.keys.epoch;
            for row in start..end {
                let hint = if self.keys.epoch == epoch {
                    self.chunk.indexes[row - start]
                } else {
                    None
                };
                self.fold(&plan, &batch, row, row - start, hint, &mut flags);
            }
            let taken = &mut self.scratch.taken;
            taken.finish(&plan, batch.inputs, &mut columns, first);
            start = end;
        }
        let features = columns.finish(&plan);
        crate::output::keep_scored(events, keys, features, flags, self.scored)
    }

    /// Hashes, looks up and touches what folding `rows` is going to need, one kind of access at a
    /// time, so that the processor waits for many at once instead of one after the other.
    fn approach(&mut self, plan: &Plan, batch: &Batch<'_>, rows: std::ops::Range<usize>) {
        let Chunk {
            key_hashes,
            ids,
            indexes,
            deltas,
        } = &mut self.chunk;
        let hasher = FixedState::with_seed(KEY_SEED);
        key_hashes.clear();
        key_hashes.extend(rows.clone().map(|row| hasher.hash_one(key_of(batch, row))));
        ids.clear();
        ids.extend(
            rows.clone()
                .zip(&*key_hashes)
                .map(|(row, key)| id_of(batch, row, *key)),
        );
        indexes.clear();
        indexes.extend(key_hashes.iter().map(|hash| self.keys.find_hash(*hash)));
        let mut seen = 0;
        for id in &*ids {
            seen ^= u32::from(self.dedup.touch(*id));
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).rows() ^ self.keys.touch_parts(plan, *index);
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).first_word();
        }
        // Another key with the same hash is all but impossible; one is looked up when it is folded.
        for (index, row) in indexes.iter_mut().zip(rows.clone()) {
            let is_meant = |i: &KeyIndex| self.keys.history(*i).key() == key_of(batch, row);
            *index = index.filter(is_meant);
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.touch_values(plan, *index);
        }
        for index in indexes.iter().flatten() {
            seen ^= self.keys.history(*index).touch(plan);
        }
        black_box(seen);
        batch.inputs.fill(rows, deltas);
    }

    #[inline]
    fn fold(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        in_chunk: usize,
        hint: Option<KeyIndex>,
        flags: &mut Vec<Flags>,
    ) {
        self.clock += 1;
        let kind = batch.events.kinds[row];
        match kind {
            RecordKind::Transaction => {}
            RecordKind::TerminalEvent => self.stats.terminal_events += 1,
            RecordKind::Label => {
                self.stats.labels += 1;
                self.join_label(plan, batch, row, in_chunk, hint);
            }
        }
        let is_scored = self.scored.contains(kind);
        let is_read = plan.kinds.contains(&kind);
        if !(is_read || is_scored) {
            return;
        }
        let now_ms = batch.inputs.times_ms[row];
        let (hash, id) = (self.chunk.key_hashes[in_chunk], self.chunk.ids[in_chunk]);
        let key = key_of(batch, row);
        let index = hint.or_else(|| self.keys.find(hash, key));
        let watermark_ms = index.map_or(NEVER_MS, |i| self.keys.history(i).watermark_ms);
        let arrived_ms = batch.events.record_timestamps_ms[row];
        let mut marks = self.judge(plan, id, now_ms, arrived_ms, watermark_ms);
        let refused = !is_read || self.count(kind, marks);
        let index = match index {
            None if !refused => Some(self.keys.insert(plan, hash, key, now_ms)),
            other => other,
        };
        let course = if refused {
            Course::Refused {
                with_current: is_read && !marks.contains(Flags::DUPLICATE),
            }
        } else if now_ms < watermark_ms {
            Course::Late
        } else {
            Course::InOrder
        };
        let is_suspect = match index {
            Some(index) => self.keys.is_suspect(index, now_ms),
            None => self.keys.is_stranger_suspect(plan, now_ms),
        };
        marks.set(Flags::STATE_EVICTED, is_suspect);
        if course == Course::InOrder
            && watermark_ms != NEVER_MS
            && now_ms - watermark_ms > plan.idle_ttl_ms()
            && let Some(index) = index
        {
            self.keys.reset(plan, index);
        }
        if !refused {
            self.watermark_ms = self.watermark_ms.max(now_ms);
            if id != 0 {
                self.dedup.remember(id, now_ms, self.watermark_ms);
            }
        }
        marks.set(Flags::WARMING, self.is_warming(plan, now_ms, refused));
        let stride = plan.layout.stride;
        let record = Record {
            now_ms,
            delta: &mut self.chunk.deltas[in_chunk * stride..][..stride],
            course,
            row,
        };
        let around = Around {
            inputs: batch.inputs,
            cohorts: &self.cohorts,
        };
        match index {
            Some(index) => {
                let mut parts = self.keys.parts(plan, index, is_read.then_some(self.clock));
                let before = parts.bytes();
                self.scratch
                    .fold(plan, &mut parts, record, around, is_scored);
                let after = parts.bytes();
                self.keys.settle(index, before, after);
            }
            None => self
                .scratch
                .fold(plan, &mut self.blank.parts(), record, around, is_scored),
        }
        if !refused {
            self.join_cohorts(plan, batch, row, now_ms);
        }
        if is_scored {
            flags.push(marks);
        }
        let bytes_max = plan.settings.state.max_bytes.0;
        if self.state_bytes() as u64 > bytes_max {
            let others = self.state_bytes() - self.keys.bytes();
            let for_keys = (bytes_max as usize).saturating_sub(others);
            self.keys.sweep(plan, for_keys, self.watermark_ms);
        }
    }

    #[inline]
    fn state_bytes(&self) -> usize {
        let cohorts: usize = self.cohorts.iter().map(Cohorts::bytes).sum();
        self.keys.bytes() + self.dedup.bytes() + cohorts
    }
}

impl Blank {
    fn parts(&mut self) -> KeyParts<'_> {
        KeyParts {
            history: &mut self.history,
            queues: &mut self.queues,
            holdings: &mut self.holdings,
            decayed: &mut self.decayed,
        }
    }
}

/// A quarter of the budget at most, so that there is always room for keys.
fn empty_dedup(plan: &Plan) -> Dedup {
    let bytes_max = usize::try_from(plan.settings.state.max_bytes.0).unwrap_or(usize::MAX);
    Dedup::new(plan.settings.time.dedup_horizon.as_ms(), bytes_max / 4)
}

#[inline]
fn key_of<'a>(batch: &Batch<'a>, row: usize) -> &'a [u8] {
    if batch.keys.is_null(row) {
        return b"";
    }
    batch.keys.value(row).as_bytes()
}

/// What a record is recognised by: key, kind and event id. A label carries the id of the transaction
/// it speaks of, and there may be several, so its event time counts too.
#[inline]
fn id_of(batch: &Batch<'_>, row: usize, key_hash: u64) -> u64 {
    let Some(ids) = batch.event_ids.filter(|ids| !ids.is_null(row)) else {
        return 0;
    };
    let kind = batch.events.kinds[row];
    let mut seed = key_hash ^ (kind as u64);
    if kind == RecordKind::Label {
        seed = FixedState::with_seed(seed).hash_one(batch.inputs.times_ms[row]);
    }
    FixedState::with_seed(seed)
        .hash_one(ids.value(row).as_bytes())
        .max(1)
}

#[cfg(test)]
mod damage_tests;
mod image;
#[cfg(test)]
mod image_tests;
mod join;
mod judge;
#[cfg(test)]
mod pane_tests;
#[cfg(test)]
mod scored_tests;
#[cfg(test)]
mod tests;
