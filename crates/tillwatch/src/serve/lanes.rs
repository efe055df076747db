//! All lanes of this process: each runs on the thread pool whenever its partition has records.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rayon::ThreadPool;
use tillwatch_consumer::{Inlet, LaneHost, Past, Position, Taken};
use tillwatch_engine::{Assembly, Input, Lane, LaneError, Observer, Processed, Workspace};
use tillwatch_feature_extraction::LaneStats;
use tillwatch_records::{Cause, Flags, RawBatch, RecordKind, Settled, Ticket, TopicPartition};
use tillwatch_scoring::Effort;
use tillwatch_sink::{DeadLetter, Sink, SinkError};

use super::beginning::begin;
use super::deadline::Deadline;
use super::metrics::{LaneGauges, Metrics, Outcome, Step};
use super::workspaces::Workspaces;
use crate::clock;

/// Batches that a lane takes before it lets another have its thread.
const TURN_BATCHES_MAX: usize = 16;

/// What every lane shares.
pub struct Shared {
    pub assembly: Arc<Assembly>,
    pub sink: Arc<dyn Sink>,
    pub metrics: Arc<Metrics>,
    /// Says how new the records are that a lane without state has not read.
    pub past: Past,
    pub pool: ThreadPool,
    /// One for each thread of the pool.
    pub workspaces: Arc<Workspaces>,
    /// How old a batch may be before less is asked of it; `None` for no limit.
    pub deadline: Option<Duration>,
}

/// The lanes of the assigned partitions.
pub struct Lanes {
    shared: Arc<Shared>,
    slots: Mutex<HashMap<TopicPartition, Arc<Slot>>>,
}

/// A lane and the way its records come.
struct Slot {
    inlet: Arc<Inlet>,
    gauges: Arc<LaneGauges>,
    /// Made at the first batch, whose offset it needs. Locked by one pool thread at a time: the inlet
    /// does not report new records before the lane has found it empty.
    lane: Mutex<Option<Worker>>,
    /// A defect has ended the lane half way through a batch: it takes no more.
    is_broken: AtomicBool,
    /// When the next batch became the lane's, see [`Deadline`].
    waiting_since: Mutex<Instant>,
    /// What was counted when the metrics were last updated.
    counted: Mutex<LaneStats>,
}

/// A lane at work.
struct Worker {
    lane: Lane,
    deadline: Option<Deadline>,
}

impl Lanes {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            slots: Mutex::new(HashMap::new()),
        }
    }
}

impl LaneHost for Lanes {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        let source = inlet.source();
        for source in inlet.sources() {
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "partition assigned"
            );
        }
        let slot = Slot {
            inlet: Arc::clone(inlet),
            gauges: self.shared.metrics.lane(source),
            lane: Mutex::new(None),
            is_broken: AtomicBool::new(false),
            waiting_since: Mutex::new(clock::now()),
            counted: Mutex::default(),
        };
        self.slots.lock().insert(source.clone(), Arc::new(slot));
        Position::Committed
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        let slot = self.slots.lock().get(inlet.source()).map(Arc::clone);
        if let Some(slot) = slot {
            *slot.waiting_since.lock() = clock::now();
            let shared = Arc::clone(&self.shared);
            self.shared.pool.spawn_fifo(move || turn(shared, slot));
        }
    }

    fn leaving(&self, _inlets: &[Arc<Inlet>]) {
        self.shared.sink.settle_soon();
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        let source = inlet.source();
        for source in inlet.sources() {
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "partition revoked"
            );
        }
        self.slots.lock().remove(source);
        self.shared.metrics.forget_lane(source);
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        for source in inlet.sources() {
            tracing::warn!(
                topic = &*source.topic,
                partition = source.partition,
                "partition lost: the group took it away; what was not committed is scored again elsewhere"
            );
        }
        self.revoked(inlet);
    }
}

/// Runs a lane until nothing waits for it, or until its turn is over.
fn turn(shared: Arc<Shared>, slot: Arc<Slot>) {
    {
        let mut worker = slot.lane.lock();
        let mut lent = shared.workspaces.lend();
        for _ in 0..TURN_BATCHES_MAX {
            let (raw, ticket) = match slot.inlet.take() {
                None => {
                    // What this lane was still at when its partition began to leave.
                    if slot.inlet.is_closed() {
                        shared.sink.settle_soon();
                    }
                    return;
                }
                // The consumer counts and says it.
                Some(Taken::Lost(_) | Taken::Moved(_)) => continue,
                Some(Taken::Replay(raw)) => (raw, None),
                Some(Taken::Live(raw, ticket)) => (raw, Some(ticket)),
            };
            let workspace = &mut *lent.workspace;
            if slot.is_broken.load(Ordering::Relaxed) {
                // The consumer ends the run; the batches behind the one that broke the lane fail with it.
                ticket.iter().for_each(Ticket::fail);
            } else if !comes_through(&raw, ticket.as_ref(), || {
                work(
                    &shared,
                    &slot,
                    &mut worker,
                    workspace,
                    &raw,
                    ticket.as_ref(),
                );
            }) {
                slot.is_broken.store(true, Ordering::Relaxed);
                // A panic may have left in it what no other lane expects.
                *lent.workspace = Workspace::default();
            }
            slot.inlet.recycle(raw);
            *slot.waiting_since.lock() = clock::now();
        }
    }
    let next = Arc::clone(&shared);
    shared.pool.spawn_fifo(move || turn(next, slot));
}

/// Runs `work` on a batch; whether it came to its end. If it panics, which is a defect, the ticket fails
/// before its last clone can go: what was made of the batch so far does not count as all of it.
fn comes_through(raw: &RawBatch, ticket: Option<&Ticket>, work: impl FnOnce()) -> bool {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        ticket.into_iter().for_each(Ticket::fail);
        let source = raw.source();
        tracing::error!(
            topic = &*source.topic,
            partition = source.partition,
            offset = raw.iter().next().map(|record| record.offset),
            records = raw.len(),
            "a batch was given up by a defect (panic): its records stay uncommitted; report it with the \
             lines before this one"
        );
    }
    result.is_ok()
}

/// Lets the lane take a batch; makes the lane at the first one.
fn work(
    shared: &Shared,
    slot: &Slot,
    worker: &mut Option<Worker>,
    workspace: &mut Workspace,
    raw: &RawBatch,
    ticket: Option<&Ticket>,
) {
    let worker = worker.get_or_insert_with(|| Worker {
        lane: begin(&shared.assembly, &shared.past, &slot.inlet, raw),
        deadline: shared.deadline.map(Deadline::new),
    });
    match ticket {
        Some(ticket) => process(shared, slot, worker, workspace, raw, ticket),
        None => replay(worker, workspace, raw),
    }
}

fn process(
    shared: &Shared,
    slot: &Slot,
    worker: &mut Worker,
    workspace: &mut Workspace,
    raw: &RawBatch,
    ticket: &Ticket,
) {
    let metrics = &shared.metrics;
    let Worker { lane, deadline } = worker;
    let mut watch = BatchWatch {
        clock: StepClock::start(metrics),
        waiting_since: *slot.waiting_since.lock(),
        deadline: deadline.as_ref(),
        asked: Effort::Full,
    };
    let processed = match lane.process(Input::Raw(raw), workspace, &mut watch) {
        Ok(processed) => processed,
        Err(error) => return give_up(&error, ticket),
    };
    let BatchWatch {
        mut clock, asked, ..
    } = watch;
    if let Some(deadline) = deadline {
        deadline.learn(asked, processed.scores.len(), clock.took);
        metrics.count_effort(asked);
    }
    metrics.count_scores(&processed.scores, lane.models().lineup());
    count_records(slot, lane, &processed, metrics);
    if let Err(error) = deliver(shared, raw, &processed, ticket) {
        // The ticket is failed: the consumer ends the run, and the batch is read again next time.
        ticket.fail();
        tracing::error!(%error, "output given up");
    }
    clock.over(Step::Sink);
    metrics.count_batch();
}

/// Lets a lane know records again that it has scored and delivered before. If that fails, the lane is broken,
/// and the ticket of its first live batch says so.
fn replay(worker: &mut Worker, workspace: &mut Workspace, raw: &RawBatch) {
    if let Err(error) = worker.lane.process(Input::Raw(raw), workspace, &mut ()) {
        tracing::error!(%error, "replay given up");
    }
}

/// Fails the ticket of a batch that has no scores: the consumer ends the run, and the batch is read
/// again next time.
fn give_up(error: &LaneError, ticket: &Ticket) {
    ticket.fail();
    // The batches after the one that broke the lane say nothing new.
    if !matches!(error, LaneError::Broken { .. }) {
        tracing::error!(%error, "batch given up");
    }
}

/// Hands everything made from a batch to the sink.
fn deliver(
    shared: &Shared,
    raw: &RawBatch,
    processed: &Processed,
    ticket: &Ticket,
) -> Result<(), SinkError> {
    for refusal in &processed.refusals {
        let reason = refusal.reason.code();
        let letter = DeadLetter {
            source: raw.source(),
            record: raw.get(refusal.index),
            reason,
            detail: &refusal.detail,
        };
        shared.sink.dead_letter(&letter, ticket)?;
        let count = shared.metrics.count_dead_letter(reason);
        // The 1st, 2nd, 4th, 8th … of a reason: a flood stays readable, and none goes unnoticed.
        if count.is_power_of_two() {
            let source = raw.source();
            tracing::warn!(
                reason,
                detail = refusal.detail,
                topic = &*source.topic,
                partition = source.partition,
                offset = letter.record.offset,
                count,
                "record refused and dead-lettered"
            );
        }
    }
    if processed.scores.is_empty() {
        return Ok(());
    }
    let watched = watch_delivery(shared, processed, ticket);
    shared.sink.write(&processed.scores, &watched)
}

/// A ticket that measures how old the records are when their scores are acknowledged.
fn watch_delivery(shared: &Shared, processed: &Processed, ticket: &Ticket) -> Ticket {
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

fn count_records(slot: &Slot, lane: &Lane, processed: &Processed, metrics: &Metrics) {
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
    let before = std::mem::replace(&mut *slot.counted.lock(), stats);
    let read = (stats.terminal_events + stats.labels) - (before.terminal_events + before.labels);
    let transaction = Cause::Record(RecordKind::Transaction);
    let causes = scores.emissions.causes.iter();
    let others = causes.filter(|cause| cause.is_record() && **cause != transaction);
    metrics.count(Outcome::Folded, read - others.count() as u64);
    metrics.count_evicted(stats.evicted_keys - before.evicted_keys);
    metrics.count_forgotten_ids(stats.forgotten_ids - before.forgotten_ids);
    slot.gauges.keys.store(stats.keys, Ordering::Relaxed);
    slot.gauges.set_memory(lane.memory());
    if let Some(watermark_ms) = lane.watermark_ms() {
        slot.gauges
            .watermark_ms
            .store(watermark_ms, Ordering::Relaxed);
    }
    let warm_at_ms = stats.warm_at_ms.filter(|time_ms| *time_ms != i64::MAX);
    slot.gauges
        .warm_at_ms
        .store(warm_at_ms.unwrap_or(LaneGauges::NO_TIME), Ordering::Relaxed);
}

/// Watches a batch on its way through the lane, and says by its age how much is asked of it.
struct BatchWatch<'m, 'd> {
    clock: StepClock<'m>,
    /// When the batch became the lane's.
    waiting_since: Instant,
    deadline: Option<&'d Deadline>,
    /// What was asked of its scoring.
    asked: Effort,
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
struct StepClock<'m> {
    since: Instant,
    /// The step that was over last.
    took: Duration,
    metrics: &'m Metrics,
}

impl<'m> StepClock<'m> {
    fn start(metrics: &'m Metrics) -> Self {
        Self {
            since: clock::now(),
            took: Duration::ZERO,
            metrics,
        }
    }

    fn over(&mut self, step: Step) {
        let now = clock::now();
        self.took = now.duration_since(self.since);
        let us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        self.metrics.observe(step, us);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_engine::BatchStart;

    use super::*;

    #[test]
    fn a_batch_without_scores_fails_its_ticket() {
        let settled = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&settled);
        let ticket = Ticket::new(move |settled| seen.lock().push(settled));
        let at = BatchStart {
            source: TopicPartition::new("t", 0),
            offset: Some(7),
        };
        give_up(&LaneError::Broken { at }, &ticket);
        drop(ticket);
        assert_eq!(*settled.lock(), [Settled::Failed]);
    }

    #[test]
    fn a_batch_that_ends_in_a_panic_fails_its_ticket() {
        let settled = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&settled);
        let ticket = Ticket::new(move |settled| seen.lock().push(settled));
        let raw = RawBatch::new(TopicPartition::new("t", 0));
        // An output that was handed over before has a clone, and is delivered later.
        let output = ticket.clone();
        let is_whole = comes_through(&raw, Some(&ticket), || {
            let inside = ticket.clone();
            assert!(!raw.is_empty(), "a defect");
            drop(inside);
        });
        assert!(!is_whole);
        drop(ticket);
        assert!(settled.lock().is_empty());
        drop(output);
        assert_eq!(*settled.lock(), [Settled::Failed]);
        assert!(comes_through(&raw, None, || {}));
    }
}
