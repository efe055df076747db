//! The poll loop: the only thread that talks to librdkafka.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError;

use crate::context::{Context, Shared};
use crate::monitor::Monitor;
use crate::native::CommitQueue;
use crate::settings::ConsumerSettings;
use crate::stop::{StopToken, now};
use crate::{ConsumerError, LaneHost, commit, native};

/// How often watermarks, readiness and missing topics are looked after.
const TICK: Duration = Duration::from_secs(1);

/// How long the poll thread may be held up by a question to a broker that is perhaps away.
const ASK_TIME: Duration = Duration::from_millis(100);

/// Events served at once, so that a flood of them cannot starve the records.
const EVENTS_MAX: usize = 100;

/// How long leaving the group and closing connections may take after the drain; what is not done
/// by then ends with the process.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// Reads Kafka into [`crate::Inlet`]s. One per process.
pub struct Consumer {
    base: BaseConsumer<Context>,
    shared: Arc<Shared>,
    /// The common queue may hold an event.
    events: Arc<AtomicBool>,
}

impl Consumer {
    /// A consumer that has not joined its group yet. Does not need a broker.
    ///
    /// # Errors
    /// A setting or property that cannot work.
    pub fn new(settings: &ConsumerSettings) -> Result<Self, ConsumerError> {
        let config = settings.client_config()?;
        let shared = Arc::new(Shared::new(settings.clone()));
        let mut base: BaseConsumer<Context> = config
            .create_with_context(Context::new(Arc::clone(&shared)))
            .map_err(|error| ConsumerError::Client(error.to_string()))?;
        let events = Arc::new(AtomicBool::new(true));
        let (flag, waker) = (Arc::clone(&events), Arc::clone(&shared.waker));
        base.set_nonempty_callback(move || {
            flag.store(true, Ordering::Release);
            waker.wake();
        });
        Ok(Self {
            base,
            shared,
            events,
        })
    }

    /// For metrics and readiness, usable while [`Consumer::run`] runs.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(self.shared.monitor())
    }

    /// Joins the group and reads until `stop`, or until an error that waiting cannot mend. Brokers
    /// that are away are waited for without end.
    ///
    /// Either way it ends in order: nothing more is handed out, what was taken is waited for (at
    /// most `drain_timeout`), what settled is committed (at most 1 s more when the drain used up
    /// its time), the group is left (at most 3 s).
    ///
    /// # Errors
    /// See [`ConsumerError`].
    pub fn run(self, host: Arc<dyn LaneHost>, stop: &StopToken) -> Result<(), ConsumerError> {
        self.shared.waker.adopt_current_thread();
        self.shared.attach(host);
        let commits = CommitQueue::open(&self.base, Arc::clone(&self.shared.waker));
        *self.shared.commits.lock() = commits;
        stop.attach(Arc::clone(&self.shared.waker));
        let topics = self.shared.settings.topics.iter();
        self.base
            .subscribe(&topics.map(String::as_str).collect::<Vec<_>>())
            .map_err(|error| ConsumerError::Client(error.to_string()))?;
        self.read_until(stop);
        self.finish()
    }

    fn read_until(&self, stop: &StopToken) {
        let shared = &*self.shared;
        let commit_interval = shared.settings.commit_interval();
        let mut next_commit = now() + commit_interval;
        let mut next_tick = now();
        while !stop.is_stopped() && !shared.has_failed() {
            self.serve_events();
            let more = shared.pump();
            commit::note_answers(shared);
            let at = now();
            if at >= next_commit {
                commit::commit_news(shared, &self.base);
                next_commit = at + commit_interval;
            }
            if at >= next_tick {
                self.tick();
                next_tick = now() + TICK;
            }
            if !more {
                shared.waker.wait_until(next_commit.min(next_tick));
            }
        }
    }

    /// Serves rebalances, errors and logs.
    fn serve_events(&self) {
        if !self.events.swap(false, Ordering::AcqRel) {
            return;
        }
        for _ in 0..EVENTS_MAX {
            let callbacks = self.shared.callbacks();
            match self.base.poll(Duration::ZERO) {
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    self.shared.fail(ConsumerError::Fatal(code.to_string()));
                }
                // Told to the context already, with its reason.
                Some(Err(_)) => {}
                Some(Ok(_)) => {
                    // Partition queues are split off before the assignment, so no record comes here.
                    self.shared.fail(ConsumerError::Fatal(
                        "a record came past its lane".to_owned(),
                    ));
                }
                None if self.shared.callbacks() == callbacks => return,
                None => {}
            }
        }
        self.events.store(true, Ordering::Release);
        self.shared.waker.wake();
    }

    /// What needs doing once a second, records or not.
    fn tick(&self) {
        // Counts as a poll for max.poll.interval.ms when nothing else came.
        self.events.store(true, Ordering::Release);
        self.serve_events();
        let monitor = self.shared.monitor();
        monitor.turns.fetch_add(1, Ordering::Relaxed);
        let joined = !matches!(self.base.rebalance_protocol(), RebalanceProtocol::None);
        monitor.joined.store(joined, Ordering::Relaxed);
        for inlet in self.shared.inlets() {
            let source = inlet.source();
            if let Some((low, high)) =
                native::watermarks(&self.base, &source.topic, source.partition)
            {
                let counters = &inlet.counters;
                if low >= 0 {
                    counters.low_watermark.store(low, Ordering::Relaxed);
                }
                if high >= 0 {
                    counters.high_watermark.store(high, Ordering::Relaxed);
                }
            }
        }
        if !monitor.broker_up.load(Ordering::Relaxed) {
            let topic = self.shared.settings.topics.first().map(String::as_str);
            let answer = self.base.fetch_metadata(topic, ASK_TIME);
            monitor.broker_up.store(answer.is_ok(), Ordering::Relaxed);
        }
        self.look_for_missing_topics();
    }

    fn look_for_missing_topics(&self) {
        let Some(since) = *self.shared.topic_missing.lock() else {
            return;
        };
        let missing: Vec<String> = self
            .shared
            .settings
            .topics
            .iter()
            .filter(|topic| {
                // A broker that does not answer says nothing about its topics.
                let answer = self.base.fetch_metadata(Some(topic), ASK_TIME);
                answer.is_ok_and(|metadata| {
                    let found = metadata
                        .topics()
                        .iter()
                        .find(|found| found.name() == *topic);
                    found.is_none_or(|found| found.error().is_some())
                })
            })
            .cloned()
            .collect();
        if missing.is_empty() {
            *self.shared.topic_missing.lock() = None;
        } else if now().duration_since(since) >= self.shared.settings.topic_wait() {
            self.shared
                .fail(ConsumerError::UnknownTopic { topics: missing });
        }
    }

    fn finish(self) -> Result<(), ConsumerError> {
        let shared = &*self.shared;
        shared.close();
        let inlets = shared.inlets();
        let deadline: Instant = now() + shared.settings.drain_timeout();
        shared.release(&self.base, &inlets, false, deadline);
        *shared.commits.lock() = None;
        let result = shared.take_fatal().map_or(Ok(()), Err);
        close(self.base);
        result
    }
}

/// Leaves the group and ends the client, on a thread of its own because librdkafka sets no limit.
fn close(base: BaseConsumer<Context>) {
    let (done, is_done) = mpsc::channel();
    let closer = std::thread::Builder::new()
        .name("kafka-close".to_owned())
        .spawn(move || {
            drop(base);
            // Nobody listens any more when the time was over.
            let _ = done.send(());
        });
    match closer {
        Ok(_) => {
            if is_done.recv_timeout(CLOSE_TIME).is_err() {
                tracing::warn!(
                    "leaving the consumer group takes too long; it ends with the process"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "no thread to leave the consumer group with"),
    }
}
