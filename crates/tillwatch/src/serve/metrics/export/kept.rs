//! Snapshots, restores and rebalances.

use std::fmt::Result;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_records::TopicPartition;

use super::scrape::{Place, Scrape, encode_histogram};
use crate::clock;
use crate::serve::histogram::Histogram;
use crate::serve::metrics::counts::{LaneGauges, Metrics};
use crate::serve::metrics::kept::{Change, Origin, StateCounts};
use crate::serve::metrics::passed_over::PassedOver;
use crate::serve::standing::Standing;

/// What [`StoreError::cause`](tillwatch_state_store::StoreError::cause) may say of a write.
const STORE_CAUSES: [&str; 10] = [
    "settings",
    "unavailable",
    "denied",
    "full",
    "missing",
    "damaged",
    "format",
    "too_large",
    "behind",
    "gone",
];

/// `standings` are the lanes that do not score yet.
pub fn encode(
    scrape: &mut Scrape<'_>,
    metrics: &Metrics,
    standings: &[(TopicPartition, Standing)],
) -> Result {
    let counts = metrics.state();
    snapshots(scrape, &counts)?;
    lanes(scrape, metrics)?;
    restores(scrape, &counts, standings)?;
    rebalances(scrape, &counts)
}

fn snapshots(scrape: &mut Scrape<'_>, counts: &StateCounts) -> Result {
    for (name, help, value) in [
        (
            "cuts",
            "Snapshots of a lane that are in the store",
            &counts.stored,
        ),
        (
            "entries",
            "Entries of keys handed over for snapshots: those that had changed",
            &counts.entries,
        ),
        (
            "bytes",
            "Bytes of these entries, before they are compressed",
            &counts.bytes,
        ),
    ] {
        let value = value.load(Ordering::Relaxed);
        scrape.counter(&format!("tillwatch_snapshot_{name}"), help, value)?;
    }
    let failures = counts.failures.lock().clone();
    scrape.counters(
        "tillwatch_snapshot_failures",
        "Snapshots, or parts of one, that could not be written and are tried again, by cause",
        STORE_CAUSES.map(|cause| {
            let count = failures.get(cause).copied();
            ([("cause", cause)], count.unwrap_or(0))
        }),
    )?;
    durations(
        scrape,
        "tillwatch_snapshot_duration",
        "From the beginning of a lane's snapshot until it is in the store",
        &counts.duration,
    )?;
    durations(
        scrape,
        "tillwatch_snapshot_pause",
        "How long a lane stands still for a slice of its snapshot",
        &counts.pause,
    )
}

fn lanes(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    let lanes = metrics.lanes.lock();
    let lanes: Vec<(Place, Arc<LaneGauges>)> = lanes
        .iter()
        .filter(|(_, lane)| lane.is_cut())
        .map(|(at, lane)| (Place::of(at), Arc::clone(lane)))
        .collect();
    let now_ms = clock::unix_ms();
    scrape.gauges(
        "tillwatch_snapshot_age",
        "How long ago a lane took the first record that no stored snapshot holds, which a crash would read \
         again; 0 when all are held",
        Some(&Unit::Seconds),
        lanes
            .iter()
            .map(|(at, lane)| (at.labels(), lane.cuts.age_ms(now_ms) as f64 / 1e3)),
    )?;
    scrape.gauges(
        "tillwatch_snapshot_stored",
        "Bytes in the store that the newest snapshot of a lane is made of",
        Some(&Unit::Bytes),
        lanes
            .iter()
            .map(|(at, lane)| (at.labels(), lane.cuts.stored_bytes() as f64)),
    )
}

fn restores(
    scrape: &mut Scrape<'_>,
    counts: &StateCounts,
    standings: &[(TopicPartition, Standing)],
) -> Result {
    scrape.counters(
        "tillwatch_restores",
        "Lanes that were assigned, by where their state came from: a snapshot, a lane that was kept in \
         memory, a replay of the log alone, or nothing",
        Origin::ALL.map(|origin| ([("origin", origin.as_str())], counts.origin(origin))),
    )?;
    for (name, help, value) in [
        (
            "restored_entries",
            "Entries of keys that were read from snapshots",
            &counts.restored_entries,
        ),
        (
            "restore_replayed_records",
            "Records from before the committed offset that lanes were shown again",
            &counts.replayed,
        ),
    ] {
        let value = value.load(Ordering::Relaxed);
        scrape.counter(&format!("tillwatch_{name}"), help, value)?;
    }
    scrape.counters(
        "tillwatch_restore_passed_over",
        "Snapshots that a lane did not take when it was assigned, by reason; ahead is usual after a crash: \
         the group had not committed so far",
        PassedOver::ALL.map(|reason| ([("reason", reason.as_str())], counts.passed_over(reason))),
    )?;
    durations(
        scrape,
        "tillwatch_restore_duration",
        "From the assignment of a lane until it scores",
        &counts.restore,
    )?;
    let standings = standings.iter();
    let standings: Vec<(Place, Standing)> = standings
        .map(|(lane, standing)| (Place::of(lane), *standing))
        .collect();
    scrape.gauges(
        "tillwatch_restore_progress",
        "Which part of the snapshot is read, or of the replay done, from 0 to 1; absent for a lane that \
         scores",
        None,
        standings
            .iter()
            .map(|(at, standing)| (at.labels(), standing.share().unwrap_or(0.0))),
    )?;
    scrape.gauges(
        "tillwatch_restore_left_records",
        "Offsets that a lane has to read again before it scores; absent for a lane that does not replay",
        None,
        standings.iter().filter_map(|(at, standing)| match standing {
            Standing::Replaying { left, total } => Some((at.labels(), left.unwrap_or(*total) as f64)),
            _ => None,
        }),
    )
}

fn rebalances(scrape: &mut Scrape<'_>, counts: &StateCounts) -> Result {
    scrape.counters(
        "tillwatch_rebalance_lanes",
        "Lanes that came or went, by what happened: assigned, revoked in order, or lost since the session \
         timed out",
        Change::ALL.map(|change| ([("change", change.as_str())], counts.change(change))),
    )?;
    durations(
        scrape,
        "tillwatch_rebalance_departure",
        "From the closing of a lane that leaves until it is drained, stored, committed and given up",
        &counts.departure,
    )?;
    scrape.gauge(
        "tillwatch_rebalance_kept_lanes",
        "Lanes that are kept in memory for a while although their partitions were lost",
        None,
        counts.kept_lanes.load(Ordering::Relaxed) as f64,
    )
}

fn durations(scrape: &mut Scrape<'_>, name: &str, help: &str, histogram: &Histogram) -> Result {
    let mut family = scrape.family(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
    encode_histogram(&mut family, &histogram.snapshot())
}
