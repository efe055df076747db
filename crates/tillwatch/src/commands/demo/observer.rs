//! A sink that watches: alerts in words, and when the first score came.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_records::{Alert, ScoreBatch, Severity, Ticket, Typology};
use tillwatch_sink::{CountersSnapshot, DeadLetter, Sink, SinkError};

/// An alert as it is shown and as it is held against the truth.
#[derive(Debug, Clone)]
pub struct Seen {
    pub key: String,
    pub typology: Option<Typology>,
    pub severity: Severity,
    pub event_time_ms: i64,
    pub score: u16,
    /// Reason codes, strongest first.
    pub codes: Vec<String>,
    /// The strongest reason in words.
    pub words: String,
    pub action: String,
}

/// Alerts kept: far more than a demonstration makes; later ones are counted only.
const ALERTS_MAX: usize = 200_000;

/// Collects what the demonstration shows. Acknowledges at once: the Kafka sink beside it does not.
pub struct Observer {
    started: Instant,
    first_score: OnceLock<Duration>,
    first_alert: OnceLock<Duration>,
    alerts: Mutex<Vec<Seen>>,
}

impl Observer {
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            first_score: OnceLock::new(),
            first_alert: OnceLock::new(),
            alerts: Mutex::default(),
        }
    }

    /// From the start of the program to the first score.
    pub fn first_score(&self) -> Option<Duration> {
        self.first_score.get().copied()
    }

    /// From the start of the program to the first alert.
    pub fn first_alert(&self) -> Option<Duration> {
        self.first_alert.get().copied()
    }

    /// All alerts so far.
    pub fn alerts(&self) -> Vec<Seen> {
        self.alerts.lock().clone()
    }

    /// The last `count` alerts, newest last, and how many there were.
    pub fn latest(&self, count: usize) -> (Vec<Seen>, usize) {
        let alerts = self.alerts.lock();
        (
            alerts[alerts.len().saturating_sub(count)..].to_vec(),
            alerts.len(),
        )
    }
}

impl Sink for Observer {
    fn write(&self, scores: &ScoreBatch, _ticket: &Ticket) -> Result<(), SinkError> {
        if scores.is_empty() {
            return Ok(());
        }
        self.first_score.get_or_init(|| self.started.elapsed());
        if !scores.alerts.is_empty() {
            self.first_alert.get_or_init(|| self.started.elapsed());
            let seen = scores.alerts.iter().map(|alert| see(scores, alert));
            let mut alerts = self.alerts.lock();
            let room = ALERTS_MAX - alerts.len();
            alerts.extend(seen.take(room));
        }
        Ok(())
    }

    fn dead_letter(&self, _letter: &DeadLetter<'_>, _ticket: &Ticket) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&self, _timeout: Duration) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(&self) {}

    fn counters(&self) -> CountersSnapshot {
        CountersSnapshot::default()
    }
}

fn see(scores: &ScoreBatch, alert: &Alert) -> Seen {
    let row = alert.row as usize;
    let reasons = scores.reasons.row(row);
    // What speaks for the alert's own typology comes first.
    let main = reasons
        .iter()
        .find(|reason| reason.definition.typology == alert.typology)
        .or(reasons.first());
    Seen {
        key: scores.emissions.keys.value(row).to_owned(),
        typology: alert.typology,
        severity: alert.severity,
        event_time_ms: scores.events.event_times_ms().map_or(0, |times| times[row]),
        score: scores.scores[row],
        codes: reasons
            .iter()
            .map(|reason| reason.definition.code.clone())
            .collect(),
        words: main.map_or_else(String::new, |reason| reason.definition.words.clone()),
        action: main.map_or_else(String::new, |reason| reason.definition.action.clone()),
    }
}
