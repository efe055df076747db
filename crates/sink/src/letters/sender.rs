//! Records sent a few hundred at a time, each with what became of it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::{
    Deliveries, ErrorCode, Notices, OutRecord, Producer, Properties, Trouble, Undelivered, now,
};

use crate::SinkError;
use crate::kafka;

/// A header: name and value.
pub type Header = (String, Option<Vec<u8>>);

/// How long is waited for what is on its way, after somebody has asked for the end.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether somebody has.
const TURN: Duration = Duration::from_millis(50);

/// A record to send.
#[derive(Debug, Clone)]
pub struct Resent {
    /// Topic.
    pub topic: String,
    /// Partition; `None` leaves it to the key.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub payload: Option<Vec<u8>>,
    /// Milliseconds since 1970; `None` for the time of sending.
    pub timestamp_ms: Option<i64>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was acknowledged.
    Delivered,
    /// It was refused by itself; others may be taken.
    Refused(ErrorCode),
    /// It was not delivered because of what is wrong with topic, rights or client: others will not be taken
    /// either.
    Failed(ErrorCode),
    /// Somebody asked for the end before there was an answer. A broker may have it.
    Unknown,
}

/// Sends records, and waits for what becomes of them. It retries without end while brokers are away.
pub struct LetterSender {
    producer: Producer<Reports>,
    reports: Arc<Reports>,
}

/// What became of the records that are on their way, by their index.
#[derive(Default)]
struct Reports {
    outcomes: Mutex<Vec<Outcome>>,
    notices: Notices,
}

impl LetterSender {
    /// A client with `properties`, which override the defaults of [`crate::KafkaSink`]. Does not need a
    /// broker.
    ///
    /// # Errors
    /// [`SinkError::Kafka`].
    pub fn open(properties: &Properties) -> Result<Self, SinkError> {
        let config = kafka::producer(properties, &Properties::default())?;
        let reports = Arc::<Reports>::default();
        Ok(Self {
            producer: Producer::start(&config, Arc::clone(&reports))?,
            reports,
        })
    }

    /// How many partitions `topic` has, asking at most `timeout`.
    ///
    /// # Errors
    /// What the brokers say of it, or that they do not answer.
    pub fn partitions(&self, topic: &str, timeout: Duration) -> Result<usize, ErrorCode> {
        self.producer.partitions(topic, timeout)
    }

    /// Sends `records` in order and waits until it is known what became of each. A broker refuses records
    /// together, so those that it refused are sent once more, each alone; they come after the others then.
    /// Waits without end while `go_on`.
    pub fn send(&self, records: &[Resent], go_on: &dyn Fn() -> bool) -> Vec<Outcome> {
        *self.reports.outcomes.lock() = vec![Outcome::Unknown; records.len()];
        for (index, record) in records.iter().enumerate() {
            self.hand_over(index, record, go_on);
        }
        self.wait(go_on);
        if records.len() > 1 {
            for (index, record) in records.iter().enumerate() {
                let outcome = self.reports.outcomes.lock()[index];
                if matches!(outcome, Outcome::Refused(_)) && go_on() {
                    self.hand_over(index, record, go_on);
                    self.wait(go_on);
                }
            }
        }
        std::mem::take(&mut *self.reports.outcomes.lock())
    }

    /// Hands a record over; waits while the client's queue is full.
    fn hand_over(&self, index: usize, record: &Resent, go_on: &dyn Fn() -> bool) {
        let out = OutRecord {
            topic: &record.topic,
            partition: record.partition,
            key: record.key.as_deref(),
            payload: record.payload.as_deref(),
            timestamp_ms: record.timestamp_ms,
        };
        let headers = record.headers.iter();
        let headers: Vec<(&str, Option<&[u8]>)> = headers
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        let owed = Arc::new(index);
        while let Err(code) = self.producer.send(&out, &headers, &owed) {
            if Trouble::of(code) != Trouble::QueueFull || self.producer.is_idle() {
                return self.reports.note(index, undelivered(code));
            }
            if !go_on() {
                return;
            }
            self.producer.flush(TURN);
        }
    }

    /// Waits until nothing is on its way, or somebody has asked for the end.
    fn wait(&self, go_on: &dyn Fn() -> bool) {
        let mut ends = None;
        while !self.producer.is_idle() {
            self.producer.flush(TURN);
            if !go_on() {
                let end = *ends.get_or_insert_with(|| now() + GRACE);
                if now() >= end {
                    return;
                }
            }
        }
    }
}

impl Reports {
    fn note(&self, index: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.lock().get_mut(index) {
            *place = outcome;
        }
    }
}

impl Deliveries for Reports {
    type Owed = usize;

    fn delivered(&self, owed: Arc<usize>, _: usize) {
        self.note(*owed, Outcome::Delivered);
    }

    fn given_up(&self, record: &Undelivered<'_>, owed: Arc<usize>) {
        self.note(*owed, undelivered(record.code()));
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
            tracing::warn!(cause = %code, reason, held_back, "kafka");
        }
    }
}

/// What became of a record that was given up with `code`.
fn undelivered(code: ErrorCode) -> Outcome {
    match Trouble::of(code) {
        Trouble::Authentication
        | Trouble::Authorization
        | Trouble::TopicMissing
        | Trouble::BrokersDown
        | Trouble::Fatal => Outcome::Failed(code),
        Trouble::QueueFull | Trouble::RecordRefused | Trouble::Passing => Outcome::Refused(code),
    }
}
