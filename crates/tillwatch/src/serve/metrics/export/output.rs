//! The sink.

use std::collections::BTreeMap;
use std::fmt::Result;
use std::time::Duration;

use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tillwatch_sink::{AbortCause, Cause, TransactionCounts};

use super::scrape::{Scrape, truth};
use crate::serve::outputs::Outputs;

pub fn encode(scrape: &mut Scrape<'_>, outputs: &Outputs) -> Result {
    let Outputs { status, counters } = outputs;
    scrape.gauge(
        "tillwatch_sink_up",
        "1 while outputs are being delivered, 0 while they wait for something",
        None,
        truth(status.is_up()),
    )?;
    let mut longest: BTreeMap<&str, Duration> = BTreeMap::new();
    for waiting in &status.waiting {
        let waited = longest.entry(waiting.cause.as_str()).or_default();
        *waited = waiting.waited.max(*waited);
    }
    scrape.gauges(
        "tillwatch_sink_waiting",
        "How long outputs have been waiting, by cause; absent while they do not wait",
        Some(&Unit::Seconds),
        longest
            .iter()
            .map(|(cause, waited)| ([("cause", *cause)], waited.as_secs_f64())),
    )?;
    scrape.gauge(
        "tillwatch_sink_in_flight_records",
        "Scores, alerts and dead letters handed over and not acknowledged yet",
        None,
        status.in_flight as f64,
    )?;
    scrape.gauge(
        "tillwatch_sink_queued",
        "Bytes of key and value handed over and not acknowledged yet",
        Some(&Unit::Bytes),
        status.queued_bytes as f64,
    )?;
    scrape.counters(
        "tillwatch_sink_errors",
        "Errors of the output, by cause",
        Cause::ALL.map(|cause| ([("cause", cause.as_str())], counters.errors[cause as usize])),
    )?;
    for (name, help, value) in [
        (
            "tillwatch_sink_failed_records",
            "Outputs given up; the run ends, and their records are read again",
            counters.failed,
        ),
        (
            "tillwatch_sink_full_waits",
            "Times that a lane waited because the sink was full",
            counters.full_waits,
        ),
        (
            "tillwatch_sink_reduced",
            "Outputs delivered in a reduced form, since the whole one was refused",
            counters.reduced,
        ),
        (
            "tillwatch_sink_dropped",
            "Outputs that were refused in every form; their records are committed",
            counters.dropped,
        ),
    ] {
        scrape.counter(name, help, value)?;
    }
    transactions(scrape, &counters.transactions)
}

/// Transactions, of a sink that writes in them.
fn transactions(scrape: &mut Scrape<'_>, transactions: &TransactionCounts) -> Result {
    scrape.counter(
        "tillwatch_transactions_committed",
        "Transactions that committed, with delivery = \"exactly_once\"",
        transactions.committed,
    )?;
    let help = "Time from the beginning of transactions to their commit, all together";
    let name = "tillwatch_transactions_open";
    scrape
        .family(name, help, Some(&Unit::Seconds), MetricType::Counter)?
        .encode_counter::<NoLabelSet, _, u64>(&transactions.took.as_secs_f64(), None)?;
    scrape.counters(
        "tillwatch_transactions_aborted",
        "Transactions that were aborted and sent again, by cause",
        AbortCause::ALL.map(|cause| {
            let count = transactions.aborted[cause as usize];
            ([("cause", cause.as_str())], count)
        }),
    )
}
