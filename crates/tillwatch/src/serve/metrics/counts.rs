//! What is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tillwatch_consumer::PartitionStats;
use tillwatch_engine::{ActiveModels, LANE_BYTES, LaneMemory};
use tillwatch_records::{
    Column, FieldCounts, Flags, ScoreBatch, TopicPartition, UnknownCodes, Versions, code,
};
use tillwatch_reference::ReferenceTable;
use tillwatch_scoring::{Effort, Lineup};

use super::cut::Cut;
use super::kept::{CutGauges, StateCounts};
use super::outcome::Outcome;
use super::shadows::{Comparison, Shadows};
use super::step::Step;
use crate::estimate::{OTHER_THREADS_BYTES, THREAD_BYTES};
use crate::lineup::Listener;
use crate::reference::Look;
use crate::serve::histogram::Histogram;
use crate::serve::workspaces::Workspaces;

/// Gauges of one lane, set after each batch.
#[derive(Debug)]
pub struct LaneGauges {
    pub keys: AtomicU64,
    pub state_bytes: AtomicU64,
    pub(super) models_bytes: AtomicU64,
    pub(super) recent_bytes: AtomicU64,
    /// Keys' state that a cut under way holds in the lane.
    cut_bytes: AtomicU64,
    /// [`LaneGauges::NO_TIME`] until the lane has accepted an event.
    pub watermark_ms: AtomicI64,
    /// From when on windows are whole; [`LaneGauges::NO_TIME`] where they are, or where nobody knows.
    pub warm_at_ms: AtomicI64,
    /// Whether snapshots of the lane are made, and what is known of them.
    is_cut: AtomicBool,
    pub cuts: Arc<CutGauges>,
}

impl LaneGauges {
    /// Stands for a time that there is none of.
    pub const NO_TIME: i64 = i64::MIN;

    /// Snapshots of the lane are made.
    pub fn set_cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Bytes that the lane takes, as of its last batch.
    pub fn bytes(&self) -> u64 {
        let gauges = [&self.state_bytes, &self.models_bytes, &self.recent_bytes];
        let each = gauges.map(|gauge| gauge.load(Ordering::Relaxed));
        each.iter().sum()
    }

    /// Bytes that its cuts take, in the lane and on their way to the store.
    fn bytes_of_cuts(&self) -> u64 {
        self.cut_bytes.load(Ordering::Relaxed) + self.cuts.waiting_bytes()
    }

    /// Takes note of what the lane takes.
    pub fn set_memory(&self, memory: LaneMemory) {
        for (gauge, bytes) in [
            (&self.state_bytes, memory.features),
            (&self.models_bytes, memory.models),
            (&self.recent_bytes, memory.recent),
            (&self.cut_bytes, memory.cut),
        ] {
            gauge.store(bytes, Ordering::Relaxed);
        }
    }
}

impl Default for LaneGauges {
    fn default() -> Self {
        Self {
            keys: AtomicU64::new(0),
            state_bytes: AtomicU64::new(0),
            models_bytes: AtomicU64::new(0),
            recent_bytes: AtomicU64::new(0),
            cut_bytes: AtomicU64::new(0),
            watermark_ms: AtomicI64::new(Self::NO_TIME),
            warm_at_ms: AtomicI64::new(Self::NO_TIME),
            is_cut: AtomicBool::new(false),
            cuts: Arc::default(),
        }
    }
}

/// A histogram with 2 significant digits that grows as needed; `None` only if its construction with
/// that constant failed.
#[derive(Debug)]
struct Quantiles(Option<hdrhistogram::Histogram<u64>>);

impl Default for Quantiles {
    fn default() -> Self {
        Self(hdrhistogram::Histogram::new(2).ok())
    }
}

/// The process's metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    /// When the process started, milliseconds since 1970. Taken once, since a start that is worked out anew
    /// at every scrape trembles with the clock and looks like a restart.
    started_ms: AtomicI64,
    /// Bytes that the state of one lane may take.
    pub(super) state_limit_bytes: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    pub(super) bands: [AtomicU64; 3],
    /// Scores that carry a flag, by the position of its bit.
    flagged: [AtomicU64; u16::BITS as usize],
    pub(super) steps: [Histogram; Step::ALL.len()],
    /// From the record's Kafka timestamp to the acknowledgement of its score.
    pub(super) end_to_end: Histogram,
    /// The same in milliseconds, fine enough for quantiles.
    end_to_end_ms: Mutex<Quantiles>,
    pub(super) batches: AtomicU64,
    pub(super) evicted_keys: AtomicU64,
    pub(super) forgotten_ids: AtomicU64,
    pub(super) unmatched_labels: AtomicU64,
    delivered: AtomicU64,
    /// By the position of their column among those of codes.
    unknown_codes: [AtomicU64; code::TABLE.len()],
    pub(super) invalid_fields: Mutex<FieldCounts>,
    pub(super) dead_letters: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) alerts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    pub(super) lanes: Mutex<BTreeMap<TopicPartition, Arc<LaneGauges>>>,
    models: Mutex<Option<Arc<ActiveModels>>>,
    /// Changes of the models' files that were taken, and that were not.
    models_taken: AtomicU64,
    models_refused: AtomicU64,
    shadows: Mutex<Shadows>,
    /// Batches that less than everything was asked of, by how much, see [`Effort`].
    pub(super) shortened: [AtomicU64; 2],
    reference: Mutex<Option<ReferenceStatus>>,
    /// Connections to the HTTP port that were cut.
    cuts: [AtomicU64; Cut::ALL.len()],
    /// What was resident when everything was loaded and nothing read.
    loaded_bytes: AtomicU64,
    /// What the lanes' threads work in, once there are threads.
    workspaces: OnceLock<Arc<Workspaces>>,
    /// State on its way to the store and back.
    state: Arc<StateCounts>,
}

/// The active reference table and how it came.
#[derive(Debug, Clone, Default)]
pub struct ReferenceStatus {
    pub version: String,
    pub rows: u64,
    /// Changes of the file that were taken, and that were not.
    pub taken: u64,
    pub refused: u64,
}

impl Metrics {
    /// The process started at `started_ms`, milliseconds since 1970.
    pub fn set_started(&self, started_ms: i64) {
        self.started_ms.store(started_ms, Ordering::Relaxed);
    }

    /// The state of one lane may take `bytes`.
    pub fn set_state_limit(&self, bytes: u64) {
        self.state_limit_bytes.store(bytes, Ordering::Relaxed);
    }

    /// When the process started, milliseconds since 1970.
    pub fn started_ms(&self) -> i64 {
        self.started_ms.load(Ordering::Relaxed)
    }

    /// What the lanes' threads work in.
    pub fn set_workspaces(&self, workspaces: &Arc<Workspaces>) {
        // There is one pool of threads, so nothing is set twice.
        let _ = self.workspaces.set(Arc::clone(workspaces));
    }

    /// What is resident when everything is loaded and nothing read.
    pub fn set_loaded_bytes(&self, bytes: u64) {
        self.loaded_bytes.store(bytes, Ordering::Relaxed);
    }

    /// What is counted of state on its way to the store and back.
    pub fn state(&self) -> Arc<StateCounts> {
        Arc::clone(&self.state)
    }

    /// Bytes of memory by what they hold, as of each lane's last batch; `partitions` are those that are read.
    pub(super) fn memory(&self, partitions: &[PartitionStats]) -> [(&'static str, u64); 10] {
        let lanes = self.lanes.lock();
        let sum = |of: fn(&LaneGauges) -> &AtomicU64| {
            let each = lanes.values().map(|lane| of(lane).load(Ordering::Relaxed));
            each.sum::<u64>()
        };
        let workspaces = self.workspaces.get();
        let used = workspaces.map_or(0, |all| all.used() as u64);
        let others = if used == 0 { 0 } else { OTHER_THREADS_BYTES };
        [
            ("loaded", self.loaded_bytes.load(Ordering::Relaxed)),
            ("features", sum(|lane| &lane.state_bytes)),
            ("models", sum(|lane| &lane.models_bytes)),
            ("recent_rows", sum(|lane| &lane.recent_bytes)),
            (
                "cuts",
                lanes.values().map(|lane| lane.bytes_of_cuts()).sum(),
            ),
            ("kept", self.state.kept_bytes.load(Ordering::Relaxed)),
            ("lanes", LANE_BYTES * lanes.len() as u64),
            ("workspaces", workspaces.map_or(0, |all| all.bytes())),
            ("threads", used * THREAD_BYTES + others),
            (
                "waiting",
                partitions.iter().map(|one| one.held_bytes as u64).sum(),
            ),
        ]
    }

    pub fn count(&self, outcome: Outcome, records: u64) {
        self.outcomes[outcome as usize].fetch_add(records, Ordering::Relaxed);
    }

    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Ordering::Relaxed)
    }

    /// Transactions that got a score, whatever their marks.
    pub fn scored(&self) -> u64 {
        [
            Outcome::Scored,
            Outcome::Late,
            Outcome::Duplicate,
            Outcome::ClockSkew,
        ]
        .into_iter()
        .map(|outcome| self.outcome(outcome))
        .sum()
    }

    /// Counts a refused record; gives how many there have been of the same reason.
    pub fn count_dead_letter(&self, reason: &'static str) -> u64 {
        self.count(Outcome::DeadLettered, 1);
        let mut reasons = self.dead_letters.lock();
        let count = reasons.entry(reason).or_default();
        *count += 1;
        *count
    }

    /// Counts the codes of a batch that are not known.
    pub fn count_unknown_codes(&self, codes: &UnknownCodes) {
        if codes.total() == 0 {
            return;
        }
        for (shared, (_, count)) in self.unknown_codes.iter().zip(codes.iter()) {
            shared.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Counts the fields of a batch that could not be read; gives columns and causes that were not met
    /// before. Nothing is locked where there are none.
    pub fn count_invalid_fields<'f>(
        &self,
        fields: &'f FieldCounts,
    ) -> Vec<(&'f str, &'static str)> {
        if fields.is_empty() {
            return Vec::new();
        }
        let mut counted = self.invalid_fields.lock();
        let new = counted.new_in(fields);
        *counted += fields;
        new
    }

    /// The columns of codes, and how many were not known.
    pub(super) fn unknown_codes(&self) -> impl Iterator<Item = (Column, u64)> {
        let columns = code::TABLE.iter().map(|(column, _)| *column);
        let counts = self.unknown_codes.iter();
        columns.zip(counts.map(|count| count.load(Ordering::Relaxed)))
    }

    /// Counts a batch that `lineup` scored.
    pub fn count_scores(&self, scores: &ScoreBatch, lineup: &Lineup) {
        self.count_flags(&scores.flags);
        self.count_shadows(scores, lineup);
        let mut bands = [0; 3];
        for band in &scores.bands {
            bands[*band as usize] += 1;
        }
        for (shared, count) in self.bands.iter().zip(bands) {
            shared.fetch_add(count, Ordering::Relaxed);
        }
        if !scores.alerts.is_empty() {
            let mut alerts = self.alerts.lock();
            for alert in &scores.alerts {
                let typology = alert.typology.map_or("none", |typology| typology.as_str());
                *alerts
                    .entry((typology, alert.severity.as_str()))
                    .or_default() += 1;
            }
        }
    }

    pub(super) fn count_flags(&self, flags: &[Flags]) {
        let mut counts = [0_u64; u16::BITS as usize];
        for flags in flags {
            let mut bits = flags.bits();
            while bits != 0 {
                counts[bits.trailing_zeros() as usize] += 1;
                bits &= bits - 1;
            }
        }
        for (shared, count) in self.flagged.iter().zip(counts) {
            if count > 0 {
                shared.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Scores that carry `flag`, which is a single one.
    pub fn flagged(&self, flag: Flags) -> u64 {
        let at = flag.bits().trailing_zeros() as usize;
        let count = self.flagged.get(at);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Counts a connection to the HTTP port that was cut.
    pub fn count_cut(&self, cut: Cut) {
        self.cuts[cut as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were cut for `cut`.
    pub fn cuts(&self, cut: Cut) -> u64 {
        self.cuts[cut as usize].load(Ordering::Relaxed)
    }

    pub fn observe(&self, step: Step, us: u64) {
        self.steps[step as usize].observe(us, 1);
    }

    pub fn count_batch(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_evicted(&self, keys: u64) {
        self.evicted_keys.fetch_add(keys, Ordering::Relaxed);
    }

    pub fn count_forgotten_ids(&self, ids: u64) {
        self.forgotten_ids.fetch_add(ids, Ordering::Relaxed);
    }

    pub fn count_unmatched_labels(&self, labels: u64) {
        self.unmatched_labels.fetch_add(labels, Ordering::Relaxed);
    }

    /// Scores that the sink acknowledged, or counted as dropped.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Records that are done with: acknowledged as scored, or refused.
    pub fn settled(&self) -> u64 {
        self.delivered() + self.dead_lettered()
    }

    /// Records that could not be decoded.
    pub fn dead_lettered(&self) -> u64 {
        self.outcome(Outcome::DeadLettered)
    }

    /// Counts the age of records whose scores were acknowledged, all at `now_ms`.
    pub fn observe_end_to_end(&self, record_timestamps_ms: &[i64], now_ms: i64) {
        let mut fine = self.end_to_end_ms.lock();
        // Records of a batch mostly share a handful of timestamps.
        for same in record_timestamps_ms.chunk_by(|a, b| a == b) {
            let age_ms = u64::try_from(now_ms - same[0]).unwrap_or(0);
            let count = same.len() as u64;
            self.end_to_end.observe(age_ms * 1000, count);
            if let Some(fine) = &mut fine.0 {
                fine.saturating_record_n(age_ms, count);
            }
        }
        self.delivered
            .fetch_add(record_timestamps_ms.len() as u64, Ordering::Relaxed);
    }

    /// Quantiles (0 to 1) of the end-to-end latency so far, in milliseconds.
    pub fn end_to_end_quantiles_ms<const N: usize>(&self, quantiles: [f64; N]) -> [u64; N] {
        let fine = self.end_to_end_ms.lock();
        quantiles.map(|q| fine.0.as_ref().map_or(0, |fine| fine.value_at_quantile(q)))
    }

    /// The models in use, as scores name them; empty before there are any.
    pub fn model(&self) -> String {
        self.versions()
            .map_or_else(String::new, |versions| versions.model.clone())
    }

    /// What scores say made them; `None` before there are models.
    pub(super) fn versions(&self) -> Option<Arc<Versions>> {
        let models = self.models.lock();
        let models = models.as_ref();
        models.map(|active| Arc::clone(active.lineup().versions()))
    }

    /// The models that score from now on.
    pub fn set_models(&self, active: &Arc<ActiveModels>) {
        self.shadows.lock().set_lineup(active.lineup());
        *self.models.lock() = Some(Arc::clone(active));
    }

    /// Changes of the models' files that were taken, and that were refused.
    pub fn model_changes(&self) -> [u64; 2] {
        [&self.models_taken, &self.models_refused].map(|count| count.load(Ordering::Relaxed))
    }

    /// Compares what shadows said of a batch that `lineup` scored.
    fn count_shadows(&self, scores: &ScoreBatch, lineup: &Lineup) {
        if !scores.shadows.is_empty() {
            self.shadows.lock().count(scores, lineup);
        }
    }

    /// How shadows compare with the champion.
    pub fn comparisons(&self) -> Vec<Comparison> {
        self.shadows.lock().comparisons()
    }

    /// Counts a batch that `effort` was asked of.
    pub fn count_effort(&self, effort: Effort) {
        let count = match effort {
            Effort::Full => return,
            Effort::Reduced => &self.shortened[0],
            Effort::Least => &self.shortened[1],
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The table that the process starts with.
    pub fn set_reference(&self, table: &ReferenceTable) {
        *self.reference.lock() = Some(ReferenceStatus {
            version: table.version().to_owned(),
            rows: table.len() as u64,
            ..ReferenceStatus::default()
        });
    }

    /// What is known of the reference data, if there is any.
    pub fn reference(&self) -> Option<ReferenceStatus> {
        self.reference.lock().clone()
    }

    /// Counts what a look at the file of the reference data found.
    pub fn count_reference(&self, look: &Look) {
        let mut reference = self.reference.lock();
        match look {
            Look::Same => {}
            Look::Taken(table) => {
                let status = reference.get_or_insert_default();
                table.version().clone_into(&mut status.version);
                status.rows = table.len() as u64;
                status.taken += 1;
            }
            Look::Refused(_) => reference.get_or_insert_default().refused += 1,
        }
    }

    pub fn lane(&self, partition: &TopicPartition) -> Arc<LaneGauges> {
        Arc::clone(self.lanes.lock().entry(partition.clone()).or_default())
    }

    pub fn forget_lane(&self, partition: &TopicPartition) {
        self.lanes.lock().remove(partition);
    }
}

impl Listener for Arc<Metrics> {
    fn models_taken(&self, models: &Arc<ActiveModels>) {
        self.set_models(models);
        self.models_taken.fetch_add(1, Ordering::Relaxed);
    }

    fn models_refused(&self) {
        self.models_refused.fetch_add(1, Ordering::Relaxed);
    }
}
