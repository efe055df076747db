//! The consumer, its partitions and its commits.

use std::fmt::Result;

use prometheus_client::registry::Unit;
use tillwatch_consumer::{ConsumerStats, PartitionStats};

use super::scrape::{Place, Scrape, truth};
use crate::clock;

/// A partition with its labels.
type Placed<'a> = (Place, &'a PartitionStats);

pub fn encode(scrape: &mut Scrape<'_>, stats: &ConsumerStats) -> Result {
    member(scrape, stats)?;
    let partitions = stats.partitions.iter();
    let partitions: Vec<Placed<'_>> = partitions
        .map(|stats| (Place::of(&stats.source), stats))
        .collect();
    lag(scrape, &partitions)?;
    commits(scrape, &partitions)
}

fn member(scrape: &mut Scrape<'_>, stats: &ConsumerStats) -> Result {
    for (name, help, value) in [
        ("records", "Records received from Kafka", stats.records),
        ("bytes", "Bytes received from Kafka", stats.bytes),
        (
            "pauses",
            "Pauses of a partition whose lane or sink was behind",
            stats.pauses,
        ),
        (
            "commits",
            "Commits that the broker confirmed",
            stats.commits,
        ),
        (
            "commit_failures",
            "Commits that failed and are tried again",
            stats.commits_failed,
        ),
        (
            "rebalances",
            "Assignments and revocations",
            stats.rebalances,
        ),
    ] {
        scrape.counter(&format!("tillwatch_consumer_{name}"), help, value)?;
    }
    scrape.counters(
        "tillwatch_consumer_errors",
        "Errors that the Kafka client of the input reported, by cause",
        stats
            .errors
            .map(|(cause, count)| ([("cause", cause.as_str())], count)),
    )?;
    let help = "1 while a broker of the input answers, else 0";
    scrape.gauge("tillwatch_broker_up", help, None, truth(stats.broker_up))?;
    scrape.gauge(
        "tillwatch_consumer_joined",
        "1 while the consumer group has given this instance its share of the partitions (perhaps \
         none), else 0",
        None,
        truth(stats.joined),
    )?;
    scrape.gauge(
        "tillwatch_consumer_assigned_partitions",
        "Partitions that are assigned to this instance",
        None,
        stats.partitions.len() as f64,
    )
}

fn lag(scrape: &mut Scrape<'_>, partitions: &[Placed<'_>]) -> Result {
    scrape.gauges(
        "tillwatch_consumer_lag_records",
        "Offsets from the last acknowledged record to the end of what can be read; 0 when all of it \
         is scored and delivered",
        None,
        partitions
            .iter()
            .filter_map(|(at, stats)| Some((at.labels(), stats.lag()? as f64))),
    )?;
    let now_ms = clock::unix_ms();
    scrape.gauges(
        "tillwatch_consumer_lag",
        "Age of the oldest record received and not acknowledged, by its Kafka timestamp; 0 when \
         there is none",
        Some(&Unit::Seconds),
        partitions.iter().map(|(at, stats)| {
            let age_ms = stats.oldest_ms.map_or(0, |oldest_ms| now_ms - oldest_ms);
            (at.labels(), age_ms.max(0) as f64 / 1e3)
        }),
    )?;
    scrape.gauges(
        "tillwatch_consumer_unread_records",
        "Offsets that can be read from the broker and were not received",
        None,
        partitions
            .iter()
            .filter_map(|(at, stats)| Some((at.labels(), stats.unread()? as f64))),
    )?;
    scrape.gauges(
        "tillwatch_lane_unsettled_records",
        "Records received whose scores are not acknowledged yet",
        None,
        partitions.iter().map(|(at, stats)| {
            let records = stats.pending_records + stats.unsettled_records;
            (at.labels(), records as f64)
        }),
    )?;
    scrape.counters(
        "tillwatch_lost_records",
        "Records that were deleted before they were read, since the assignment",
        partitions
            .iter()
            .map(|(at, stats)| (at.labels(), stats.lost_records)),
    )?;
    scrape.counters(
        "tillwatch_reordered_records",
        "Records handed out behind one of another topic that they belong before, since the assignment",
        partitions
            .iter()
            .map(|(at, stats)| (at.labels(), stats.reordered_records)),
    )?;
    scrape.gauges(
        "tillwatch_consumer_paused",
        "1 while reading pauses because the lane or the sink is behind, else 0",
        None,
        partitions
            .iter()
            .map(|(at, stats)| (at.labels(), truth(stats.paused))),
    )
}

fn commits(scrape: &mut Scrape<'_>, partitions: &[Placed<'_>]) -> Result {
    scrape.gauges(
        "tillwatch_consumer_committed_offset",
        "Offset that was last committed; absent before the first commit of an assignment",
        None,
        partitions
            .iter()
            .filter_map(|(at, stats)| Some((at.labels(), stats.committed? as f64))),
    )?;
    let now_ms = clock::unix_ms();
    scrape.gauges(
        "tillwatch_consumer_last_commit_timestamp",
        "When the broker last confirmed a commit; absent before the first of an assignment",
        Some(&Unit::Seconds),
        partitions.iter().filter_map(|(at, stats)| {
            let age_ms = i64::try_from(stats.since_commit?.as_millis()).unwrap_or(i64::MAX);
            Some((at.labels(), (now_ms - age_ms) as f64 / 1e3))
        }),
    )?;
    scrape.gauges(
        "tillwatch_consumer_commit_stalled",
        "How long the committed offset has not moved though received records wait to be committed; \
         0 when none waits",
        Some(&Unit::Seconds),
        partitions.iter().map(|(at, stats)| {
            let stalled = stats.commit_stalled.unwrap_or_default();
            (at.labels(), stalled.as_secs_f64())
        }),
    )
}
