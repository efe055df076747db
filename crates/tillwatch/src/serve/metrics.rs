//! Everything that `/metrics` says, as plain atomics that lanes write and a scrape reads.

mod export;
mod shadows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use tillwatch_consumer::Monitor;
use tillwatch_records::{Flags, ScoreBatch, TopicPartition, Versions};
use tillwatch_reference::ReferenceTable;
use tillwatch_scoring::{Effort, Lineup};

use crate::in_force::InForce;
use crate::serve::histogram::Histogram;
pub use export::Exporter;
pub use shadows::Comparison;
use shadows::Shadows;

/// The four parts of a lane's work that are timed, each per batch.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    Decode,
    Features,
    Scoring,
    Sink,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Decode, Self::Features, Self::Scoring, Self::Sink];

    fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Features => "features",
            Self::Scoring => "scoring",
            Self::Sink => "sink",
        }
    }
}

/// What became of a record. Every record has exactly one outcome.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// Scored and folded into state.
    Scored,
    /// Scored, changed no state: too late.
    Late,
    /// Scored, changed no state: seen before.
    Duplicate,
    /// Scored, changed no state: its clock runs ahead.
    ClockSkew,
    /// Terminal events and labels: folded into state.
    Folded,
    /// Refused by decode, sent to the dead-letter topic.
    DeadLettered,
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Scored,
        Self::Late,
        Self::Duplicate,
        Self::ClockSkew,
        Self::Folded,
        Self::DeadLettered,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::ClockSkew => "clock_skew",
            Self::Folded => "folded",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

/// Gauges of one lane, set after each batch.
#[derive(Debug, Default)]
pub struct LaneGauges {
    pub keys: AtomicU64,
    pub state_bytes: AtomicU64,
    pub watermark_ms: AtomicI64,
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
    /// What the consumer counts by itself.
    monitor: Arc<Monitor>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    bands: [AtomicU64; 3],
    stages: [Histogram; Stage::ALL.len()],
    /// From the record's Kafka timestamp to the acknowledgement of its score.
    end_to_end: Histogram,
    /// The same in milliseconds, fine enough for quantiles.
    end_to_end_ms: Mutex<Quantiles>,
    batches: AtomicU64,
    evicted_keys: AtomicU64,
    delivered: AtomicU64,
    dead_letters: Mutex<BTreeMap<&'static str, u64>>,
    alerts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    lanes: Mutex<BTreeMap<TopicPartition, Arc<LaneGauges>>>,
    models: Mutex<Option<Arc<InForce>>>,
    /// Changes of the models' files that were taken, and that were not.
    models_taken: AtomicU64,
    models_refused: AtomicU64,
    shadows: Mutex<Shadows>,
    /// Batches that less than everything was asked of, by how much, see [`Effort`].
    shortened: [AtomicU64; 2],
    /// Scores of rules alone, because their batch was late.
    degraded: AtomicU64,
    registry: Mutex<Option<RegistryStatus>>,
}

/// The reference data in force and how it came.
#[derive(Debug, Clone, Default)]
pub struct RegistryStatus {
    pub version: String,
    pub rows: u64,
    /// Changes of the file that were taken, and that were not.
    pub taken: u64,
    pub refused: u64,
}

impl Metrics {
    pub fn new(monitor: Arc<Monitor>) -> Self {
        Self {
            monitor,
            ..Self::default()
        }
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

    /// Counts a batch that `lineup` scored.
    pub fn count_scores(&self, scores: &ScoreBatch, lineup: &Lineup) {
        let is_degraded = |flags: &&Flags| flags.contains(Flags::DEGRADED);
        let degraded = scores.flags.iter().filter(is_degraded).count();
        self.degraded.fetch_add(degraded as u64, Ordering::Relaxed);
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

    pub fn observe(&self, stage: Stage, us: u64) {
        self.stages[stage as usize].observe(us, 1);
    }

    pub fn count_batch(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_evicted(&self, keys: u64) {
        self.evicted_keys.fetch_add(keys, Ordering::Relaxed);
    }

    /// Scores that the sink acknowledged.
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

    fn versions(&self) -> Option<Arc<Versions>> {
        let models = self.models.lock();
        let models = models.as_ref();
        models.map(|in_force| Arc::clone(in_force.lineup.versions()))
    }

    /// The models that score from now on.
    pub fn set_models(&self, in_force: &Arc<InForce>) {
        self.shadows.lock().set_lineup(&in_force.lineup);
        *self.models.lock() = Some(Arc::clone(in_force));
    }

    /// Changed files whose models are in force now.
    pub fn models_taken(&self, in_force: &Arc<InForce>) {
        self.set_models(in_force);
        self.models_taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Changed files whose models cannot be used.
    pub fn models_refused(&self) {
        self.models_refused.fetch_add(1, Ordering::Relaxed);
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
    pub fn set_registry(&self, table: &ReferenceTable) {
        *self.registry.lock() = Some(RegistryStatus {
            version: table.version().to_owned(),
            rows: table.len() as u64,
            ..RegistryStatus::default()
        });
    }

    /// What is known of the reference data, if there is any.
    pub fn registry(&self) -> Option<RegistryStatus> {
        self.registry.lock().clone()
    }

    /// A changed file whose table is in force now.
    pub fn registry_taken(&self, table: &ReferenceTable) {
        let mut registry = self.registry.lock();
        let status = registry.get_or_insert_default();
        table.version().clone_into(&mut status.version);
        status.rows = table.len() as u64;
        status.taken += 1;
    }

    /// A changed file that cannot be used.
    pub fn registry_refused(&self) {
        self.registry.lock().get_or_insert_default().refused += 1;
    }

    pub fn lane(&self, partition: &TopicPartition) -> Arc<LaneGauges> {
        Arc::clone(self.lanes.lock().entry(partition.clone()).or_default())
    }

    pub fn forget_lane(&self, partition: &TopicPartition) {
        self.lanes.lock().remove(partition);
    }
}
