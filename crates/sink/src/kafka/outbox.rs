//! Records on their way: hand-over, back-pressure, and the gates of topics that cannot be written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tillwatch_kafka::{BulkMessage, ClientConfig, ErrorCode, OutRecord, now};

use super::blame::Blame;
use super::clients::{Clients, TopicNames};
use super::kept::Kept;
use super::letter::{Header, Parts};
use super::owed::{Group, Stage};
use super::resender::Resender;
use super::silence::Silence;
use super::state::{SPACE_WAIT, State};
use crate::SinkError;
use crate::counters::{Counters, Outcome};
use crate::settings::Output;
use crate::status::SinkStatus;

/// Bytes of dead letters in flight, with their headers and keys, which librdkafka does not count: as much as
/// its own queue holds of values. One letter is always let through.
const LETTERS_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Alerts that may wait for their topic before lanes do: some MiB, and more than come in an hour.
const ALERTS_KEPT_MAX: usize = 10_000;

/// Clients whose writers wait while they are full, or while a topic cannot be written. Dropping it gives up
/// what is still on its way, which fails the tickets.
pub(crate) struct Outbox {
    resender: Resender,
    clients: Arc<Clients>,
    state: Arc<State>,
}

impl Outbox {
    /// Clients for the topics of `names`; `alone` is the configuration of the one that sends each record in a
    /// batch of its own.
    pub(crate) fn start(
        bulk: ClientConfig,
        alone: ClientConfig,
        names: TopicNames,
    ) -> Result<Self, SinkError> {
        let state = Arc::new(State::default());
        let clients = Arc::new(Clients::start(bulk, alone, names, Arc::clone(&state))?);
        Ok(Self {
            resender: Resender::start(&clients, &state, Silence::since(now()))?,
            clients,
            state,
        })
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    pub(crate) fn status(&self) -> SinkStatus {
        self.state.status()
    }

    /// Whether an output has a topic here.
    pub(crate) fn takes(&self, output: Output) -> bool {
        self.clients.name(output).is_some()
    }

    /// Hands `messages` over in order; waits while the client's queue is full or the topic cannot be written.
    pub(crate) fn produce(
        &self,
        output: Output,
        messages: &[BulkMessage<'_>],
        group: &Group,
    ) -> Result<(), SinkError> {
        let counters = &self.state.counters;
        let bytes = messages.iter().map(BulkMessage::len).sum();
        self.check_open(group)?;
        counters.taken(messages.len(), bytes);
        counters.queue(bytes);
        let left = self.try_produce(output, messages, group);
        if left.is_empty() {
            return Ok(());
        }
        let mut left = left;
        while !left.is_empty() {
            if let Err(error) = self.wait_for_space(group) {
                let bytes = left.iter().map(BulkMessage::len).sum();
                counters.unqueue(bytes);
                counters.settled(left.len(), Outcome::Failed);
                return Err(error);
            }
            left = self.try_produce(output, &left, group);
        }
        Ok(())
    }

    /// Hands a dead letter over; waits while there is no room. What the topic does not take at present waits
    /// here, and what is too large for the client is sent in a reduced form.
    pub(crate) fn send_letter(
        &self,
        letter: &OutRecord<'_>,
        headers: &[Header<'_>],
        group: &Group,
    ) -> Result<(), SinkError> {
        self.take_room(group)?;
        let bytes = letter.bytes_len();
        self.state.counters.taken(1, bytes);
        self.state.counters.queue(bytes);
        while !self.try_send(letter, headers, group) {
            if let Err(error) = self.wait_for_space(group) {
                self.state.settle(&group.0.what, bytes, Outcome::Failed);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Hands a record of somebody who feeds topics over; waits while the client's queue is full.
    pub(crate) fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[Header<'_>],
        group: &Group,
    ) -> Result<(), SinkError> {
        let bytes = record.bytes_len();
        self.check_open(group)?;
        self.state.counters.taken(1, bytes);
        self.state.counters.queue(bytes);
        loop {
            let error = match self.clients.bulk().send(record, headers, &group.0) {
                Ok(()) => return Ok(()),
                Err(code) if Blame::of(code) == Blame::Full => match self.wait_for_space(group) {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Err(code) => {
                    self.state.counters.error(Blame::of(code).cause());
                    self.state.report(record.topic, code);
                    group.fail();
                    SinkError::Refused {
                        topic: record.topic.to_owned(),
                        bytes,
                        detail: code.to_string(),
                    }
                }
            };
            self.state.settle(&group.0.what, bytes, Outcome::Failed);
            return Err(error);
        }
    }

    /// Waits until everything is acknowledged or given up.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        let deadline = now() + timeout;
        let in_flight = || self.state.counters.in_flight.load(Ordering::SeqCst);
        loop {
            let left = deadline.saturating_duration_since(now());
            // What came back is sent again meanwhile and wants another flush.
            self.clients.bulk().flush(left.min(SPACE_WAIT * 2));
            if in_flight() > 0 {
                self.state
                    .wait(SPACE_WAIT.min(left.max(Duration::from_millis(1))));
            }
            match in_flight() {
                0 => return Ok(()),
                in_flight if now() >= deadline => {
                    return Err(SinkError::FlushTimeout {
                        in_flight,
                        waited: timeout,
                    });
                }
                _ => {}
            }
        }
    }

    pub(crate) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        let _gate = self.state.gate.lock();
        self.state.moved.notify_all();
    }

    fn check_open(&self, group: &Group) -> Result<(), SinkError> {
        if self.state.is_closed() {
            group.fail();
            return Err(SinkError::Closed);
        }
        Ok(())
    }

    /// Hands `messages` over unless the topic's gate is closed; gives those that must be tried again, in
    /// order.
    fn try_produce<'a>(
        &self,
        output: Output,
        messages: &[BulkMessage<'a>],
        group: &Group,
    ) -> Vec<BulkMessage<'a>> {
        let keep = &self.state.keep;
        let name = self.clients.name(output).unwrap_or_default();
        if keep.is_closed(output) {
            if output == Output::Alerts && keep.has_room(output, messages.len(), ALERTS_KEPT_MAX) {
                for message in messages {
                    keep.wait(output, kept(name, owned(message), group), None, false);
                }
                return Vec::new();
            }
            return messages.to_vec();
        }
        let client = self.clients.bulk();
        let Some(topic) = client.topic(output) else {
            return Vec::new();
        };
        let mut again = Vec::new();
        for refused in topic.produce(messages, &group.0) {
            let message = messages[refused.index];
            let code = client.explain(refused.code, message.payload.len());
            match Blame::of(code) {
                Blame::Full => again.push(message),
                Blame::Record(_) => self.take_back(name, owned(&message), group, code),
                Blame::Cluster(_) | Blame::Client | Blame::Neighbour => {
                    if again.is_empty() {
                        self.state.hold_up(output, name, code);
                    }
                    again.push(message);
                }
            }
        }
        again
    }

    /// Hands a dead letter over, or lets it wait before a closed gate: a lane that waited there itself would
    /// hold up lanes that have nothing to do with it. False when there is no room.
    fn try_send(&self, letter: &OutRecord<'_>, headers: &[Header<'_>], group: &Group) -> bool {
        let output = Output::DeadLetters;
        let parts = || {
            let copy = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let headers = headers.iter();
            Parts {
                key: copy(letter.key),
                payload: copy(letter.payload),
                headers: headers
                    .map(|(name, value)| ((*name).to_owned(), copy(*value)))
                    .collect(),
            }
        };
        let keep = &self.state.keep;
        if keep.is_closed(output) {
            keep.wait(output, kept(letter.topic, parts(), group), None, false);
            return true;
        }
        let Err(code) = self.clients.bulk().send(letter, headers, &group.0) else {
            return true;
        };
        match Blame::of(code) {
            Blame::Full => return false,
            Blame::Record(_) => self.take_back(letter.topic, parts(), group, code),
            Blame::Cluster(_) | Blame::Client | Blame::Neighbour => {
                self.state.hold_up(output, letter.topic, code);
                keep.wait(output, kept(letter.topic, parts(), group), None, false);
            }
        }
        true
    }

    /// Keeps a record that the client refused for its own sake: it is sent in another form.
    fn take_back(&self, topic: &str, parts: Parts, group: &Group, code: ErrorCode) {
        self.state.counters.error(Blame::of(code).cause());
        let kept = Kept {
            // The client looks at each record by itself.
            stage: Stage::Alone,
            code,
            ..kept(topic, parts, group)
        };
        self.state.keep_again(kept, None);
    }

    /// Waits until there is room for a dead letter, and takes it.
    fn take_room(&self, group: &Group) -> Result<(), SinkError> {
        let weight = group.0.what.weight() as u64;
        let taken = |used: u64| {
            let fits = used == 0 || used + weight <= LETTERS_BYTES_MAX;
            fits.then_some(used + weight)
        };
        let used = &self.state.letters_bytes;
        loop {
            self.check_open(group)?;
            let update = used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken);
            if update.is_ok() {
                return Ok(());
            }
            let counters = &self.state.counters;
            counters.full_waits.fetch_add(1, Ordering::Relaxed);
            self.state.wait(SPACE_WAIT);
        }
    }

    /// Waits until a quarter of what is in flight has gone, so that a writer is not woken for every
    /// single record.
    fn wait_for_space(&self, group: &Group) -> Result<(), SinkError> {
        let state = &self.state;
        state.counters.full_waits.fetch_add(1, Ordering::Relaxed);
        let in_flight = || state.counters.in_flight.load(Ordering::SeqCst);
        let target = in_flight() / 4 * 3;
        let mut gate = state.gate.lock();
        state.wake_at.fetch_max(target, Ordering::SeqCst);
        if in_flight() > target && !state.is_closed() {
            state.moved.wait_for(&mut gate, SPACE_WAIT);
        }
        state.wake_at.store(0, Ordering::SeqCst);
        drop(gate);
        self.check_open(group)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.close();
        self.resender.stop();
    }
}

/// A record as it was made, to be kept.
fn kept(topic: &str, parts: Parts, group: &Group) -> Kept {
    Kept {
        topic: topic.into(),
        parts,
        ticket: group.0.ticket.clone(),
        what: group.0.what.clone(),
        stage: Stage::Whole,
        code: ErrorCode::NoError,
    }
}

fn owned(message: &BulkMessage<'_>) -> Parts {
    Parts {
        key: message.key.map(<[u8]>::to_vec),
        payload: Some(message.payload.to_vec()),
        headers: Vec::new(),
    }
}
