//! What became of letters, counted.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;
use tillwatch_sink::{DoneLetters, Fate, Outcome, Resent};

use super::rules::Left;

/// Positions that are named of those that were left or refused for one reason.
const NAMED_MAX: usize = 20;

/// A letter that is being dealt with.
pub struct Pending {
    pub position: String,
    pub partition: i32,
    /// Offsets of the dead-letter topic that are done with together with the letter: no letter lies between
    /// the first one and its own.
    pub first: i64,
    pub last: i64,
    /// What is sent; `None` where there is nothing to send.
    pub resent: Option<Resent>,
    /// What becomes of it when all goes well.
    pub fate: Fate,
}

/// Totals of a redrive.
#[derive(Debug, Default, Serialize)]
pub struct Totals {
    pub sent: u64,
    pub discarded: u64,
    /// Letters of a record that another letter is of.
    pub repeated: u64,
    /// Done with before.
    pub done: u64,
    /// Not among those that the command line means.
    pub not_meant: u64,
    /// Records of the topic that are no letters.
    pub foreign: u64,
    /// Sent without an answer.
    pub unknown: u64,
    /// Letters that are left as they are, by cause.
    pub left: BTreeMap<&'static str, Positions>,
    /// Records that a broker refused, by its words.
    pub refused: BTreeMap<String, Positions>,
}

/// How many there are, and where the first of them were.
#[derive(Debug, Default, Serialize)]
pub struct Positions {
    count: u64,
    positions: Vec<String>,
}

impl Totals {
    pub fn leave(&mut self, why: Left, position: &str) {
        self.left.entry(why.as_str()).or_default().add(position);
    }

    pub fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Counts what became of the letters of a chunk; `None` where there was nothing to send. Gives what is
    /// done with, and what went wrong for all of them.
    pub fn count(
        &mut self,
        chunk: &[Pending],
        outcomes: &[Option<Outcome>],
    ) -> (DoneLetters, Option<String>) {
        let mut done = DoneLetters::default();
        let mut failed = None;
        for (pending, outcome) in chunk.iter().zip(outcomes) {
            match outcome {
                Some(Outcome::Delivered) => self.sent += 1,
                None if pending.fate == Fate::Discarded => self.discarded += 1,
                None => {}
                Some(Outcome::Refused(code)) => {
                    let code = code.to_string();
                    tracing::error!(
                        record = pending.position,
                        code,
                        "refused; its letter stays open"
                    );
                    self.refused.entry(code).or_default().add(&pending.position);
                    continue;
                }
                Some(Outcome::Failed(code)) => {
                    failed.get_or_insert_with(|| code.to_string());
                    continue;
                }
                Some(Outcome::Unknown) => {
                    self.unknown += 1;
                    continue;
                }
            }
            done.insert(pending.fate, pending.partition, pending.first, pending.last);
        }
        (done, failed)
    }

    /// Prints them: what was not sent comes with the reason.
    pub fn print(&self, json: bool, is_dry: bool) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            serde_json::to_writer(&mut out, self)?;
            writeln!(out)?;
            return Ok(());
        }
        let would = if is_dry { "would be " } else { "" };
        writeln!(out, "{} records {would}sent again", self.sent)?;
        for (count, words) in [
            (self.discarded, "discarded"),
            (
                self.repeated,
                "letters of a record that another letter is of; these are done with as well",
            ),
            (self.done, "done with before"),
            (self.not_meant, "not meant by the options"),
            (self.foreign, "records that are no letters"),
            (
                self.unknown,
                "without an answer: the next redrive sends them again",
            ),
        ] {
            if count > 0 {
                writeln!(out, "{count} {words}")?;
            }
        }
        let left = self.left.iter().map(|(why, some)| ("left", *why, some));
        let refused = self.refused.iter();
        let refused = refused.map(|(why, some)| ("refused by the broker", why.as_str(), some));
        for (what, why, some) in left.chain(refused) {
            let more = some.count - some.positions.len() as u64;
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let named = some.positions.join(", ");
            writeln!(out, "{} {what}: {why}: {named}{more}", some.count)?;
        }
        Ok(())
    }
}

impl Positions {
    fn add(&mut self, position: &str) {
        self.count += 1;
        if self.positions.len() < NAMED_MAX {
            self.positions.push(position.to_owned());
        }
    }
}
