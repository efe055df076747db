//! What is measured and counted of a batch on its way through a lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_engine::{Lane, Observer, Processed};
use tillwatch_records::{Cause, Flags, RecordKind, Settled, Ticket};
use tillwatch_scoring::Effort;

use super::shared::Shared;
use super::slot::Slot;
use crate::clock;
use crate::serve::deadline::Deadline;
use crate::serve::metrics::{Metrics, Outcome, Step};

/// Watches a batch on its way through the lane, and says by its age how much is asked of it.
pub struct BatchWatch<'m, 'd> {
    pub clock: StepClock<'m>,
    /// When the batch became the lane's.
    pub waiting_since: Instant,
    pub deadline: Option<&'d Deadline>,
    /// What was asked of its scoring.
    pub asked: Effort,
}

impl Observer for BatchWatch<'_, '_> {
    fn effort(&mut self, rows: usize) -> Effort {
        if let Some(deadline) = self.deadline {
            let age = clock::now().duration_since(self.waiting_since);
            self.asked = deadline.effort(age, rows);
        }
        self.asked
    }

    fn over(&mut self, step: tillwatch_engine::Step) {
        self.clock.over(step.into());
    }
}

/// Times the steps of one batch, one after the other.
pub struct StepClock<'m> {
    since: Instant,
    /// The step that was over last.
    pub took: Duration,
    metrics: &'m Metrics,
}

impl<'m> StepClock<'m> {
    pub fn start(metrics: &'m Metrics) -> Self {
        Self {
            since: clock::now(),
            took: Duration::ZERO,
            metrics,
        }
    }

    pub fn over(&mut self, step: Step) {
        let now = clock::now();
        self.took = now.duration_since(self.since);
        let us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        self.metrics.observe(step, us);
        self.since = now;
    }
}

/// A ticket that measures how old the records are when their scores are acknowledged.
pub fn watch_delivery(shared: &Shared, processed: &Processed, ticket: &Ticket) -> Ticket {
    let metrics = Arc::clone(&shared.metrics);
    let timestamps_ms = processed.scores.events.record_timestamps_ms.clone();
    let ticket = ticket.clone();
    Ticket::new(move |settled| match settled {
        Settled::Failed => ticket.fail(),
        Settled::Delivered => {
            metrics.observe_end_to_end(&timestamps_ms, clock::unix_ms());
        }
    })
}

/// Counts what became of the records of a batch.
pub fn count_records(slot: &Slot, lane: &Lane, processed: &Processed, metrics: &Metrics) {
    let mut outcomes = [0_u64; 4];
    let scores = &processed.scores;
    for (flags, cause) in scores.flags.iter().zip(&scores.emissions.causes) {
        if !cause.is_record() {
            continue;
        }
        let index = if flags.contains(Flags::DUPLICATE) {
            2
        } else if flags.contains(Flags::LATE) {
            1
        } else if flags.contains(Flags::CLOCK_SKEW) {
            3
        } else {
            0
        };
        outcomes[index] += 1;
    }
    let kinds = [
        Outcome::Scored,
        Outcome::Late,
        Outcome::Duplicate,
        Outcome::ClockSkew,
    ];
    for (outcome, count) in kinds.into_iter().zip(outcomes) {
        if count > 0 {
            metrics.count(outcome, count);
        }
    }
    let stats = lane.stats();
    let before = *slot.counted.lock();
    let read = (stats.terminal_events + stats.labels) - (before.terminal_events + before.labels);
    let transaction = Cause::Record(RecordKind::Transaction);
    let causes = scores.emissions.causes.iter();
    let others = causes.filter(|cause| cause.is_record() && **cause != transaction);
    metrics.count(Outcome::Folded, read - others.count() as u64);
    metrics.count(Outcome::Ignored, processed.ignored.len() as u64);
    metrics.count_evicted(stats.evicted_keys - before.evicted_keys);
    metrics.count_forgotten_ids(stats.forgotten_ids - before.forgotten_ids);
    metrics.count_unmatched_labels(stats.labels_unmatched - before.labels_unmatched);
    slot.show(lane);
}
