//! Records on their way: delivery reports, back-pressure, and what each record owes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tillwatch_kafka::{
    BulkMessage, ClientConfig, Deliveries, ErrorCode, Notices, OutRecord, Producer, Topic, Trouble,
};
use tillwatch_records::Ticket;

use crate::SinkError;
use crate::counters::Counters;

/// How long a writer waits for space before it tries again even without word of any: the client frees
/// the space of a delivered record a little after it reports it.
const SPACE_WAIT: Duration = Duration::from_millis(50);

/// The records made from one input batch. They share one ticket clone, or nobody waits for them.
pub(crate) struct Group(Arc<Option<Ticket>>);

impl Group {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self(Arc::new(Some(ticket.clone())))
    }

    /// Records that nobody waits for.
    pub(crate) fn without_ticket() -> Self {
        Self(Arc::new(None))
    }

    fn fail(&self) {
        fail(&self.0);
    }
}

/// A client whose writers wait while it is full. Dropping it gives up what is still on its way, which
/// fails the tickets.
pub(crate) struct Outbox {
    state: Arc<State>,
    producer: Producer<State>,
}

/// What delivery reports and writers share.
#[derive(Default)]
pub(crate) struct State {
    counters: Counters,
    /// Writers and flushers wait here.
    gate: Mutex<()>,
    moved: Condvar,
    /// Who waits is woken when no more than this many records are in flight.
    wake_at: AtomicU64,
    closed: AtomicBool,
    notices: Notices,
}

impl Outbox {
    pub(crate) fn start(config: &ClientConfig) -> Result<Self, SinkError> {
        let state = Arc::new(State::default());
        let producer = Producer::start(config, Arc::clone(&state))?;
        Ok(Self { state, producer })
    }

    pub(crate) fn topic(&self, name: &str) -> Result<Topic<State>, SinkError> {
        Ok(self.producer.topic(name)?)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Hands `messages` over in order; waits while the client's queue is full.
    pub(crate) fn produce(
        &self,
        topic: &Topic<State>,
        messages: &[BulkMessage<'_>],
        group: &Group,
    ) -> Result<(), SinkError> {
        let counters = &self.state.counters;
        let bytes = messages.iter().map(BulkMessage::len).sum();
        self.check_open(group)?;
        counters.taken(messages.len(), bytes);
        let mut left = topic.produce(messages, &group.0);
        let mut retried: Vec<BulkMessage<'_>> = messages.to_vec();
        let mut result = Ok(());
        while !left.is_empty() {
            let mut full = Vec::with_capacity(left.len());
            for refused in &left {
                let message = retried[refused.index];
                if Trouble::of(refused.code) == Trouble::QueueFull {
                    full.push(message);
                } else {
                    result = Err(self.refused(topic.name(), message.len(), refused.code, group));
                    counters.settled(1, false);
                }
            }
            if !full.is_empty()
                && let Err(error) = self.wait_for_space(group)
            {
                counters.settled(full.len(), false);
                return Err(error);
            }
            left = topic.produce(&full, &group.0);
            retried = full;
        }
        result
    }

    /// Hands one record over with its headers; waits while the client's queue is full.
    pub(crate) fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[(&str, Option<&[u8]>)],
        group: &Group,
    ) -> Result<(), SinkError> {
        let bytes = record.bytes_len();
        self.check_open(group)?;
        self.state.counters.taken(1, bytes);
        loop {
            let error = match self.producer.send(record, headers, &group.0) {
                Ok(()) => return Ok(()),
                Err(code) if Trouble::of(code) == Trouble::QueueFull => {
                    match self.wait_for_space(group) {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(code) => self.refused(record.topic, bytes, code, group),
            };
            self.state.counters.settled(1, false);
            return Err(error);
        }
    }

    /// Waits until everything is acknowledged or given up.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.producer.flush(timeout);
        // The client is done with a record a little before its ticket is.
        let state = &self.state;
        let mut gate = state.gate.lock();
        state.moved.wait_while_for(
            &mut gate,
            |()| state.counters.in_flight.load(Ordering::SeqCst) > 0,
            SPACE_WAIT,
        );
        drop(gate);
        match state.counters.in_flight.load(Ordering::SeqCst) {
            0 => Ok(()),
            in_flight => Err(SinkError::FlushTimeout {
                in_flight,
                waited: timeout,
            }),
        }
    }

    pub(crate) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        let _gate = self.state.gate.lock();
        self.state.moved.notify_all();
    }

    fn check_open(&self, group: &Group) -> Result<(), SinkError> {
        if self.state.closed.load(Ordering::SeqCst) {
            group.fail();
            return Err(SinkError::Closed);
        }
        Ok(())
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
        if in_flight() > target && !state.closed.load(Ordering::SeqCst) {
            state.moved.wait_for(&mut gate, SPACE_WAIT);
        }
        state.wake_at.store(0, Ordering::SeqCst);
        drop(gate);
        self.check_open(group)
    }

    fn refused(&self, topic: &str, bytes: usize, code: ErrorCode, group: &Group) -> SinkError {
        group.fail();
        self.state.report(topic, code);
        SinkError::Refused {
            topic: topic.to_owned(),
            bytes,
            detail: code.to_string(),
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    fn settle(&self, owed: Arc<Option<Ticket>>, kept: bool) {
        // The ticket goes before the count, so that a flush that sees no record in flight also sees
        // every ticket settled.
        drop(owed);
        let left = self.counters.settled(1, kept);
        if left <= self.wake_at.load(Ordering::SeqCst) {
            let _gate = self.gate.lock();
            self.moved.notify_all();
        }
    }

    /// Says that records of a topic are given up: each cause once per interval.
    fn report(&self, topic: &str, code: ErrorCode) {
        if let Some(held_back) = self.notices.admit(&format!("{topic} {code:?}")) {
            tracing::error!(topic, cause = %code, held_back, "record not delivered");
        }
    }
}

impl Deliveries for State {
    type Owed = Option<Ticket>;

    fn delivered(&self, owed: Arc<Option<Ticket>>) {
        self.settle(owed, true);
    }

    fn given_up(&self, topic: &str, owed: Arc<Option<Ticket>>, code: ErrorCode) {
        fail(&owed);
        self.report(topic, code);
        self.settle(owed, false);
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
            tracing::warn!(cause = ?code, reason, held_back, "kafka client of the sink; trying again");
        }
    }
}

fn fail(owed: &Option<Ticket>) {
    if let Some(ticket) = owed {
        ticket.fail();
    }
}
