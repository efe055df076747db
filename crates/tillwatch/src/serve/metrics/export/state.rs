//! What lanes keep.

use std::fmt::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus_client::registry::Unit;
use tillwatch_consumer::PartitionStats;

use super::scrape::{Place, Scrape};
use crate::serve::metrics::counts::{LaneGauges, Metrics};

/// `partitions` are those that are read.
pub fn encode(scrape: &mut Scrape<'_>, metrics: &Metrics, partitions: &[PartitionStats]) -> Result {
    let lanes: Vec<(Place, Arc<LaneGauges>)> = metrics
        .lanes
        .lock()
        .iter()
        .map(|(at, lane)| (Place::of(at), Arc::clone(lane)))
        .collect();
    let times = |of: fn(&LaneGauges) -> &AtomicI64| {
        lanes.iter().filter_map(move |(at, lane)| {
            let time_ms = of(lane).load(Ordering::Relaxed);
            (time_ms != LaneGauges::NO_TIME).then(|| (at.labels(), time_ms as f64 / 1e3))
        })
    };
    scrape.gauges(
        "tillwatch_lane_keys",
        "Entity keys that a lane holds state of",
        None,
        lanes
            .iter()
            .map(|(at, lane)| (at.labels(), lane.keys.load(Ordering::Relaxed) as f64)),
    )?;
    scrape.gauges(
        "tillwatch_lane_state",
        "Bytes that a lane's feature state takes",
        Some(&Unit::Bytes),
        lanes
            .iter()
            .map(|(at, lane)| (at.labels(), lane.state_bytes.load(Ordering::Relaxed) as f64)),
    )?;
    scrape.gauge(
        "tillwatch_state_limit",
        "Bytes that the feature state of one lane may take: [state] max_bytes",
        Some(&Unit::Bytes),
        metrics.state_limit_bytes.load(Ordering::Relaxed) as f64,
    )?;
    scrape.gauges(
        "tillwatch_memory",
        "Bytes of memory that is accounted for, by what it holds: the program with what it has loaded, state \
         of features, what models have learnt, rows kept to try models on, state that waits for the store, \
         lanes kept whose partitions were lost, the lanes themselves, what threads work in, what the \
         allocator keeps for threads (an estimate), records that wait for a lane",
        Some(&Unit::Bytes),
        metrics
            .memory(partitions)
            .map(|(part, bytes)| ([("part", part)], bytes as f64)),
    )?;
    scrape.gauges(
        "tillwatch_lane_watermark_timestamp",
        "Latest event time that a lane has accepted; absent before the first event",
        Some(&Unit::Seconds),
        times(|lane| &lane.watermark_ms),
    )?;
    scrape.gauges(
        "tillwatch_lane_warm_at_timestamp",
        "Event time from which on the windows of a lane that began in the middle of a log are whole; absent \
         when they are, or while nobody knows",
        Some(&Unit::Seconds),
        times(|lane| &lane.warm_at_ms),
    )?;
    losses(scrape, metrics)
}

/// What was forgotten, or came too late to be joined.
fn losses(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    scrape.counter(
        "tillwatch_evicted_keys",
        "Keys whose state was dropped for want of room or for age",
        metrics.evicted_keys.load(Ordering::Relaxed),
    )?;
    scrape.counter(
        "tillwatch_forgotten_event_ids",
        "Event ids forgotten before their horizon, as their key had too many: repeats of them are \
         not told",
        metrics.forgotten_ids.load(Ordering::Relaxed),
    )?;
    scrape.counter(
        "tillwatch_unmatched_labels",
        "Labels whose transaction is not remembered, of catalogs with features that ask for labels: they \
         change nothing",
        metrics.unmatched_labels.load(Ordering::Relaxed),
    )
}
