//! Everything that `/metrics` says, as plain atomics that lanes write and a scrape reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_consumer::{Monitor, PartitionStats};
use tillwatch_records::{Band, ScoreBatch, TopicPartition, Versions};

use crate::histogram::{Histogram, Snapshot};

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
    versions: Mutex<Option<Arc<Versions>>>,
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

    pub fn count_scores(&self, scores: &ScoreBatch) {
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
        self.versions
            .lock()
            .as_ref()
            .map_or_else(String::new, |versions| versions.model.clone())
    }

    pub fn set_versions(&self, versions: Arc<Versions>) {
        *self.versions.lock() = Some(versions);
    }

    pub fn lane(&self, partition: &TopicPartition) -> Arc<LaneGauges> {
        Arc::clone(self.lanes.lock().entry(partition.clone()).or_default())
    }

    pub fn forget_lane(&self, partition: &TopicPartition) {
        self.lanes.lock().remove(partition);
    }
}

/// Serves [`Metrics`] to a scrape.
#[derive(Debug)]
pub struct Exporter(pub Arc<Metrics>);

impl Collector for Exporter {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let metrics = &self.0;
        let mut scrape = Scrape(encoder);
        scrape.counters(
            "tillwatch_records",
            "Records taken from the input, by what became of them",
            Outcome::ALL
                .iter()
                .map(|o| ([("outcome", o.as_str())], metrics.outcome(*o))),
        )?;
        scrape.counters(
            "tillwatch_dead_letters",
            "Records refused and sent to the dead-letter topic, by reason",
            metrics
                .dead_letters
                .lock()
                .iter()
                .map(|(reason, n)| ([("reason", *reason)], *n)),
        )?;
        scrape.counters(
            "tillwatch_scores",
            "Scores made, by decision band",
            [Band::Approve, Band::Review, Band::Decline]
                .into_iter()
                .map(|band| {
                    let count = metrics.bands[band as usize].load(Ordering::Relaxed);
                    ([("band", band.as_str())], count)
                }),
        )?;
        scrape.counters(
            "tillwatch_alerts",
            "Alerts raised, by typology and severity",
            metrics
                .alerts
                .lock()
                .iter()
                .map(|((typology, severity), n)| {
                    ([("typology", *typology), ("severity", *severity)], *n)
                }),
        )?;
        scrape.counters(
            "tillwatch_delivered_scores",
            "Scores that the sink acknowledged",
            [(
                [] as [(&str, &str); 0],
                metrics.delivered.load(Ordering::Relaxed),
            )],
        )?;
        scrape.counters(
            "tillwatch_batches",
            "Batches processed",
            [(
                [] as [(&str, &str); 0],
                metrics.batches.load(Ordering::Relaxed),
            )],
        )?;
        scrape.counters(
            "tillwatch_evicted_keys",
            "Keys whose state was dropped to keep the memory budget or for age",
            [(
                [] as [(&str, &str); 0],
                metrics.evicted_keys.load(Ordering::Relaxed),
            )],
        )?;
        scrape.histogram(
            "tillwatch_end_to_end_latency",
            "From the record's Kafka timestamp to the acknowledgement of its score",
            [([] as [(&str, &str); 0], metrics.end_to_end.snapshot())],
        )?;
        scrape.histogram(
            "tillwatch_stage_duration",
            "Time that a batch spends in a stage",
            Stage::ALL.iter().map(|stage| {
                (
                    [("stage", stage.as_str())],
                    metrics.stages[*stage as usize].snapshot(),
                )
            }),
        )?;
        self.encode_lanes(&mut scrape)?;
        self.encode_consumer(&mut scrape)?;
        if let Some(versions) = metrics.versions.lock().as_ref() {
            scrape.gauges(
                "tillwatch_model_info",
                "Model and feature catalog in use",
                None,
                [(
                    [
                        ("model", versions.model.as_str()),
                        ("catalog", versions.catalog.as_str()),
                    ],
                    1.0,
                )],
            )?;
        }
        Ok(())
    }
}

impl Exporter {
    fn encode_lanes(&self, scrape: &mut Scrape<'_>) -> Result<(), std::fmt::Error> {
        let lanes: Vec<(String, String, Arc<LaneGauges>)> = self
            .0
            .lanes
            .lock()
            .iter()
            .map(|(tp, lane)| {
                (
                    tp.topic.to_string(),
                    tp.partition.to_string(),
                    Arc::clone(lane),
                )
            })
            .collect();
        scrape.gauges(
            "tillwatch_lane_keys",
            "Entity keys that a lane holds state of",
            None,
            lanes
                .iter()
                .map(|(t, p, lane)| (labels(t, p), lane.keys.load(Ordering::Relaxed) as f64)),
        )?;
        scrape.gauges(
            "tillwatch_lane_state",
            "Memory that a lane's feature state takes",
            Some(&Unit::Bytes),
            lanes.iter().map(|(t, p, lane)| {
                (
                    labels(t, p),
                    lane.state_bytes.load(Ordering::Relaxed) as f64,
                )
            }),
        )?;
        scrape.gauges(
            "tillwatch_lane_watermark_timestamp",
            "Latest event time that a lane has accepted",
            Some(&Unit::Seconds),
            lanes.iter().map(|(t, p, lane)| {
                (
                    labels(t, p),
                    lane.watermark_ms.load(Ordering::Relaxed) as f64 / 1e3,
                )
            }),
        )?;
        Ok(())
    }

    fn encode_consumer(&self, scrape: &mut Scrape<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.0.monitor.stats();
        const NONE: [(&str, &str); 0] = [];
        let counters = [
            (
                "tillwatch_consumer_records",
                "Records received from Kafka",
                stats.records,
            ),
            (
                "tillwatch_consumer_bytes",
                "Bytes received from Kafka",
                stats.bytes,
            ),
            (
                "tillwatch_consumer_pauses",
                "Pauses of a partition whose lane or sink was behind",
                stats.pauses,
            ),
            (
                "tillwatch_consumer_commits",
                "Commits that the broker confirmed",
                stats.commits,
            ),
            (
                "tillwatch_consumer_commit_failures",
                "Commits that failed and are tried again",
                stats.commits_failed,
            ),
            (
                "tillwatch_consumer_rebalances",
                "Assignments and revocations",
                stats.rebalances,
            ),
        ];
        for (name, help, value) in counters {
            scrape.counters(name, help, [(NONE, value)])?;
        }
        scrape.gauges(
            "tillwatch_broker_up",
            "Whether a broker answers",
            None,
            [(NONE, f64::from(u8::from(stats.broker_up)))],
        )?;
        let partitions: Vec<(String, String, &PartitionStats)> = stats
            .partitions
            .iter()
            .map(|p| {
                (
                    p.source.topic.to_string(),
                    p.source.partition.to_string(),
                    p,
                )
            })
            .collect();
        scrape.gauges(
            "tillwatch_consumer_lag_records",
            "Records that the broker holds and that were not received",
            None,
            partitions
                .iter()
                .filter_map(|(t, p, stats)| Some((labels(t, p), stats.lag()? as f64))),
        )?;
        scrape.gauges(
            "tillwatch_lane_unsettled_records",
            "Records received whose scores are not acknowledged yet",
            None,
            partitions.iter().map(|(t, p, stats)| {
                (
                    labels(t, p),
                    (stats.pending_records + stats.unsettled_records) as f64,
                )
            }),
        )
    }
}

fn labels<'a>(topic: &'a str, partition: &'a str) -> [(&'static str, &'a str); 2] {
    [("topic", topic), ("partition", partition)]
}

/// Encodes families of samples.
struct Scrape<'a>(DescriptorEncoder<'a>);

impl Scrape<'_> {
    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> Result<(), std::fmt::Error> {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> Result<(), std::fmt::Error> {
        let mut family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histogram<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, Snapshot)>,
    ) -> Result<(), std::fmt::Error> {
        let unit = Some(&Unit::Seconds);
        let mut family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for (labels, snapshot) in samples {
            family
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    snapshot.sum_s,
                    snapshot.count,
                    &snapshot.buckets,
                    None,
                )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_scrape_names_units_and_labels() {
        let metrics = Arc::new(Metrics::default());
        metrics.count(Outcome::Scored, 3);
        metrics.count_dead_letter("not_json");
        metrics.observe_end_to_end(&[1_000, 1_000], 1_002);
        metrics
            .lane(&TopicPartition::new("tx", 1))
            .keys
            .store(7, Ordering::Relaxed);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exporter(Arc::clone(&metrics))));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "tillwatch_records_total{outcome=\"scored\"} 3",
            "tillwatch_records_total{outcome=\"dead_lettered\"} 1",
            "tillwatch_dead_letters_total{reason=\"not_json\"} 1",
            "tillwatch_end_to_end_latency_seconds_bucket{le=\"0.002\"} 2",
            "tillwatch_end_to_end_latency_seconds_count 2",
            "tillwatch_lane_keys{topic=\"tx\",partition=\"1\"} 7.0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
