//! The client with its polling thread, delivery reports and back-pressure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use tillwatch_records::Ticket;

use super::native::{self, Message, Topic};
use super::writer::OutRecord;
use crate::SinkError;
use crate::counters::Counters;

/// How long the polling thread waits for a delivery report before it looks whether to stop.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// How long a writer waits for space before it tries again even without word of any: the client frees
/// the space of a delivered record a little after it reports it.
const SPACE_WAIT: Duration = Duration::from_millis(50);

/// What one record owes: the ticket of its input, if it has one.
pub(crate) type Owed = Arc<Option<Ticket>>;

/// The records made from one input batch. They share one ticket clone.
pub(crate) struct Group(Owed);

impl Group {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self(Arc::new(Some(ticket.clone())))
    }

    /// Records that nobody waits for.
    pub(crate) fn without_ticket() -> Self {
        Self(Arc::new(None))
    }

    pub(crate) fn owed(&self) -> Owed {
        Arc::clone(&self.0)
    }

    fn fail(&self) {
        fail(&self.0);
    }
}

fn fail(owed: &Owed) {
    if let Some(ticket) = owed.as_ref() {
        ticket.fail();
    }
}

/// A client that reports deliveries from a thread of its own. Dropping it gives up what is still on
/// its way, which fails the tickets.
pub(crate) struct Producer {
    client: Arc<BaseProducer<Context>>,
    state: Arc<State>,
    poller: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
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
    /// Failures seen by cause, for rate-limited logs; as many causes as librdkafka has codes.
    causes: Mutex<BTreeMap<String, u64>>,
}

/// Receives the client's callbacks.
pub(crate) struct Context(Arc<State>);

impl Producer {
    pub(crate) fn start(config: &ClientConfig) -> Result<Self, SinkError> {
        let state = Arc::new(State::default());
        let client: BaseProducer<Context> = config
            .create_with_context(Context(Arc::clone(&state)))
            .map_err(client_error)?;
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let poller = std::thread::Builder::new()
            .name("sink-kafka".to_owned())
            .spawn({
                let (client, stop) = (Arc::clone(&client), Arc::clone(&stop));
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        client.poll(POLL_WAIT);
                    }
                }
            })
            .map_err(|error| SinkError::Client {
                detail: format!("no thread for delivery reports: {error}"),
            })?;
        Ok(Self {
            client,
            state,
            poller: Some(poller),
            stop,
        })
    }

    pub(crate) fn client(&self) -> &Arc<BaseProducer<Context>> {
        &self.client
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Hands `messages` over in order; waits while the client's queue is full.
    pub(crate) fn produce(
        &self,
        topic: &Topic,
        messages: &[Message<'_>],
        group: &Group,
    ) -> Result<(), SinkError> {
        let counters = &self.state.counters;
        let bytes = messages.iter().map(Message::len).sum();
        self.check_open(group)?;
        counters.taken(messages.len(), bytes);
        let mut left = topic.produce(messages, group);
        let mut retried: Vec<Message<'_>> = messages.to_vec();
        let mut result = Ok(());
        while !left.is_empty() {
            let mut full = Vec::with_capacity(left.len());
            for refused in &left {
                let message = retried[refused.index];
                if refused.code == RDKafkaErrorCode::QueueFull {
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
            left = topic.produce(&full, group);
            retried = full;
        }
        result
    }

    /// Hands one record over; waits while the client's queue is full.
    pub(crate) fn send(
        &self,
        record: &OutRecord<'_>,
        headers: Option<OwnedHeaders>,
        group: &Group,
    ) -> Result<(), SinkError> {
        let bytes = record.len();
        self.check_open(group)?;
        self.state.counters.taken(1, bytes);
        let mut next = BaseRecord {
            topic: record.topic,
            partition: record.partition,
            payload: record.payload,
            key: record.key,
            timestamp: record.timestamp_ms,
            headers,
            delivery_opaque: group.owed(),
        };
        loop {
            let error = match self.client.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    next = back;
                    match self.wait_for_space(group) {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err((KafkaError::MessageProduction(code), _)) => {
                    self.refused(record.topic, bytes, code, group)
                }
                Err((error, _)) => {
                    group.fail();
                    client_error(error)
                }
            };
            self.state.counters.settled(1, false);
            return Err(error);
        }
    }

    /// Waits until everything is acknowledged or given up.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        native::flush(&self.client, timeout);
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

    fn refused(
        &self,
        topic: &str,
        bytes: usize,
        code: RDKafkaErrorCode,
        group: &Group,
    ) -> SinkError {
        group.fail();
        self.state.report(topic, &code.to_string());
        SinkError::Refused {
            topic: topic.to_owned(),
            bytes,
            detail: code.to_string(),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.close();
        self.stop.store(true, Ordering::Relaxed);
        if let Some(poller) = self.poller.take() {
            // A panic of the polling thread has already been reported by its own hook.
            let _ = poller.join();
        }
    }
}

impl State {
    fn delivered(&self, owed: Owed, kept: bool) {
        // The ticket goes before the count, so that a flush that sees no record in flight also sees
        // every ticket settled.
        drop(owed);
        let left = self.counters.settled(1, kept);
        if left <= self.wake_at.load(Ordering::SeqCst) {
            let _gate = self.gate.lock();
            self.moved.notify_all();
        }
    }

    /// Logs the 1st, 2nd, 4th, 8th … failure of a cause: a flood stays readable without a clock.
    fn report(&self, topic: &str, cause: &str) {
        let mut causes = self.causes.lock();
        let seen = causes.entry(cause.to_owned()).or_default();
        *seen += 1;
        if seen.is_power_of_two() {
            tracing::error!(topic, cause, seen = *seen, "record not delivered");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Owed;

    fn delivery(&self, result: &DeliveryResult<'_>, owed: Owed) {
        if let Err((error, message)) = result {
            fail(&owed);
            let cause = match error {
                KafkaError::MessageProduction(code) => code.to_string(),
                other => other.to_string(),
            };
            self.0.report(rdkafka::Message::topic(message), &cause);
        }
        self.0.delivered(owed, result.is_ok());
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => tracing::error!(facility, "{message}"),
            RDKafkaLogLevel::Warning => tracing::warn!(facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, "{message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let cause = error.to_string();
        let mut causes = self.0.causes.lock();
        let seen = causes.entry(cause.clone()).or_default();
        *seen += 1;
        if seen.is_power_of_two() {
            tracing::warn!(cause, reason, seen = *seen, "kafka client of the sink");
        }
    }
}

pub(crate) fn client_error(error: KafkaError) -> SinkError {
    SinkError::Client {
        detail: error.to_string(),
    }
}
