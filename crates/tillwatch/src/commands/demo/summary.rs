//! What the demonstration showed, held against the ground truth.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tillwatch_records::Typology;
use tillwatch_simulator::TruthRecord;

use super::feed::Fed;
use super::observer::{Observer, Seen};
use super::view::thousands;
use crate::cli::DemoArgs;
use crate::clock;
use crate::serve::metrics::Metrics;

/// An alert so long after a scenario's end still belongs to it: windows look back.
const GRACE_MS: i64 = 10 * 60 * 1000;

/// The closing summary.
#[derive(Debug, Serialize)]
pub struct Summary {
    seed: u64,
    /// Records sent to the broker.
    produced: u64,
    /// Scores that the broker acknowledged.
    scored: u64,
    /// Records that could not be decoded; as many as were broken on purpose.
    dead_lettered: u64,
    broken_on_purpose: u64,
    fraudulent: u64,
    records_per_second: f64,
    cpu_us_per_record: f64,
    latency_ms: Latency,
    first_score_s: f64,
    first_alert_s: f64,
    alerts: usize,
    /// Alerts on terminals where nothing was wrong at the time.
    false_alerts: usize,
    by_typology: BTreeMap<&'static str, Detection>,
    models: String,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

/// How one typology fared.
#[derive(Debug, Default, Serialize)]
struct Detection {
    /// Scenarios that sent at least one fraudulent transaction.
    scenarios: usize,
    /// Of these, how many had an alert that names the typology.
    detected: usize,
    /// Of these, how many had any alert.
    alerted: usize,
    /// Alerts that name the typology, right or wrong.
    alerts: usize,
}

impl Summary {
    pub fn new(
        args: &DemoArgs,
        fed: &Fed,
        metrics: &Metrics,
        observer: &Observer,
        elapsed: Duration,
    ) -> Self {
        let alerts = observer.alerts();
        let [p50, p99, p999, max] = metrics.end_to_end_quantiles_ms([0.5, 0.99, 0.999, 1.0]);
        let seconds = |duration: Option<Duration>| duration.map_or(f64::NAN, |d| d.as_secs_f64());
        Self {
            seed: args.seed,
            produced: fed.sent,
            scored: metrics.delivered(),
            dead_lettered: metrics.dead_lettered(),
            broken_on_purpose: fed.broken,
            fraudulent: fed.fraudulent,
            records_per_second: fed.sent as f64 / fed.seconds.max(1e-9),
            cpu_us_per_record: clock::process_cpu().as_secs_f64() * 1e6 / fed.sent.max(1) as f64,
            latency_ms: Latency {
                p50,
                p99,
                p999,
                max,
            },
            first_score_s: seconds(observer.first_score()),
            first_alert_s: seconds(observer.first_alert()),
            alerts: alerts.len(),
            false_alerts: alerts
                .iter()
                .filter(|alert| is_false(alert, &fed.truth))
                .count(),
            by_typology: by_typology(&fed.truth, &alerts),
            models: metrics.model(),
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Whether every record that was sent is accounted for.
    pub fn nothing_lost(&self) -> bool {
        self.produced == self.scored + self.dead_lettered
    }

    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let verdict = if self.nothing_lost() {
            "nothing lost"
        } else {
            "RECORDS ARE MISSING"
        };
        println!(
            "\n{} produced = {} scored + {} dead-lettered: {verdict}",
            thousands(self.produced),
            thousands(self.scored),
            self.dead_lettered
        );
        println!(
            "{} records/s, {:.1} CPU-µs per record (simulator, broker and scorer in one process)",
            thousands(self.records_per_second as u64),
            self.cpu_us_per_record
        );
        println!(
            "produced to acknowledged: p50 {} ms, p99 {} ms, p99.9 {} ms; first score after {:.2} \
             s, first alert after {:.2} s",
            self.latency_ms.p50,
            self.latency_ms.p99,
            self.latency_ms.p999,
            self.first_score_s,
            self.first_alert_s
        );
        println!(
            "{} alerts, {} of them on terminals where nothing was wrong; models {}\n",
            self.alerts, self.false_alerts, self.models
        );
        println!(
            "{:<26}{:>10}{:>10}{:>10}{:>10}",
            "typology", "scenarios", "named", "alerted", "alerts"
        );
        for typology in Typology::ALL {
            if let Some(row) = self.by_typology.get(typology.as_str()) {
                println!(
                    "{:<26}{:>10}{:>10}{:>10}{:>10}",
                    typology.words(),
                    row.scenarios,
                    row.detected,
                    row.alerted,
                    row.alerts
                );
            }
        }
        println!(
            "\nscenarios: frauds of the ground truth; named: with an alert of that typology; \
             alerted: with any alert"
        );
        Ok(())
    }
}

fn by_typology(truth: &[TruthRecord], alerts: &[Seen]) -> BTreeMap<&'static str, Detection> {
    let mut rows: BTreeMap<&'static str, Detection> = BTreeMap::new();
    for scenario in truth.iter().filter(|scenario| scenario.transactions > 0) {
        let mut fitting = alerts
            .iter()
            .filter(|alert| belongs(alert, scenario))
            .peekable();
        let row = rows.entry(scenario.typology.as_str()).or_default();
        row.scenarios += 1;
        row.alerted += usize::from(fitting.peek().is_some());
        row.detected += usize::from(fitting.any(|alert| alert.typology == Some(scenario.typology)));
    }
    for typology in alerts.iter().filter_map(|alert| alert.typology) {
        rows.entry(typology.as_str()).or_default().alerts += 1;
    }
    rows
}

fn is_false(alert: &Seen, truth: &[TruthRecord]) -> bool {
    !truth.iter().any(|scenario| belongs(alert, scenario))
}

/// Whether an alert is about a scenario's terminal during it or shortly after.
fn belongs(alert: &Seen, scenario: &TruthRecord) -> bool {
    let mut parts = alert.key.split('/');
    let same = parts.next() == Some(&scenario.acquirer_id)
        && parts.next() == Some(&scenario.merchant_id)
        && parts.next() == Some(&scenario.terminal_id);
    same && (scenario.start_ms..=scenario.end_ms + GRACE_MS).contains(&alert.event_time_ms)
}
