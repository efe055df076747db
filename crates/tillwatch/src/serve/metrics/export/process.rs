//! The process: readiness, version, what it takes of the machine.

use std::fmt::Result;

use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::scrape::{Scrape, truth};
use crate::clock;
use crate::serve::health::Health;
use crate::serve::metrics::counts::Metrics;
use crate::serve::metrics::cut::Cut;
use crate::serve::usage::Usage;

pub fn encode(scrape: &mut Scrape<'_>, metrics: &Metrics, health: &Health) -> Result {
    let is_ready = truth(health.ready().is_ok());
    let help = "1 while /readyz answers 200, else 0";
    scrape.gauge("tillwatch_ready", help, None, is_ready)?;
    scrape.gauge(
        "tillwatch_poll_silence",
        "How long the poll thread has not turned; above 120 s /healthz answers 503",
        Some(&Unit::Seconds),
        health.monitor().silence().as_secs_f64(),
    )?;
    scrape.counters(
        "tillwatch_http_connections_cut",
        "Connections to this port that were cut: crowded (to make room for a newer one) or slow",
        Cut::ALL.map(|cut| ([("cause", cut.as_str())], metrics.cuts(cut))),
    )?;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    let help = "Version of the program";
    scrape.gauges("tillwatch_build_info", help, None, [(version, 1.0)])?;
    usage(scrape, metrics)
}

/// Named as Prometheus' own clients name them.
fn usage(scrape: &mut Scrape<'_>, metrics: &Metrics) -> Result {
    let mut family = scrape.family(
        "process_cpu",
        "CPU time used, on all threads",
        Some(&Unit::Seconds),
        MetricType::Counter,
    )?;
    let cpu = clock::process_cpu().as_secs_f64();
    family.encode_counter::<NoLabelSet, _, f64>(&cpu, None)?;
    scrape.gauge(
        "process_start_time",
        "When the process started, since 1970",
        Some(&Unit::Seconds),
        metrics.started_ms() as f64 / 1e3,
    )?;
    let usage = Usage::now();
    for (name, help, unit, value) in [
        (
            "process_resident_memory",
            "Memory that the process holds in RAM",
            Some(&Unit::Bytes),
            usage.resident_bytes,
        ),
        (
            "process_virtual_memory",
            "Memory that the process has addresses for",
            Some(&Unit::Bytes),
            usage.virtual_bytes,
        ),
        ("process_threads", "Threads", None, usage.threads),
        (
            "process_open_fds",
            "File descriptors in use",
            None,
            usage.open_fds,
        ),
        (
            "process_max_fds",
            "File descriptors that the process may use",
            None,
            usage.max_fds,
        ),
    ] {
        scrape.optional(name, help, unit, value.map(|value| value as f64))?;
    }
    Ok(())
}
