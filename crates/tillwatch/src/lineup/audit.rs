//! Who changed what scores, when, and from which record on.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tillwatch_engine::{Audit, LineupName, OldAndNew, Said, Trial};
use tillwatch_records::TopicPartition;

use crate::clock;

/// Why models were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
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
pub struct AuditLog(Option<Mutex<File>>);

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
    /// A line-up became the active one.
    #[serde(rename = "in_force")]
    Active {
        #[serde(rename = "source")]
        cause: Cause,
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
        #[serde(rename = "source")]
        cause: Cause,
        /// What stays active.
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

impl AuditLog {
    /// Appends to the file at `path`, or only logs.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| File::options().append(true).create(true).open(path);
        Ok(Self(path.map(open).transpose()?.map(Mutex::new)))
    }

    /// A line-up becomes the active one.
    pub fn active(
        &self,
        cause: Cause,
        from: Option<&LineupName>,
        to: &LineupName,
        changed: &[String],
        trial: Option<&Trial>,
    ) {
        let before = from.map(ToString::to_string).unwrap_or_default();
        tracing::info!(target: "audit", source = ?cause, from = before, %to, ?changed, "models active");
        if let Some(trial) = trial {
            log_trial(trial, to);
        }
        self.write(Event::Active {
            cause,
            from,
            to,
            changed,
            trial,
        });
    }

    /// Models were not taken; `from` stays active.
    pub fn refused(&self, cause: Cause, from: &LineupName, changed: &[String], reason: &str) {
        tracing::error!(
            target: "audit", source = ?cause, %from, ?changed, reason,
            "new models refused; those before stay active"
        );
        self.write(Event::Refused {
            cause,
            from,
            changed,
            reason,
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

impl Audit for AuditLog {
    fn begun(&self, source: &TopicPartition, offset: i64, to: &LineupName) {
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
}

/// Says in the log what a trial found.
fn log_trial(trial: &Trial, to: &LineupName) {
    // As models beside the champion are called: without the hash.
    let champion = to.champion.rsplit_once('+');
    let champion = champion.map_or(to.champion.as_str(), |(name, _hash)| name);
    log_said(&trial.champion, "champion", champion, trial.rows);
    for other in &trial.others {
        log_said(&other.said, other.role.as_str(), &other.model, trial.rows);
    }
}

fn log_said(said: &Said, role: &str, model: &str, rows: u64) {
    let pair = |[old, new]: OldAndNew| format!("{old} → {new}");
    let fired: u64 = said.rules.values().map(|[_, new]| new).sum();
    tracing::info!(
        target: "audit",
        role,
        model,
        rows,
        approved = pair(said.approved),
        reviewed = pair(said.reviewed),
        declined = pair(said.declined),
        fired,
        differing = differing(said),
        missing = ?said.missing,
        "what the new model says of the last rows, against the one before it"
    );
}

/// The rules that fire differently, in words.
fn differing(said: &Said) -> String {
    let rules = said.rules.iter().filter(|(_, [old, new])| old != new);
    let words = rules.map(|(name, [old, new])| format!("{name} {old} → {new}"));
    words.collect::<Vec<_>>().join(", ")
}
