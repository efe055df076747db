//! Exactly once: outputs in transactions, with the offsets of what they were made from inside.

mod client;
mod dispatch;
mod flight;
mod held;
mod intake;
mod parcel;
mod refusals;
mod seam;
mod setbacks;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tillwatch_kafka::KafkaError;
use tillwatch_records::{ScoreBatch, Ticket};

use super::clients::TopicNames;
use super::config;
use crate::{
    CountersSnapshot, DeadLetter, Delivery, Output, Sink, SinkError, SinkSettings, SinkStatus,
    Surroundings, Transactions,
};
use flight::Flight;
use intake::{Intake, KEPT_BYTES_MAX, Over};
use parcel::Encoding;
use seam::Seam;
use worker::{Job, Worker};

/// Bytes of a score without feature values, typically.
const RECORD_BYTES_TYPICAL: usize = 384;

/// Writes to Kafka in transactions that hold the offsets of what the outputs were made from: see
/// `docs/rfc/0006-exactly-once.md`. Records are those of [`crate::KafkaSink`].
///
/// Offsets are stored in the name of the group's member that [`Transactions::attach`] gets. A ticket settles
/// when its transaction has committed. All outputs of a batch must come in one [`Sink::deliver`].
///
/// A broker that is away, a topic that is missing and one that we may not write to are waited for without
/// end. What a record causes is treated as by [`crate::KafkaSink`], at the cost of an aborted transaction.
/// Properties are as there, but that `message.timeout.ms` follows `transaction.timeout.ms` (10 s here).
pub struct OnceSink {
    encoding: Encoding,
    intake: Arc<Intake>,
    flight: Arc<Flight>,
    id: String,
    thread: Option<JoinHandle<()>>,
}

impl OnceSink {
    /// A client for the topics of `settings`. Does not wait for a broker.
    ///
    /// # Errors
    /// [`SinkError::Settings`] when there is no transactional id; [`SinkError::Kafka`] when there is no
    /// `bootstrap.servers`, librdkafka refuses a property, or the system gives no thread.
    pub fn open(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        let id = settings.transactional_id(around)?;
        let config = config::transactional(&settings.properties, &around.properties, &id)?;
        let topics = settings.topics();
        let name = |output, name: String| settings.takes(output).then_some(name);
        let names: TopicNames = [
            name(Output::Scores, topics.scores),
            name(Output::Alerts, topics.alerts),
            name(Output::DeadLetters, topics.dead_letters),
        ];
        let intake = Arc::new(Intake::default());
        let flight = Arc::new(Flight::default());
        let worker = Worker::new(Job {
            config,
            names,
            id: id.clone(),
            interval: settings.kafka().commit_interval.as_std(),
            intake: Arc::clone(&intake),
            flight: Arc::clone(&flight),
        });
        let thread = std::thread::Builder::new()
            .name("sink-transactions".to_owned())
            .spawn(move || worker.run())
            .map_err(|error| KafkaError::Thread(error.to_string()))?;
        Ok(Self {
            encoding: Encoding::new(settings, around.clock.clone()),
            intake,
            flight,
            id,
            thread: Some(thread),
        })
    }

    fn error(&self, over: Over) -> SinkError {
        match over {
            Over::Closed => SinkError::Closed,
            Over::Fenced => SinkError::Fenced {
                id: self.id.clone(),
            },
        }
    }
}

impl Sink for OnceSink {
    fn deliver(&self, delivery: &Delivery<'_>) -> Result<(), SinkError> {
        let Some(parcel) = self.encoding.parcel(delivery) else {
            return Ok(());
        };
        let counters = &self.flight.counters;
        let (records, bytes) = (parcel.len(), parcel.bytes());
        let (scores, alerts) = (
            parcel.lines(Output::Scores).len(),
            parcel.lines(Output::Alerts).len(),
        );
        let letters = parcel.letters().len();
        counters.taken(records, bytes);
        counters.queue(bytes);
        let parcel = Arc::new(parcel);
        if let Err((over, parcel)) = self.intake.put(parcel, || {
            counters.full_waits.fetch_add(1, Ordering::Relaxed);
        }) {
            self.flight.give_up(parcel);
            return Err(self.error(over));
        }
        counters.batch(scores, alerts);
        for letter in &delivery.letters[..letters] {
            counters.dead_letter(letter.reason);
        }
        Ok(())
    }

    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        self.deliver(&Delivery {
            letters: &[],
            scores: Some(scores),
            ticket,
            scores_ticket: ticket,
        })
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        self.deliver(&Delivery {
            letters: &[*letter],
            scores: None,
            ticket,
            scores_ticket: ticket,
        })
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        if self.intake.wait_until_empty(timeout) {
            return Ok(());
        }
        Err(SinkError::FlushTimeout {
            in_flight: self.counters().in_flight,
            waited: timeout,
        })
    }

    fn settle_soon(&self) {
        self.intake.hurry();
    }

    fn holds_records_max(&self) -> usize {
        KEPT_BYTES_MAX / RECORD_BYTES_TYPICAL
    }

    fn close(&self) {
        self.intake.end(Over::Closed);
    }

    fn counters(&self) -> CountersSnapshot {
        self.flight.counters.snapshot()
    }

    fn status(&self) -> SinkStatus {
        let counters = &self.flight.counters;
        SinkStatus {
            waiting: self.flight.troubles.waiting(),
            in_flight: counters.in_flight.load(Ordering::Relaxed),
            queued_bytes: counters.queued_bytes(),
        }
    }

    fn transactions(&self) -> Option<Arc<dyn Transactions>> {
        let (intake, flight) = (Arc::clone(&self.intake), Arc::clone(&self.flight));
        Some(Arc::new(Seam { intake, flight }))
    }
}

impl Drop for OnceSink {
    fn drop(&mut self) {
        self.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been reported by its own hook.
            let _ = thread.join();
        }
    }
}
