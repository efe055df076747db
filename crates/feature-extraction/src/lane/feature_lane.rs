//! One lane: the features of one partition, folded record by record.

use std::sync::{Arc, OnceLock};

use tillwatch_records::limits::EVENT_TIME_MS_MIN;
use tillwatch_records::{KeySpec, RecordKinds};

use super::batch::Chunk;
use super::own::Restoring;
use crate::fold::Scratch;
use crate::plan::{Origins, Plan, Shape};
use crate::state::{Cohorts, GapSlot, History, Ids, KeyParts, Keys};
use crate::structures::{Decayed, HeldSlot, Queue};
use crate::times::NEVER_MS;

/// The features of one partition. Results do not depend on how records are batched.
#[derive(Debug)]
pub struct FeatureLane {
    pub(super) plan: Arc<Plan>,
    pub(super) key: KeySpec,
    /// Kinds of record whose features are given.
    pub(super) scored: RecordKinds,
    pub(super) keys: Keys,
    /// One per cohort ratio of the plan.
    pub(super) cohorts: Vec<Cohorts>,
    /// Newest accepted event time, [`NEVER_MS`] at first.
    pub(super) watermark_ms: i64,
    /// No record that the cohorts of any ratio may lack is newer; [`NEVER_MS`] where none is missing.
    pub(super) cohorts_end_ms: i64,
    /// While the newest accepted event time is below this one, windows of keys that came before the catalog
    /// was edited may lack records; [`NEVER_MS`] where none do.
    pub(super) edit_ends_ms: i64,
    /// Records handled so far.
    pub(super) clock: u64,
    pub(super) stats: LaneStats,
    /// These two are its own, or lent for a batch.
    pub(super) scratch: Scratch,
    pub(super) chunk: Chunk,
    /// A key that has no state.
    pub(super) blank: Blank,
    /// Whether cuts can be made.
    pub(super) is_tracked: bool,
    /// Whether one is under way.
    pub(super) is_cutting: bool,
    /// What the part said, while entries are restored.
    pub(super) restoring: Option<Restoring>,
    /// What the joined columns mean that earlier stages make.
    pub(super) origins: Origins,
    /// How its state is made up, once somebody has asked: it takes some milliseconds to tell.
    pub(super) shape: OnceLock<Shape>,
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
    /// Keys evicted to keep the budget of bytes.
    pub evicted_keys: u64,
    /// Event ids forgotten within the dedup horizon, since their key had more than one may keep.
    pub forgotten_ids: u64,
    /// Gauge: keys with state.
    pub keys: u64,
    /// Gauge: estimated bytes of state.
    pub state_bytes: u64,
    /// Gauge: while the newest accepted event time is below this one, windows may lack records from before
    /// the lane began or its catalog was edited; `None` from then on. `i64::MAX` where nobody has said what
    /// came before. What keys remember beyond their windows may take longer, key by key.
    pub warm_at_ms: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Blank {
    history: History,
    ids: Ids,
    gap: GapSlot,
    queues: Vec<Queue>,
    holdings: Vec<HeldSlot>,
    decayed: Vec<Decayed>,
}

impl FeatureLane {
    /// A lane without state that reads its partition from `start_offset` on. When that is not the
    /// first record, history is missing, and records are flagged `WARMING` where a feature may lack some of
    /// it: all of them, unless [`FeatureLane::begin_after`] says how new it can be.
    pub fn new(plan: Arc<Plan>, key: KeySpec, start_offset: i64) -> Self {
        let blank = Blank {
            history: History::new(&plan, b""),
            ids: Ids::default(),
            gap: None,
            queues: plan.extremes.iter().map(|_| Queue::default()).collect(),
            holdings: plan.holdings.iter().map(|_| None).collect(),
            decayed: plan.decayed.iter().map(|_| Decayed::default()).collect(),
        };
        let began_ms = if start_offset > 0 { i64::MAX } else { NEVER_MS };
        Self {
            key,
            scored: RecordKinds::TRANSACTIONS,
            keys: Keys::new(began_ms),
            cohorts: (0..plan.cohorts.len())
                .map(|ratio| Cohorts::new(ratio, began_ms))
                .collect(),
            watermark_ms: NEVER_MS,
            cohorts_end_ms: began_ms,
            edit_ends_ms: NEVER_MS,
            clock: 0,
            stats: LaneStats::default(),
            scratch: Scratch::default(),
            chunk: Chunk::default(),
            blank,
            plan,
            is_tracked: false,
            is_cutting: false,
            restoring: None,
            origins: Origins::default(),
            shape: OnceLock::new(),
        }
    }

    /// Says, before the first record, that no record of the partition from before the start has a Kafka
    /// timestamp after `newest_timestamp_ms`. An accepted record's event time is at most
    /// `max_future_skew` after its timestamp, and a record that is taken or refused because of its event id
    /// is at most `dedup_horizon` after that, so this bounds what windows and memories may lack, or hold in
    /// error. Nothing changes for a lane that begins with the first record.
    pub fn begin_after(&mut self, newest_timestamp_ms: i64) {
        if self.keys.began_ms != NEVER_MS {
            let newest_ms = self.newest_accepted_ms(newest_timestamp_ms);
            self.keys.began_ms = self.end_of_gap_ms(newest_ms);
            self.cohorts_end_ms = self.keys.began_ms;
            for cohorts in &mut self.cohorts {
                cohorts.end_ms = self.keys.began_ms;
            }
        }
    }

    /// Says, between two batches, that records are missing between those that the lane has met and those
    /// that follow, none of them with a Kafka timestamp after `newest_timestamp_ms`. Every key and every
    /// cohort may lack some from then on, as if the lane began here: see [`FeatureLane::begin_after`]. A
    /// label that is missing may be that of any transaction that is remembered, so what lies before the
    /// watermark counts as well. Looks at all keys, and counts them as touched.
    pub fn missed(&mut self, newest_timestamp_ms: i64) {
        let newest_ms = self.newest_accepted_ms(newest_timestamp_ms);
        let end_ms = self.end_of_gap_ms(newest_ms.max(self.watermark_ms));
        let plan = Arc::clone(&self.plan);
        self.keys.miss(&plan, end_ms);
        self.lack_cohorts(end_ms);
    }

    /// The lane giving features of records of other kinds than transactions alone. What a record
    /// changes does not depend on it: a kind that no feature reads changes nothing, whether or not
    /// it is scored, so repeats of such records are not recognised.
    #[must_use]
    pub fn scoring(mut self, scored: RecordKinds) -> Self {
        self.scored = scored;
        self
    }

    /// Kinds of record whose features are given.
    pub fn scored(&self) -> RecordKinds {
        self.scored
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
            warm_at_ms: self.warm_at_ms(),
            ..self.stats
        }
    }

    /// Newest accepted event time in milliseconds since 1970, once there is one.
    pub fn watermark_ms(&self) -> Option<i64> {
        (self.watermark_ms != NEVER_MS).then_some(self.watermark_ms)
    }

    /// The newest event time with which a record of this timestamp is accepted.
    fn newest_accepted_ms(&self, timestamp_ms: i64) -> i64 {
        timestamp_ms.saturating_add(self.plan.settings.time.max_future_skew.as_ms())
    }

    /// The end of a gap whose newest record that is missing is at `newest_ms`: a record that is taken or
    /// refused because of its event id comes at most the horizon later.
    fn end_of_gap_ms(&self, newest_ms: i64) -> i64 {
        let horizon_ms = self.plan.settings.time.dedup_horizon.as_ms();
        newest_ms.saturating_add(horizon_ms).max(EVENT_TIME_MS_MIN)
    }

    /// Lets all cohorts lack records up to `end_ms`.
    #[cold]
    pub(super) fn lack_cohorts(&mut self, end_ms: i64) {
        self.cohorts_end_ms = self.cohorts_end_ms.max(end_ms);
        for cohorts in &mut self.cohorts {
            cohorts.end_ms = cohorts.end_ms.max(end_ms);
        }
    }

    /// See [`LaneStats::warm_at_ms`].
    fn warm_at_ms(&self) -> Option<i64> {
        let windows_ms = self.plan.whole.windows_ms;
        let began_ms = Some(self.keys.began_ms).filter(|time_ms| *time_ms != NEVER_MS);
        let began_ms = began_ms.map_or(NEVER_MS, |time_ms| time_ms.saturating_add(windows_ms));
        let warm_at_ms = began_ms.max(self.edit_ends_ms);
        (self.watermark_ms < warm_at_ms).then_some(warm_at_ms)
    }

    #[inline]
    pub(super) fn state_bytes(&self) -> usize {
        let cohorts: usize = self.cohorts.iter().map(Cohorts::bytes).sum();
        self.keys.bytes() + cohorts
    }
}

impl Blank {
    pub(super) fn parts(&mut self) -> KeyParts<'_> {
        KeyParts {
            history: &mut self.history,
            ids: &mut self.ids,
            gap: &mut self.gap,
            queues: &mut self.queues,
            holdings: &mut self.holdings,
            decayed: &mut self.decayed,
        }
    }
}
