//! Records on their way to a topic, each with the row that it is made of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tillwatch_records::{Settled, Ticket};
use tillwatch_sink::{OutRecord, RecordWriter, SinkError};

/// How long records may take to be acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);

/// Records that are refused one by one before the rest of the file is not tried any more: then it is not
/// single rows that are wrong.
const REFUSED_MAX: usize = 1_000;

/// Records that an error names.
const NAMED_MAX: usize = 20;

/// A record that is made of a row.
#[derive(Debug)]
pub struct Outgoing {
    pub origin: Origin,
    pub key: Option<String>,
    pub payload: Vec<u8>,
    /// The record's timestamp, milliseconds since 1970; `None` for when it is sent.
    pub timestamp_ms: Option<i64>,
    /// Header that says that it is a label.
    pub header: Option<String>,
}

/// What a record is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The row of this number, counted from 0.
    Row(i64),
    /// The outcome of the row of this number.
    LabelOf(i64),
}

/// Sends records and finds out which of them a broker refuses.
///
/// A broker takes or refuses what comes together as one, so a record that it refuses takes its neighbours
/// with it. All of these are sent again in halves, and halves of halves, until each is delivered or refused
/// alone. What is sent again comes after what was sent meanwhile.
pub struct Outbox {
    writer: RecordWriter,
    topic: String,
    /// Refused, perhaps for another's sake.
    failed: Arc<Mutex<Vec<Outgoing>>>,
    /// Refused alone, in no order; at most [`REFUSED_MAX`].
    refused: Vec<Origin>,
}

impl Outbox {
    pub fn new(writer: RecordWriter, topic: String) -> Self {
        Self {
            writer,
            topic,
            failed: Arc::default(),
            refused: Vec::new(),
        }
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Hands a record over. Blocks while the client's queue is full.
    pub fn send(&self, record: Outgoing) -> Result<()> {
        let failed = Arc::clone(&self.failed);
        let record = Arc::new(Mutex::new(Some(record)));
        let ticket = {
            let record = Arc::clone(&record);
            Ticket::new(move |settled| {
                let record = record.lock().take();
                if settled == Settled::Failed {
                    failed.lock().extend(record);
                }
            })
        };
        let held = record.lock();
        let Some(out) = &*held else { return Ok(()) };
        let headers = out.header.as_ref();
        let headers = headers.map(|name| (name.as_str(), Some(&b"label"[..])));
        let sent = self.writer.send_for(
            &OutRecord {
                topic: &self.topic,
                partition: None,
                key: out.key.as_deref().map(str::as_bytes),
                payload: Some(&out.payload),
                timestamp_ms: out.timestamp_ms,
            },
            headers.as_slice(),
            &ticket,
        );
        // In this order: the end of the last clone looks at the record.
        drop(held);
        drop(ticket);
        match sent {
            // It is among those that failed.
            Err(SinkError::Refused { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Looks after what was refused so far; fails where that is so much that the rest will be refused as
    /// well.
    pub fn mend(&mut self) -> Result<()> {
        if self.failed.lock().is_empty() {
            return Ok(());
        }
        self.writer.flush(FLUSH_TIMEOUT)?;
        let mut groups = vec![self.take_failed()];
        while let Some(group) = groups.pop() {
            let is_one = group.len() == 1;
            for record in group {
                self.send(record)?;
            }
            self.writer.flush(FLUSH_TIMEOUT)?;
            let mut failed = self.take_failed();
            if let ([record], true) = (failed.as_slice(), is_one) {
                self.note_refused(record.origin)?;
            } else if !failed.is_empty() {
                let second = failed.split_off(failed.len() / 2);
                // The first half comes first; the half of one record is empty.
                groups.extend([second, failed].into_iter().filter(|half| !half.is_empty()));
            }
        }
        Ok(())
    }

    /// Waits until everything is delivered or refused; fails where anything is refused.
    pub fn finish(&mut self) -> Result<()> {
        self.writer.flush(FLUSH_TIMEOUT)?;
        self.mend()?;
        anyhow::ensure!(self.refused.is_empty(), "{}", self.loss());
        Ok(())
    }

    /// What failed since the last time, in the order of the rows.
    fn take_failed(&self) -> Vec<Outgoing> {
        let mut failed = std::mem::take(&mut *self.failed.lock());
        failed.sort_by_key(|record| record.origin);
        failed
    }

    fn note_refused(&mut self, origin: Origin) -> Result<()> {
        tracing::error!(topic = self.topic, record = %origin, "record refused; it is not in the topic");
        self.refused.push(origin);
        anyhow::ensure!(
            self.refused.len() < REFUSED_MAX,
            "{}; the rest of the file was not tried",
            self.loss()
        );
        Ok(())
    }

    /// Which records are lost, in words.
    fn loss(&self) -> String {
        let mut refused = self.refused.clone();
        refused.sort_unstable();
        let named = refused.iter().take(NAMED_MAX).map(ToString::to_string);
        let mut named = named.collect::<Vec<String>>().join(", ");
        if refused.len() > NAMED_MAX {
            named.push_str(&format!(" and {} more", refused.len() - NAMED_MAX));
        }
        format!(
            "{} records were refused and are not in {} (rows are counted from 0): {named}; {} records are \
             delivered. The log says why; where it is the timestamp, --timestamp now sends others",
            refused.len(),
            self.topic,
            self.writer.counters().delivered
        )
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row) => write!(f, "row {row}"),
            Self::LabelOf(row) => write!(f, "label of row {row}"),
        }
    }
}
