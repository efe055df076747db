//! The thread that owns the producer: begins transactions, ends them, and sends again what was aborted.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_kafka::{ClientConfig, GroupStamp, Then, TransactionError, now};

use super::client::Client;
use super::dispatch::{Dispatch, Halt};
use super::flight::Flight;
use super::held::Held;
use super::intake::{Intake, Offsets, Over, TRANSACTION_BYTES_MAX};
use super::refusals::Refusals;
use super::setbacks::{End, Setbacks};
use crate::counters::Outcome;
use crate::kafka::blame::Blame;
use crate::kafka::clients::TopicNames;
use crate::status::Cause;

/// How often the thread looks whether it is over while it has nothing to do.
const TICK: Duration = Duration::from_millis(500);

/// How long a step may take before it is said that outputs wait.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What the thread needs.
pub(crate) struct Job {
    pub(crate) config: ClientConfig,
    pub(crate) names: TopicNames,
    /// The transactional id, for messages.
    pub(crate) id: String,
    /// How long a transaction is open.
    pub(crate) interval: Duration,
    pub(crate) intake: Arc<Intake>,
    pub(crate) flight: Arc<Flight>,
}

/// The thread at work.
pub(crate) struct Worker {
    job: Job,
    /// Made when there is something to commit, and anew when it cannot go on.
    client: Option<Arc<Client>>,
    /// Bytes that its batches may have.
    batch_bytes: usize,
    /// What the transaction holds: the same parcels as the intake's.
    held: Vec<Held>,
    refusals: Refusals,
    /// A transaction was begun and not ended.
    is_open: bool,
    /// It is not known whether the last transaction has committed.
    is_in_doubt: bool,
    setbacks: Setbacks,
}

impl Worker {
    pub(crate) fn new(job: Job) -> Self {
        Self {
            client: None,
            batch_bytes: 0,
            held: Vec::new(),
            refusals: Refusals::new(&job.config),
            job,
            is_open: false,
            is_in_doubt: false,
            setbacks: Setbacks::default(),
        }
    }

    /// Works until the sink is closed; then everything that is not committed fails.
    pub(crate) fn run(mut self) {
        while self.job.intake.over().is_none() {
            if !self.job.intake.wait_for_work(TICK) {
                continue;
            }
            let began = now();
            match self.attempt() {
                Ok(()) | Err(Halted::Committed) => self.committed(began),
                Err(Halted::Failed(end)) => self.failed(end),
            }
        }
        if let Some(client) = self.client.take().filter(|_| self.is_open) {
            // If that fails, the coordinator ends the transaction.
            let _ = client.abort();
        }
        self.held.clear();
        let left = self.job.intake.take_all();
        left.into_iter()
            .for_each(|parcel| self.job.flight.give_up(parcel));
    }

    /// One transaction, from its beginning to its commit.
    fn attempt(&mut self) -> Result<(), Halted> {
        let client = self.ready()?;
        if self.is_in_doubt {
            self.is_in_doubt = false;
            if self.has_committed()? {
                return Err(Halted::Committed);
            }
            self.take_back();
        }
        self.look_for_topic(&client)?;
        client.begin().map_err(End::Step)?;
        self.is_open = true;
        self.job.flight.begin();
        self.fill(&client)?;
        self.finish(&client)
    }

    /// The client, with a producer id.
    fn ready(&mut self) -> Result<Arc<Client>, End> {
        let batch_bytes = self.refusals.batch_bytes(now());
        // One that makes batches of another size than it should goes between two transactions.
        let is_right = batch_bytes == self.batch_bytes || self.is_in_doubt;
        if let Some(client) = self.client.as_ref().filter(|_| is_right) {
            return Ok(Arc::clone(client));
        }
        self.client = None;
        let Job {
            config,
            names,
            flight,
            ..
        } = &self.job;
        let mut config = config.clone();
        self.refusals.limit(&mut config, batch_bytes);
        let client = Arc::new(Client::start(&config, names, flight).map_err(End::Client)?);
        self.until_done(|| client.init())?;
        tracing::info!(id = self.job.id, "writing in transactions");
        self.client = Some(Arc::clone(&client));
        self.batch_bytes = batch_bytes;
        Ok(client)
    }

    /// Calls a step again until it is done or refused.
    fn until_done(&self, step: impl Fn() -> Result<(), TransactionError>) -> Result<(), End> {
        let since = now();
        loop {
            match step() {
                Err(error) if error.then == Then::Again => {
                    if self.job.intake.over().is_some() {
                        return Err(End::Over);
                    }
                    let troubles = &self.job.flight.troubles;
                    if now().duration_since(since) > SILENCE_MAX && troubles.cause(None).is_none() {
                        self.job.flight.counters.error(Cause::Unacknowledged);
                        troubles.meet(None, Cause::Unacknowledged, &error.to_string());
                    }
                }
                done => return done.map_err(End::Step),
            }
        }
    }

    /// Asks for the topic that could not be written.
    fn look_for_topic(&mut self, client: &Client) -> Result<(), End> {
        if let Some(topic) = self.setbacks.missing() {
            client.look_up(topic).map_err(End::Missing)?;
            self.setbacks.found();
        }
        Ok(())
    }

    /// Sends what was sent before, and what comes until the transaction's time is over.
    fn fill(&mut self, client: &Client) -> Result<(), End> {
        let Job {
            names,
            intake,
            flight,
            ..
        } = &self.job;
        let dispatch = Dispatch {
            client,
            names,
            flight,
            intake,
            learnt: &self.refusals.learnt,
        };
        let interval = match self.setbacks.is_retry() {
            false => self.job.interval,
            true => Duration::ZERO,
        };
        let until = now() + interval;
        let mut sent = 0;
        let mut bytes: usize = 0;
        let mut is_last = false;
        loop {
            for held in &mut self.held[sent..] {
                bytes += held.parcel.weight();
                if let Err(Halt) = dispatch.send(held) {
                    return Err(halted(intake));
                }
            }
            sent = self.held.len();
            if is_last || bytes >= TRANSACTION_BYTES_MAX || flight.has_failed() {
                return Ok(());
            }
            let work = intake.take(until);
            // Whatever follows: they count as taken.
            self.held.extend(work.parcels.into_iter().map(Held::new));
            if work.is_over || work.has_abandoned {
                return Err(halted(intake));
            }
            is_last = work.hurry || now() >= until;
        }
    }

    /// Puts the offsets in and commits.
    fn finish(&mut self, client: &Client) -> Result<(), Halted> {
        // Before it is looked whether a partition has left: what leaves later is of this generation.
        let stamp = self.stamp()?;
        let offsets = self.stage()?;
        let offsets = self.job.intake.close(offsets).ok_or(End::Abandoned)?;
        if !offsets.is_empty() {
            let offsets: Vec<_> = offsets.into_iter().collect();
            let sent = client.send_offsets(&offsets, &stamp);
            sent.map_err(End::Step)?;
        }
        if self.job.flight.has_failed() {
            return Err(End::Record.into());
        }
        self.is_in_doubt = true;
        self.until_done(|| client.commit())?;
        (self.is_open, self.is_in_doubt) = (false, false);
        Ok(())
    }

    fn stamp(&self) -> Result<GroupStamp, End> {
        let group = self.job.intake.group().ok_or(End::NotMember)?;
        group.stamp().ok_or(End::NotMember)
    }

    /// The offsets of what the transaction holds. A parcel whose offset must not be stored yet is given up.
    fn stage(&self) -> Result<Offsets, End> {
        let mut offsets = Offsets::new();
        let mut is_whole = true;
        for held in &self.held {
            if let Some((source, offset)) = held.parcel.stage() {
                let known = offsets.entry(source).or_insert(offset);
                *known = offset.max(*known);
            } else {
                held.parcel.abandon();
                is_whole = false;
            }
        }
        is_whole.then_some(offsets).ok_or(End::Abandoned)
    }

    /// Whether the transaction has committed of which the client could not say so: then the group has stored
    /// its offsets.
    fn has_committed(&mut self) -> Result<bool, End> {
        let (sources, offsets): (Vec<_>, Vec<_>) = self.job.intake.ending().into_iter().unzip();
        if sources.is_empty() {
            return Ok(false);
        }
        let group = self.job.intake.group();
        let asked = group.map(|group| group.committed(&sources, SILENCE_MAX));
        match asked {
            Some(Ok(committed)) => {
                let mut both = committed.iter().zip(&offsets);
                Ok(both.all(|(committed, offset)| committed.is_some_and(|at| at >= *offset)))
            }
            _ => {
                self.is_in_doubt = true;
                Err(End::NotMember)
            }
        }
    }

    /// The transaction has committed: its tickets settle.
    fn committed(&mut self, began: Instant) {
        let Job {
            intake,
            flight,
            names,
            ..
        } = &self.job;
        flight.counters.committed(now().duration_since(began));
        self.setbacks.over();
        let troubles = &flight.troubles;
        while troubles.end(None, |_, _| true) {}
        for topic in names.iter().flatten() {
            while troubles.end(Some(topic), |_, _| true) {}
        }
        let taken = intake.committed();
        debug_assert_eq!(taken.len(), self.held.len());
        let bytes = taken.iter().map(|parcel| parcel.weight()).sum();
        drop(taken);
        for held in mem::take(&mut self.held) {
            let (dropped, reduced) = held.lessened();
            let (records, record_bytes) = (held.parcel.len(), held.parcel.bytes());
            drop(held);
            let counters = &flight.counters;
            (0..reduced).for_each(|_| counters.reduced());
            counters.unqueue(record_bytes);
            counters.settled(dropped, Outcome::Dropped);
            counters.settled(records - dropped, Outcome::Delivered);
        }
        // Whoever waits for room, or for everything to be out, finds all of the above done.
        intake.released(bytes);
    }

    /// The transaction has not committed, or it is not known: aborts it, and prepares the next attempt.
    fn failed(&mut self, end: End) {
        let cause = self.setbacks.note(&end, &self.job.flight);
        let has_gap = self.is_open && self.job.flight.has_failed();
        if self.is_open {
            self.job.flight.counters.aborted(cause);
        }
        let mut fatal = match &end {
            End::Step(error) if error.then == Then::Replace => Some(error.clone()),
            _ => None,
        };
        let open = self
            .client
            .clone()
            .filter(|_| self.is_open && fatal.is_none());
        if let Some(client) = open {
            match self.until_done(|| client.abort()) {
                Ok(()) => (self.is_open, self.is_in_doubt) = (false, false),
                Err(End::Step(error)) => fatal = Some(error),
                Err(_) => return,
            }
        }
        if let Some(error) = fatal {
            self.replace(&error);
        } else if has_gap {
            // A record that was given up leaves a gap in the numbers of its partition, which a broker takes
            // for a loss: a new client numbers anew.
            self.client = None;
        }
        if !self.is_in_doubt {
            self.take_back();
        }
        self.job.intake.pause(self.setbacks.pause(cause));
    }

    /// The client cannot go on: the next attempt makes another.
    fn replace(&mut self, error: &TransactionError) {
        self.is_open = false;
        let words = self.client.take().and_then(|client| client.fatal_error());
        let words = words.map_or_else(|| error.to_string(), |(_, words)| words);
        self.job.flight.counters.error(Cause::Fatal);
        if !error.is_fenced() {
            let cause = match Blame::of(error.code).cause() {
                Cause::Other => Cause::Fatal,
                cause => cause,
            };
            self.job.flight.troubles.meet(None, cause, &words);
            return;
        }
        if self.setbacks.is_fenced_too_often(now()) {
            tracing::error!(
                id = self.job.id,
                cause = words,
                "the transactional id is used by another process; nothing more is committed, and the \
                 run ends: give each instance its own [sink.kafka] transactional_id"
            );
            self.job.intake.end(Over::Fenced);
        } else {
            tracing::warn!(
                id = self.job.id,
                cause = words,
                "the producer was fenced: a transaction was open for longer than \
                 transaction.timeout.ms, or another process uses the transactional id; a new producer takes over, nothing is lost"
            );
        }
    }

    /// Prepares what was aborted for the next attempt: refused records take another form, and what must not
    /// be committed leaves.
    fn take_back(&mut self) {
        let refused = self.job.flight.take_refused();
        self.refusals
            .advance(refused, &mut self.held, &self.job.names, now());
        let left = self.job.intake.aborted();
        self.held.retain(|held| !held.parcel.is_abandoned());
        let bytes = left.iter().map(|parcel| parcel.weight()).sum();
        left.into_iter()
            .for_each(|parcel| self.job.flight.give_up(parcel));
        self.job.intake.released(bytes);
    }
}

/// Why an attempt is over.
enum Halted {
    Failed(End),
    /// It turned out that the transaction before had committed.
    Committed,
}

impl From<End> for Halted {
    fn from(end: End) -> Self {
        Self::Failed(end)
    }
}

/// Why sending stopped.
fn halted(intake: &Intake) -> End {
    if intake.over().is_some() {
        End::Over
    } else if intake.has_abandoned() {
        End::Abandoned
    } else {
        End::Record
    }
}
