//! What reads partitions: a client that joins no group, whose partitions come and go as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use super::membership::{Begin, Context};
use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::native::PartitionQueue;
use crate::waker::Waker;

/// Events served at once, so that a flood of them cannot starve the records.
const EVENTS_MAX: usize = 100;

/// A client whose events wake the polling thread.
pub(super) struct Polled {
    pub(super) base: Arc<BaseConsumer<Context>>,
    /// The common queue may hold an event.
    has_events: Arc<AtomicBool>,
}

impl Polled {
    /// A client of `inner` that tells `context`, and wakes `waker` when it has something to tell.
    pub(super) fn open(
        inner: &rdkafka::ClientConfig,
        context: Context,
        waker: &Arc<Waker>,
    ) -> Result<Self, KafkaError> {
        let mut base: BaseConsumer<Context> = inner
            .create_with_context(context)
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        let has_events = Arc::new(AtomicBool::new(true));
        let (flag, sleeper) = (Arc::clone(&has_events), Arc::clone(waker));
        base.set_nonempty_callback(move || {
            flag.store(true, Ordering::Release);
            sleeper.wake();
        });
        Ok(Self {
            base: Arc::new(base),
            has_events,
        })
    }

    /// A client of `config` that reads and is no member.
    pub(super) fn reader(
        config: &ClientConfig,
        context: Context,
        waker: &Arc<Waker>,
    ) -> Result<Self, KafkaError> {
        Self::open(&config.of_reader(), context, waker)
    }

    /// Serves what has come, without waiting.
    pub(super) fn serve(&self, waker: &Waker) -> Result<(), KafkaError> {
        if !self.has_events.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        for _ in 0..EVENTS_MAX {
            let callbacks = self.callbacks();
            match self.base.poll(Duration::ZERO) {
                Some(Err(BindingError::MessageConsumptionFatal(code))) => {
                    let action = "go on";
                    return Err(KafkaError::Call { action, code });
                }
                // Told to the context already, with its reason.
                Some(Err(_)) => {}
                // Partition queues are split off before reading begins, so no record comes here.
                Some(Ok(record)) => {
                    let source = TopicPartition::new(record.topic(), record.partition());
                    return Err(KafkaError::Stray(source));
                }
                None if self.callbacks() == callbacks => return Ok(()),
                None => {}
            }
        }
        self.look_again();
        waker.wake();
        Ok(())
    }

    /// Makes the next [`Polled::serve`] poll though nothing was announced: that counts for
    /// `max.poll.interval.ms`, after which a client fetches no more.
    pub(super) fn look_again(&self) {
        self.has_events.store(true, Ordering::Release);
    }

    /// Splits the records of `source` off the common queue; they wake `waker`.
    pub(super) fn queue_of(
        &self,
        source: &TopicPartition,
        waker: &Arc<Waker>,
    ) -> Option<PartitionQueue> {
        PartitionQueue::open(&self.base, source, Arc::clone(waker))
    }

    /// Begins to read, beside what is read already.
    pub(super) fn begin(&self, begins: &[(TopicPartition, Begin)]) -> Result<(), BindingError> {
        let mut list = TopicPartitionList::with_capacity(begins.len());
        for (source, begin) in begins {
            let offset = match begin {
                Begin::Committed => Offset::Invalid,
                Begin::At(offset) => Offset::Offset(*offset),
            };
            list.add_partition_offset(&source.topic, source.partition, offset)?;
        }
        self.base.incremental_assign(&list)
    }

    /// Reads those of `sources` no more that are read.
    pub(super) fn stop(&self, sources: &[TopicPartition]) -> Result<(), BindingError> {
        let reading = self.base.assignment()?;
        let mut stopped = TopicPartitionList::new();
        for source in sources {
            // The client refuses a partition that was never begun.
            if reading
                .find_partition(&source.topic, source.partition)
                .is_some()
            {
                stopped.add_partition(&source.topic, source.partition);
            }
        }
        if stopped.count() == 0 {
            return Ok(());
        }
        self.base.incremental_unassign(&stopped)
    }

    fn callbacks(&self) -> u64 {
        self.base.context().callbacks()
    }
}
