//! Who changed what scores, when, and from which record on.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tillwatch_records::TopicPartition;

use super::LineupName;
use super::trial::Trial;
use crate::clock;

/// Why models were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The process began.
    Start,
    /// Files changed.
    Reload,
    /// A signal asked for it.
    Signal,
}

/// Writes a log line, target `audit`, for every change of the line-up, taken or refused, and for the
/// record from which on each lane scores with it; and the same as JSON lines to a file, where one is named.
#[derive(Debug)]
pub struct Audit(Option<Mutex<File>>);

/// A line of the file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// UTC.
    time: String,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    /// A line-up was put in force.
    InForce {
        source: Source,
        from: Option<&'a LineupName>,
        to: &'a LineupName,
        /// The files that looked different.
        changed: &'a [String],
        /// What both say of the last rows.
        #[serde(skip_serializing_if = "Option::is_none")]
        trial: Option<&'a Trial>,
    },
    /// Files could not be used.
    Refused {
        source: Source,
        /// What stays in force.
        from: &'a LineupName,
        changed: &'a [String],
        reason: &'a str,
    },
    /// A lane scores with a line-up from this record on.
    Begun {
        topic: &'a str,
        partition: i32,
        offset: i64,
        to: &'a LineupName,
    },
}

impl Audit {
    /// Appends to the file at `path`, or only logs.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| File::options().append(true).create(true).open(path);
        Ok(Self(path.map(open).transpose()?.map(Mutex::new)))
    }

    /// A line-up is in force now.
    pub fn in_force(
        &self,
        source: Source,
        from: Option<&LineupName>,
        to: &LineupName,
        changed: &[String],
        trial: Option<&Trial>,
    ) {
        let before = from.map(ToString::to_string).unwrap_or_default();
        tracing::info!(target: "audit", ?source, from = before, %to, ?changed, "models in force");
        self.write(Event::InForce {
            source,
            from,
            to,
            changed,
            trial,
        });
    }

    /// Models were not taken; `from` stays in force.
    pub fn refused(&self, source: Source, from: &LineupName, changed: &[String], reason: &str) {
        tracing::error!(
            target: "audit", ?source, %from, ?changed, reason,
            "new models refused; those before stay in force"
        );
        self.write(Event::Refused {
            source,
            from,
            changed,
            reason,
        });
    }

    /// A lane scores with `to` from the record at `offset` on.
    pub fn begun(&self, source: &TopicPartition, offset: i64, to: &LineupName) {
        let TopicPartition { topic, partition } = source;
        let partition = *partition;
        tracing::info!(target: "audit", topic = &**topic, partition, offset, %to, "lane scores with");
        self.write(Event::Begun {
            topic,
            partition,
            offset,
            to,
        });
    }

    /// One write per line, so that lines of several threads do not mix and a crash leaves whole ones.
    fn write(&self, event: Event<'_>) {
        let Some(file) = &self.0 else {
            return;
        };
        let now = Timestamp::from_millisecond(clock::unix_ms()).unwrap_or_default();
        let time = now.to_string();
        let line = serde_json::to_vec(&Line { time, event });
        let written = line.map_err(io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            let mut file = file.lock();
            file.write_all(&line)?;
            file.flush()
        });
        if let Err(error) = written {
            tracing::error!(target: "audit", %error, "cannot write to [models] audit; the log has the line");
        }
    }
}
