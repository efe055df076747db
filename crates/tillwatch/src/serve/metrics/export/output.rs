//! The sink.

use std::collections::BTreeMap;
use std::fmt::Result;
use std::time::Duration;

use prometheus_client::registry::Unit;

use super::scrape::{Scrape, truth};
use crate::serve::outputs::Outputs;

pub fn encode(scrape: &mut Scrape<'_>, outputs: &Outputs) -> Result {
    scrape.gauge(
        "tillwatch_sink_up",
        "1 while outputs are being delivered, 0 while they wait for something",
        None,
        truth(outputs.waiting.is_empty()),
    )?;
    let mut longest: BTreeMap<&str, Duration> = BTreeMap::new();
    for wait in &outputs.waiting {
        let lasted = longest.entry(wait.cause).or_default();
        *lasted = wait.lasted.max(*lasted);
    }
    scrape.gauges(
        "tillwatch_sink_waiting",
        "How long outputs have been waiting, by cause; absent while they do not wait",
        Some(&Unit::Seconds),
        longest
            .iter()
            .map(|(cause, lasted)| ([("cause", *cause)], lasted.as_secs_f64())),
    )?;
    scrape.gauge(
        "tillwatch_sink_in_flight_records",
        "Scores, alerts and dead letters handed over and not acknowledged yet",
        None,
        outputs.in_flight as f64,
    )?;
    for (name, help, value) in [
        (
            "tillwatch_sink_failed_records",
            "Outputs given up; the run ends, and their records are read again",
            outputs.failed,
        ),
        (
            "tillwatch_sink_full_waits",
            "Times that a lane waited because the sink was full",
            outputs.full_waits,
        ),
    ] {
        scrape.counter(name, help, value)?;
    }
    Ok(())
}
