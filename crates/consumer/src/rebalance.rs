//! What becomes of partitions that the group gives and takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tillwatch_kafka::{GroupClient, PartitionQueue, now};
use tillwatch_records::TopicPartition;

use crate::announced::{Announced, Leaving};
use crate::assignment::Assignment;
use crate::departure::{Departure, Progress, Turn, lose};
use crate::error::ConsumerError;
use crate::inlet::Inlet;
use crate::limits::Limits;
use crate::shared::Shared;

/// How often it is asked, while lanes leave, whether the group still has us.
const MEMBERSHIP_INTERVAL: Duration = Duration::from_millis(100);

impl Shared {
    /// Looks at what the group has announced. When to do it again, if a revocation rests: its lanes go on
    /// while the member could not join the group again anyway.
    pub(crate) fn rebalance(&self, client: &GroupClient) -> Option<Instant> {
        while let Some(announced) = self.rebalances.next(now()) {
            self.follow(client, announced);
        }
        self.rebalances.rests_until()
    }

    /// Does what the group has announced.
    fn follow(&self, client: &GroupClient, announced: Announced) {
        self.monitor.rebalances.fetch_add(1, Ordering::Relaxed);
        match announced {
            Announced::Assigned(sources) => self.take_on(client, sources),
            Announced::Revoked { sources, .. } => self.give_up(client, sources),
            Announced::Lost(sources) => self.lose(client, &sources),
        }
    }

    /// Lets lanes that leave go on. When to do it again at the latest; `None` when none leaves.
    pub(crate) fn leave_on(&self, client: &GroupClient) -> Option<Instant> {
        let leaving = std::mem::take(&mut *self.rebalances.leaving.lock());
        let mut next: Option<Duration> = None;
        for mut leaving in leaving {
            match self.go_on(client, &mut leaving) {
                Some(at) => {
                    next = next.into_iter().chain([at]).min();
                    self.rebalances.leaving.lock().push(leaving);
                }
                None => self.end(client, leaving),
            }
        }
        next.map(|elapsed| self.moment_of(elapsed))
    }

    /// All lanes leave, as at a stop.
    pub(crate) fn leave_all(&self, client: &GroupClient) {
        if client.fatal().is_some() {
            // Another process has our name in the group, and our partitions with it.
            let sources = sources_of(&self.inlets());
            return self.lose(client, &sources);
        }
        while let Some(announced) = self.rebalances.next_at_once() {
            self.follow(client, announced);
        }
        let deadline = self.elapsed() + self.settings.drain_timeout();
        for leaving in &mut *self.rebalances.leaving.lock() {
            leaving.departure.hurry(deadline);
        }
        let inlets = self.staying();
        self.depart(client, inlets, None);
    }

    /// Partitions have come.
    fn take_on(&self, client: &GroupClient, mut sources: Vec<TopicPartition>) {
        self.monitor.broker_up.store(true, Ordering::Relaxed);
        self.monitor.joined.store(true, Ordering::Relaxed);
        sources.extend(self.held.lock().drain(..));
        let assignment = Assignment::of(&self.settings.topics, sources);
        for sources in assignment.lanes {
            self.take_on_lane(client, sources);
        }
        *self.held.lock() = assignment.held;
        self.warn_of_held();
        if let Some(topics) = &mut *self.topics.lock() {
            topics.hurry(now());
        }
    }

    /// Opens a lane of `sources`.
    fn take_on_lane(&self, client: &GroupClient, sources: Vec<TopicPartition>) {
        let queues = sources.iter().map(|source| client.queue_of(source));
        let queues: Option<Vec<PartitionQueue>> = queues.collect();
        let Some(queues) = queues else {
            let what = format!("no queue for partition {}", sources[0].partition);
            self.fail(ConsumerError::Fatal(what));
            return;
        };
        let limits = Limits::of(&self.settings);
        let inlet = Arc::new(Inlet::new(sources, limits, Arc::clone(&self.waker)));
        self.monitor.add(Arc::clone(&inlet));
        self.pump.lock().add(&inlet, queues);
        self.roster.lock().welcome(&inlet);
        let host = self.host.lock().clone();
        let Some(host) = host else {
            return;
        };
        let position = host.assigned(&inlet);
        inlet.begin(position);
    }

    /// The group wants `sources` back.
    fn give_up(&self, client: &GroupClient, sources: Vec<TopicPartition>) {
        self.held.lock().retain(|held| !sources.contains(held));
        let mut inlets = self.staying();
        inlets.retain(|inlet| inlet.sources().any(|source| sources.contains(source)));
        self.depart(client, inlets, Some(sources));
    }

    /// `inlets` begin to leave, perhaps since the group wants partitions back.
    fn depart(
        &self,
        client: &GroupClient,
        inlets: Vec<Arc<Inlet>>,
        revoked: Option<Vec<TopicPartition>>,
    ) {
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let sources = sources_of(&inlets);
        let deadline = self.elapsed() + self.settings.drain_timeout();
        let departure = Departure::begin(inlets, deadline, &*host);
        self.stop_reading(client, &sources);
        self.rebalances.leaving.lock().push(Leaving {
            departure,
            revoked,
            next_check: Duration::ZERO,
        });
    }

    /// `sources` were taken from us.
    fn lose(&self, client: &GroupClient, sources: &[TopicPartition]) {
        self.held.lock().retain(|held| !sources.contains(held));
        let is_among = |inlet: &Arc<Inlet>| inlet.sources().any(|source| sources.contains(source));
        let mut leaving = std::mem::take(&mut *self.rebalances.leaving.lock());
        for leaving in leaving.extract_if(.., |leaving| leaving.departure.inlets().any(is_among)) {
            self.end_lost(client, leaving);
        }
        *self.rebalances.leaving.lock() = leaving;
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let mut inlets = self.inlets();
        inlets.retain(is_among);
        lose(&inlets, &*host, self.commits.lock().as_mut(), |inlet| {
            self.forget(inlet);
        });
        self.stop_reading(client, &sources_of(&inlets));
        // Whoever has lost all of them waits for the next assignment, which may be one of none.
        self.monitor.joined.store(false, Ordering::Relaxed);
        self.release(client);
    }

    /// Lets lanes that leave go on. When to do it again; `None` when they are at their end.
    fn go_on(&self, client: &GroupClient, leaving: &mut Leaving) -> Option<Duration> {
        let host = self.host.lock().clone()?;
        let now = self.elapsed();
        if now >= leaving.next_check {
            if client.generation() <= 0 {
                return None;
            }
            leaving.next_check = now + MEMBERSHIP_INTERVAL;
        }
        let all = self.inlets();
        let mut commits = self.commits.lock();
        let mut turn = Turn {
            now,
            host: &*host,
            waker: &self.waker,
            commits: commits.as_mut()?,
            all: &all,
        };
        match leaving.departure.go_on(&mut turn) {
            Progress::Waits(at) => Some(at.min(leaving.next_check)),
            Progress::IsOver => None,
        }
    }

    /// Gives lanes up that are at their end.
    fn end(&self, client: &GroupClient, leaving: Leaving) {
        // A session that has timed out while they left is not announced before the group was answered.
        if client.generation() <= 0 {
            return self.end_lost(client, leaving);
        }
        self.give_away(client, leaving, false);
        if self.inlets().is_empty() {
            self.monitor.joined.store(false, Ordering::Relaxed);
        }
    }

    /// Gives lanes up that are another member's already.
    fn end_lost(&self, client: &GroupClient, leaving: Leaving) {
        self.give_away(client, leaving, true);
        self.monitor.joined.store(false, Ordering::Relaxed);
    }

    fn give_away(&self, client: &GroupClient, leaving: Leaving, is_lost: bool) {
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let Leaving {
            departure, revoked, ..
        } = leaving;
        let inlets: Vec<Arc<Inlet>> = departure.inlets().cloned().collect();
        if let Some(commits) = &mut *self.commits.lock() {
            // Nothing that is under way may store an offset of them any more.
            commits.abandon(&inlets);
        }
        departure.end(&*host, is_lost, |inlet| self.forget(inlet));
        let Some(revoked) = revoked else {
            return;
        };
        if !is_lost {
            // Of lanes of which the group wants one topic's partition back, the others stay ours.
            let sources = sources_of(&inlets).into_iter();
            let left = sources.filter(|source| !revoked.contains(source));
            self.held.lock().extend(left);
        }
        self.release(client);
    }

    /// Answers a revocation.
    fn release(&self, client: &GroupClient) {
        if let Err(error) = client.release() {
            self.fail(error.into());
        }
    }

    fn stop_reading(&self, client: &GroupClient, sources: &[TopicPartition]) {
        if let Err(error) = client.stop(sources) {
            self.fail(error.into());
        }
    }

    /// Lanes that do not leave.
    fn staying(&self) -> Vec<Arc<Inlet>> {
        let leaving = self.rebalances.leaving.lock();
        let is_leaving = |inlet: &Arc<Inlet>| {
            let mut all = leaving.iter().flat_map(|one| one.departure.inlets());
            all.any(|one| Arc::ptr_eq(one, inlet))
        };
        let mut inlets = self.inlets();
        inlets.retain(|inlet| !is_leaving(inlet));
        inlets
    }
}

fn sources_of(inlets: &[Arc<Inlet>]) -> Vec<TopicPartition> {
    let sources = inlets.iter().flat_map(|inlet| inlet.sources());
    sources.cloned().collect()
}
