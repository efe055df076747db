//! The poll loop: the only thread that talks to librdkafka.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tillwatch_kafka::{ErrorCode, GroupClient, TopicCount, TopicQuestions, now};

use crate::commits::Commits;
use crate::committer::{Committer, GroupCommits};
use crate::contact::Contact;
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::Inlet;
use crate::monitor::Monitor;
use crate::settings::ConsumerSettings;
use crate::shared::Shared;
use crate::stop::StopToken;
use crate::topics::Topics;

/// How often watermarks, readiness and missing topics are looked after.
const TICK: Duration = Duration::from_secs(1);

/// How often the member is made to look whether a heartbeat is due: more often than one is.
const PULSE: Duration = Duration::from_millis(50);

/// How long the poll thread may be held up by a question to a broker that is perhaps away.
const ASK_TIME: Duration = Duration::from_millis(100);

/// How long a question that was not answered rests, so that records flow meanwhile.
const ASK_PAUSE: Duration = Duration::from_millis(500);

/// How long the question for the topics' partitions may take: nothing else is to be done before it is
/// answered.
const COUNT_TIME: Duration = Duration::from_millis(500);

/// How long leaving the group and closing connections may take after the drain; what is not done
/// by then ends with the process.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// Reads Kafka into [`crate::Inlet`]s. One per process.
pub struct Consumer {
    client: GroupClient,
    committer: Box<dyn Committer>,
    questions: TopicQuestions,
    shared: Arc<Shared>,
}

impl Consumer {
    /// A consumer that has not joined its group yet and commits offsets to the group. Does not need a
    /// broker.
    ///
    /// # Errors
    /// A setting or property that cannot work.
    pub fn new(settings: &ConsumerSettings) -> Result<Self, ConsumerError> {
        Self::with_committer(settings, |client| {
            Ok(Box::new(GroupCommits::new(client.commits()?)))
        })
    }

    /// As [`Consumer::new`], with offsets stored by what `open` makes for the client.
    ///
    /// # Errors
    /// A setting or property that cannot work, and what `open` says.
    pub fn with_committer(
        settings: &ConsumerSettings,
        open: impl FnOnce(&GroupClient) -> Result<Box<dyn Committer>, ConsumerError>,
    ) -> Result<Self, ConsumerError> {
        let config = settings.client_config()?;
        let shared = Arc::new(Shared::new(settings.clone()));
        let client = GroupClient::new(
            &config,
            Arc::<Shared>::clone(&shared),
            Arc::clone(&shared.notices),
            Arc::clone(&shared.waker),
        )?;
        let committer = open(&client)?;
        let questions = client.topic_questions()?;
        Ok(Self {
            client,
            committer,
            questions,
            shared,
        })
    }

    /// For metrics and readiness, usable while [`Consumer::run`] runs.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.shared.monitor)
    }

    /// Joins the group and reads until `stop`, or until an error that waiting cannot mend. Brokers
    /// that are away are waited for without end.
    ///
    /// Either way it ends in order: nothing more is handed out, what was taken is waited for (at
    /// most `drain_timeout`), the host has its last call, what settled is committed (at most 1 s more
    /// when the drain used up its time), the group is left (at most 3 s).
    ///
    /// # Errors
    /// See [`ConsumerError`].
    pub fn run(self, host: Arc<dyn LaneHost>, stop: &StopToken) -> Result<(), ConsumerError> {
        let Self {
            client,
            committer,
            questions,
            shared,
        } = self;
        shared.waker.adopt_current_thread();
        stop.attach(Arc::clone(&shared.waker));
        shared.attach(host);
        let commits = Commits::new(
            committer,
            Arc::clone(&shared.monitor),
            Arc::clone(&shared.notices),
        );
        *shared.commits.lock() = Some(commits);
        let topics = shared.settings.topics.clone();
        *shared.topics.lock() = Some(Topics::new(questions, topics, now()));
        let run = Run {
            client: &client,
            shared: &shared,
        };
        run.read_until(stop);
        let result = run.finish();
        // These hold on to the client, and the client to what is shared.
        *shared.commits.lock() = None;
        *shared.topics.lock() = None;
        client.close(CLOSE_TIME);
        result
    }
}

/// A consumer at work.
struct Run<'a> {
    client: &'a GroupClient,
    shared: &'a Shared,
}

impl Run<'_> {
    fn read_until(&self, stop: &StopToken) {
        let shared = self.shared;
        let commit_interval = shared.settings.commit_interval();
        let mut next_commit = now() + commit_interval;
        let mut next_tick = now();
        let mut next_pulse = now();
        let mut next_question = now();
        let mut has_joined = false;
        let mut contact = Contact::new(now());
        let mut is_answered = false;
        while !stop.is_stopped() && !shared.has_failed() {
            let announced = self.serve_events();
            // Before anything begins to be read: which topic it is must be known.
            let topics = shared.look_at_topics(self.client, ASK_TIME);
            shared.begin_told(self.client);
            let again = shared.pump(self.client);
            self.note_answers();
            let leaves = shared.leave_on(self.client);
            let at = now();
            if at >= next_question {
                // Before the first commit, which would be the answer.
                has_joined = has_joined || self.join();
                is_answered = has_joined && shared.locate(self.client, ASK_TIME);
                if !is_answered {
                    next_question = now() + ASK_PAUSE;
                }
            }
            if at >= next_commit {
                self.request_commits();
                next_commit = at + commit_interval;
            }
            if at >= next_tick {
                self.tick(&mut contact);
                next_tick = now() + TICK;
            }
            if at >= next_pulse {
                self.client.pulse();
                next_pulse = at + PULSE;
            }
            let until = [again, announced, leaves, topics];
            let until = until.into_iter().flatten().min();
            let until = until.unwrap_or(next_commit).min(next_commit);
            let until = until.min(next_tick).min(next_pulse);
            let until = if is_answered {
                until
            } else {
                until.min(next_question)
            };
            if until > at {
                shared.waker.wait_until(until);
            }
        }
    }

    /// Joins the group, where there are several topics once it is known that their partitions belong
    /// together; whether that is done.
    fn join(&self) -> bool {
        let shared = self.shared;
        let topics = &shared.settings.topics;
        if topics.len() > 1 && !self.are_co_partitioned() {
            return shared.has_failed();
        }
        if let Err(error) = self.client.subscribe(topics) {
            shared.fail(error.into());
        }
        true
    }

    /// Whether all topics are known to have the same number of partitions. Differing ones end the run.
    fn are_co_partitioned(&self) -> bool {
        let shared = self.shared;
        let topics = &shared.settings.topics;
        let Ok(answers) = self.client.partition_counts(topics, COUNT_TIME) else {
            return false;
        };
        let mut counts = Vec::new();
        for TopicCount { topic, partitions } in answers {
            match partitions {
                Ok(partitions) => counts.push((topic, partitions)),
                Err(code) => shared.note_trouble(code, &format!("topic {topic}: {code}")),
            }
        }
        let differ = counts.iter().any(|(_, count)| *count != counts[0].1);
        let is_complete = counts.len() == topics.len();
        if is_complete && differ {
            shared.fail(ConsumerError::NotCoPartitioned { counts });
            return false;
        }
        is_complete
    }

    /// Serves rebalances, errors and logs. When a rebalance wants to be looked at again, if one does.
    fn serve_events(&self) -> Option<Instant> {
        if let Err(error) = self.client.serve() {
            self.shared.fail(error.into());
        }
        self.shared.rebalance(self.client)
    }

    fn note_answers(&self) {
        if let Some(commits) = &mut *self.shared.commits.lock() {
            commits.note_answers(|| self.shared.inlets());
        }
    }

    fn request_commits(&self) {
        if let Some(commits) = &mut *self.shared.commits.lock() {
            commits.request_news(&self.shared.inlets());
        }
    }

    /// What needs doing once a second, records or not.
    fn tick(&self, contact: &mut Contact) {
        // Counts as a poll for max.poll.interval.ms when nothing else came.
        self.client.look_again();
        self.serve_events();
        let monitor = &self.shared.monitor;
        monitor.note_turn();
        if !self.client.is_member() {
            monitor.joined.store(false, Ordering::Relaxed);
        }
        let inlets = self.shared.inlets();
        self.shared.note_reaches(self.client);
        if monitor.broker_up.load(Ordering::Relaxed) {
            self.shared.ask_for_ends(self.client, ASK_TIME);
        }
        self.look_for_brokers(contact, &inlets);
        self.look_for_missing_topics();
        self.shared.warn_of_held();
    }

    /// Asks whether a broker is there when none has been heard of for a while: one that hangs keeps its
    /// connections, and the client itself notices it after a minute only.
    fn look_for_brokers(&self, contact: &mut Contact, inlets: &[Arc<Inlet>]) {
        let monitor = &self.shared.monitor;
        let sources = inlets.iter().flat_map(|inlet| inlet.counted());
        let received = sources.map(|source| source.counters.records.load(Ordering::Relaxed));
        let heard = received.sum::<u64>() + monitor.commits.load(Ordering::Relaxed);
        let was_up = monitor.is_broker_up();
        if contact.must_ask(heard, was_up, now()) {
            let topic = self.shared.settings.topics.first().map(String::as_str);
            let answered = self.client.is_answered(topic, ASK_TIME);
            let is_up = contact.note_answer(answered, was_up, now());
            monitor.broker_up.store(is_up, Ordering::Relaxed);
        }
    }

    fn look_for_missing_topics(&self) {
        let Some(since) = *self.shared.topic_missing.lock() else {
            return;
        };
        let topics = self.client.missing(&self.shared.settings.topics, ASK_TIME);
        if topics.is_empty() {
            *self.shared.topic_missing.lock() = None;
            let flag = &self.shared.monitor.topic_missing;
            flag.store(false, Ordering::Relaxed);
        } else if now().duration_since(since) >= self.shared.settings.topic_wait() {
            self.shared.fail(ConsumerError::UnknownTopic { topics });
        }
    }

    /// Gives all lanes up, in order.
    fn finish(&self) -> Result<(), ConsumerError> {
        let shared = self.shared;
        shared.close();
        shared.leave_all(self.client);
        while let Some(next) = shared.leave_on(self.client) {
            shared.monitor.note_turn();
            shared.pump(self.client);
            shared.waker.wait_until(next.min(now() + TICK));
        }
        shared
            .take_fatal()
            .map_or(Ok(()), |error| Err(self.cause_of(error)))
    }

    /// The error behind one that ends the client.
    fn cause_of(&self, error: ConsumerError) -> ConsumerError {
        match (&error, self.client.fatal()) {
            (
                ConsumerError::Fatal(_) | ConsumerError::Kafka(_),
                Some((ErrorCode::FencedInstanceId | ErrorCode::UnreleasedInstanceId, _)),
            ) => {
                let properties = &self.shared.settings.properties;
                let instance = properties.get("group.instance.id").map(str::to_owned);
                ConsumerError::Fenced { instance }
            }
            _ => error,
        }
    }
}
