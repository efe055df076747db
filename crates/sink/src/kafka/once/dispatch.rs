//! Parcels → client.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{BulkMessage, ErrorCode, OutRecord, now};

use super::client::Client;
use super::flight::{Flight, Share};
use super::held::{Form, Held};
use super::intake::Intake;
use crate::kafka::blame::Blame;
use crate::kafka::clients::TopicNames;
use crate::kafka::forms::Learnt;
use crate::settings::Output;

/// Records that are handed over at once: enough to spread the fixed cost of a hand-over.
const CHUNK_RECORDS: usize = 256;

/// How long the client is waited for before it is looked whether to go on.
const TURN: Duration = Duration::from_millis(50);

/// Sends parcels in the transaction that is open.
pub(crate) struct Dispatch<'a> {
    pub(crate) client: &'a Client,
    pub(crate) names: &'a TopicNames,
    pub(crate) flight: &'a Flight,
    pub(crate) intake: &'a Intake,
    pub(crate) learnt: &'a Learnt,
}

/// Sending makes no sense any more: a record was given up, or the sink was closed.
pub(crate) struct Halt;

impl Dispatch<'_> {
    /// Sends everything of a parcel, in order.
    pub(crate) fn send(&self, held: &mut Held) -> Result<(), Halt> {
        held.foresee(self.names, self.learnt, now());
        for index in 0..held.parcel.letters().len() {
            self.send_one(held, Output::DeadLetters, index)?;
        }
        for output in [Output::Scores, Output::Alerts] {
            let mut start = 0;
            for index in held.special(output) {
                self.send_lines(held, output, start..index)?;
                self.send_one(held, output, index)?;
                start = index + 1;
            }
            let end = held.parcel.lines(output).len();
            self.send_lines(held, output, start..end)?;
        }
        Ok(())
    }

    /// Sends records as they were made.
    fn send_lines(&self, held: &mut Held, output: Output, range: Range<usize>) -> Result<(), Halt> {
        if range.is_empty() {
            return Ok(());
        }
        let parcel = Arc::clone(&held.parcel);
        let share = Arc::new(Share {
            parcel: Arc::clone(&parcel),
            output,
            index: None,
        });
        for start in range.clone().step_by(CHUNK_RECORDS) {
            let chunk = start..range.end.min(start + CHUNK_RECORDS);
            let lines = parcel.lines(output);
            let mut left: Vec<(usize, BulkMessage<'_>)> =
                chunk.map(|index| (index, lines.message(index))).collect();
            while !left.is_empty() {
                let messages: Vec<BulkMessage<'_>> =
                    left.iter().map(|(_, message)| *message).collect();
                let mut again = Vec::new();
                for refused in self.client.produce(output, &messages, &share) {
                    let (index, message) = left[refused.index];
                    match Blame::of(refused.code) {
                        Blame::Full => again.push((index, message)),
                        Blame::Record(_) => {
                            self.refuse_alone(held, output, index, refused.code);
                            self.send_one(held, output, index)?;
                        }
                        _ => return Err(self.fail(output, refused.code)),
                    }
                }
                left = again;
                if !left.is_empty() {
                    self.wait_for_room()?;
                }
            }
        }
        Ok(())
    }

    /// Sends a record in its form. One that was refused is sent alone: nothing is on its way before it or
    /// behind it.
    fn send_one(&self, held: &mut Held, output: Output, index: usize) -> Result<(), Halt> {
        let parcel = Arc::clone(&held.parcel);
        let share = Arc::new(Share {
            parcel: Arc::clone(&parcel),
            output,
            index: Some(index),
        });
        let is_special = held.form(output, index).is_some();
        if is_special {
            self.drain()?;
        }
        loop {
            let line;
            let parts = match held.form(output, index) {
                Some(Form::Dropped) => return Ok(()),
                Some(Form::As(kept)) => &kept.parts,
                None if output == Output::DeadLetters => &parcel.letters()[index].parts,
                None => {
                    line = parcel.parts(output, index);
                    &line
                }
            };
            let record = OutRecord {
                topic: self.names[output as usize].as_deref().unwrap_or_default(),
                partition: None,
                key: parts.key.as_deref(),
                payload: parts.payload.as_deref(),
                // So that the topic keeps it for its full time, however old the record is.
                timestamp_ms: None,
            };
            let Err(code) = self.client.send(&record, &parts.headers(), &share) else {
                break;
            };
            match Blame::of(code) {
                Blame::Full => self.wait_for_room()?,
                Blame::Record(_) => self.refuse_alone(held, output, index, code),
                _ => return Err(self.fail(output, code)),
            }
        }
        if is_special { self.drain() } else { Ok(()) }
    }

    fn refuse_alone(&self, held: &mut Held, output: Output, index: usize, code: ErrorCode) {
        self.flight.counters.error(Blame::of(code).cause());
        held.refuse_alone((output, index), code, self.names, self.learnt, now());
    }

    /// Waits until nothing is on its way.
    fn drain(&self) -> Result<(), Halt> {
        while !self.client.is_idle() {
            self.wait_for_room()?;
        }
        self.go_on()
    }

    fn wait_for_room(&self) -> Result<(), Halt> {
        self.client.flush(TURN);
        self.go_on()
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.flight.has_failed() || self.intake.over().is_some() || self.intake.has_abandoned() {
            return Err(Halt);
        }
        Ok(())
    }

    fn fail(&self, output: Output, code: ErrorCode) -> Halt {
        let topic = self.names[output as usize].as_deref().unwrap_or_default();
        self.flight.fail(code, topic);
        Halt
    }
}
