//! The hand-over between the poll thread and one lane.

mod arrivals;
mod failure;
mod identities;
mod merge;
mod occupancy;
mod parts;
mod state;
mod strand;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tillwatch_kafka::{Begin, Reach, TopicIdentity, Waker};
use tillwatch_records::{Batch, RawBatch, Settled, Ticket, TopicPartition};

use crate::counters::{Counters, UNKNOWN};
use crate::error::ConsumerError;
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::notice::{Bounds, Moved};
use crate::position::{Position, Told};
use identities::Identities;
pub(crate) use occupancy::Occupancy;
pub use parts::Taken;
pub(crate) use parts::{Look, Pushed, Source};
use state::{HandedOut, State};

/// What has arrived for one lane and was not taken yet, and what was taken and is not settled. It lives
/// from an assignment to its revocation.
///
/// A lane has one source, a partition; where several topics are read it has the partitions of one number,
/// whose records are merged in the order of `docs/rfc/0004-merged-topics.md`.
#[derive(Debug)]
pub struct Inlet {
    /// One for each topic, in the order of the settings.
    sources: Vec<Source>,
    waker: Arc<Waker>,
    state: Mutex<State>,
    /// `State::failure` holds something: looked at in every turn of the poll thread, without the lock.
    failed: AtomicBool,
    /// `State` may hold something that is no record: looked at likewise.
    has_notices: AtomicBool,
    identities: Identities,
}

impl Inlet {
    /// For a lane of `sources`, of which there is one at least: one of each topic, in the order of the
    /// settings.
    pub(crate) fn new(sources: Vec<TopicPartition>, limits: Limits, waker: Arc<Waker>) -> Self {
        let state = State::new(sources.iter(), limits);
        let identities = Identities::new(sources.len());
        let sources = sources.into_iter().map(|partition| Source {
            partition,
            counters: Counters::new(),
        });
        Self {
            sources: sources.collect(),
            waker,
            state: Mutex::new(state),
            failed: AtomicBool::new(false),
            has_notices: AtomicBool::new(false),
            identities,
        }
    }

    /// The partition; where several topics are read, that of the first one. It names the lane.
    pub fn source(&self) -> &TopicPartition {
        &self.sources[0].partition
    }

    /// The partitions whose records come here, in the order of the topics in the settings.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.sources.iter().map(|source| &source.partition)
    }

    /// Says where to read from, from any thread; wakes the poll thread. Where there are several sources it
    /// holds for each. Whether it was taken: a lane begins once, and not after it was closed.
    /// [`Position::NotYet`] changes nothing.
    pub fn begin(&self, position: Position) -> bool {
        self.begin_each(&vec![position; self.sources.len()])
    }

    /// As [`Inlet::begin`], with a position for each of [`Inlet::sources`]. It is not taken either when
    /// their number is another, or one of them says nothing.
    pub fn begin_each(&self, positions: &[Position]) -> bool {
        let told: Option<Vec<Told>> = positions.iter().map(|position| position.told()).collect();
        let Some(told) = told.filter(|told| told.len() == self.sources.len()) else {
            return false;
        };
        let is_taken = self.state.lock().begin(told);
        if is_taken {
            self.waker.wake();
        }
        is_taken
    }

    /// What comes next: everything that has arrived and may go, at most one full batch, or what the lane must
    /// know before. `None` also means that the lane is
    /// idle now: [`crate::LaneHost::ready`] is called again when there is something.
    ///
    /// A batch that is marked with `REORDERED` was handed out in an order that a replay may not
    /// give.
    pub fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut state = self.state.lock();
        let Some(handed_out) = state.take() else {
            // What waits for another source goes when the poll thread says so.
            let is_blocked = state.is_waiting();
            drop(state);
            if is_blocked {
                self.waker.wake();
            }
            return None;
        };
        let may_resume = state.may_resume();
        drop(state);
        if may_resume {
            self.waker.wake();
        }
        let handed_out = match handed_out {
            HandedOut::Batch(batch) => batch,
            HandedOut::Lost(lost) => return Some(Taken::Lost(lost)),
            HandedOut::Moved(moved) => return Some(Taken::Moved(moved)),
        };
        let source = handed_out.source;
        if handed_out.reordered > 0 {
            let reordered = &self.sources[source].counters.reordered;
            reordered.fetch_add(handed_out.reordered as u64, Ordering::Relaxed);
        }
        let batch = handed_out.batch;
        let Some(sequence) = handed_out.sequence else {
            return Some(Taken::Replay(batch));
        };
        let ticket = Ticket::of(UnderWay {
            inlet: Arc::clone(self),
            source,
            sequence,
        });
        Some(Taken::Live(batch, ticket))
    }

    /// Gives a batch's room back for the next records.
    pub fn recycle(&self, batch: RawBatch) {
        if let Some(source) = self.index_of(batch.source()) {
            self.state.lock().recycle(source, batch);
        }
    }

    /// Whether the partition was revoked or the consumer stops: [`Inlet::take`] gives `None` and work
    /// in hand should end soon.
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed()
    }

    /// The offset at which the lane's records begin: 0 when nothing came before them. Of several sources
    /// the one whose records begin latest; `i64::MAX` while that is not known of one of them.
    pub fn start_offset(&self) -> i64 {
        let state = self.state.lock();
        let firsts = state.firsts().map(|first| first.unwrap_or(i64::MAX));
        firsts.max().unwrap_or(i64::MAX)
    }

    /// The lane's sources, each with the offset of its first record where that is known.
    pub fn starts(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let state = self.state.lock();
        self.sources().cloned().zip(state.firsts()).collect()
    }

    /// How many partitions the topic of each source has, as far as that is known.
    pub fn partitions(&self) -> Vec<Option<usize>> {
        self.identities.partitions()
    }

    /// How many partitions the topic of each source has, as far as the lane was told: while [`Taken::Moved`]
    /// waits, how many it had before. What a lane says of its topics is never ahead of what it holds, also
    /// once it was closed and is told nothing more.
    pub fn partitions_told(&self) -> Vec<Option<usize>> {
        // In this order: the news waits before the number is another one.
        let known = self.identities.partitions();
        self.state.lock().as_told(self.sources(), known)
    }

    /// What tells the topic of each source from another one of the same name, as Kafka's tools print it.
    /// `None` where it is not known yet, or the brokers give topics none. An id that was told stays, even if
    /// the topic was made again since: what the lane has taken is of that one.
    pub fn topic_ids(&self) -> Vec<Option<String>> {
        self.identities.ids()
    }

    /// One past the last offset that is done, for each of the lane's sources (`None` where nothing is), once
    /// everything that was taken is delivered. `None` as long as something is not, or was given up. It can
    /// be asked after the lane was lost as well: what was taken may settle late.
    pub fn settled(&self) -> Option<Vec<Option<i64>>> {
        let state = self.state.lock();
        let ledger = &state.ledger;
        let sources = 0..self.sources.len();
        let is_delivered = ledger.is_delivered();
        is_delivered.then(|| sources.map(|source| ledger.done_to(source)).collect())
    }

    /// Whether something that was taken was given up, so that [`Inlet::settled`] gives nothing however long
    /// one waits.
    pub fn is_given_up(&self) -> bool {
        self.state.lock().ledger.is_given_up()
    }

    /// Offsets that are still to be replayed, of all sources together; 0 when nothing is, or nothing more.
    /// `None` until it is known where reading begins.
    pub fn replay_left(&self) -> Option<u64> {
        self.state.lock().replay_left()
    }

    /// Whether it is known of each source what topic it is of.
    pub(crate) fn is_identified(&self) -> bool {
        self.identities.are_known()
    }

    /// Takes note of what the topic called `topic` is. Another topic of the same name ends the lane.
    pub(crate) fn note_identity(&self, topic: &str, identity: &TopicIdentity) {
        let sources = self.sources().enumerate();
        for (source, _) in sources.filter(|(_, source)| *source.topic == *topic) {
            let noted = self.identities.note(source, identity);
            let mut state = self.state.lock();
            state.note_topic(source, noted);
            self.show_failure(state);
        }
    }

    /// The lane is to be told that a topic of it has other partitions.
    pub(crate) fn note_moved(&self, moved: Moved) {
        self.state.lock().note_moved(moved);
        self.has_notices.store(true, Ordering::Relaxed);
    }

    /// Whether the host must be told that something waits which is no record.
    pub(crate) fn tell_notices(&self) -> bool {
        self.has_notices.load(Ordering::Relaxed) && {
            self.has_notices.store(false, Ordering::Relaxed);
            self.state.lock().tell_notices()
        }
    }

    /// The partitions with what is counted of each.
    pub(crate) fn counted(&self) -> &[Source] {
        &self.sources
    }

    /// Which of the lane's sources `partition` is.
    pub(crate) fn index_of(&self, partition: &TopicPartition) -> Option<usize> {
        self.sources().position(|source| source == partition)
    }

    /// Where reading of a source begins, once somebody has said so.
    pub(crate) fn told(&self, source: usize) -> Option<Begin> {
        self.state.lock().told(source)
    }

    /// Appends records of a source.
    pub(crate) fn push<R: Incoming>(
        &self,
        source: usize,
        records: impl Iterator<Item = R>,
        bounds: &Bounds<'_>,
    ) -> Pushed {
        let counters = &self.sources[source].counters;
        let expected = counters.position.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.is_closed() {
            return Pushed::default();
        }
        let (filled, tell) = state.push(source, records, expected, bounds);
        self.show_news(source, state);
        counters
            .records
            .fetch_add(filled.records as u64, Ordering::Relaxed);
        counters
            .bytes
            .fetch_add(filled.bytes as u64, Ordering::Relaxed);
        if let Some(next) = filled.next {
            counters.position.store(next, Ordering::Relaxed);
        }
        Pushed { tell }
    }

    /// Takes note of how far the client has read a source of which it holds nothing more, at the time
    /// `unix_ms`.
    pub(crate) fn note_reach(&self, source: usize, reach: Reach, unix_ms: i64) {
        let position = match known(&self.sources[source].counters.position) {
            Some(received) => reach.position.max(Some(received)),
            // The client's position may be that of an earlier assignment.
            None => self.state.lock().begun_at(source, reach.low),
        };
        // What lies below the log's beginning can be read no more.
        let position = position.map(|position| position.max(reach.low));
        if position == Some(reach.high) {
            let low = || Some(reach.low);
            let bounds = Bounds { low: &low, unix_ms };
            self.note_end(source, reach.high, &bounds);
        }
    }

    /// Whether a source was not read to the end that the broker tells, and nothing of it waits.
    pub(crate) fn stands(&self, source: usize) -> bool {
        let counters = &self.sources[source].counters;
        let end = known(&counters.high_watermark);
        let is_behind = known(&counters.position) < end;
        let state = self.state.lock();
        let strand = state.strand(source);
        is_behind && strand.is_empty() && strand.end.is_none() && !strand.paused
    }

    /// Whether a source ends before the end of its replay, as the client knows it, and nothing of it waits;
    /// or brokers have said so. The client's knowledge may be that of an earlier assignment.
    pub(crate) fn seems_short(&self, source: usize) -> bool {
        let end = known(&self.sources[source].counters.high_watermark);
        let state = self.state.lock();
        let strand = state.strand(source);
        let is_below = end.is_some_and(|end| end < strand.live());
        strand.is_short() || (is_below && strand.is_empty())
    }

    /// What can be read of a source ends at `end`, as brokers say at the time `elapsed`: perhaps where it was
    /// read to.
    pub(crate) fn note_readable(&self, source: usize, end: i64, elapsed: Duration) {
        let mut state = self.state.lock();
        state.note_told_end(source, end, elapsed);
        self.show_failure(state);
        if known(&self.sources[source].counters.position) == Some(end) {
            // Nothing is passed over.
            let bounds = Bounds {
                low: &|| None,
                unix_ms: i64::MAX,
            };
            self.note_end(source, end, &bounds);
        }
    }

    /// The source was at its end when it was last looked at: all that can be read below `offset` was
    /// received, control records of transactions apart.
    fn note_end(&self, source: usize, offset: i64, bounds: &Bounds<'_>) {
        let position = &self.sources[source].counters.position;
        let expected = position.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.is_closed() {
            return;
        }
        if state.note_end(source, offset, expected, bounds) {
            position.store(offset, Ordering::Relaxed);
        }
        self.show_news(source, state);
    }

    /// The group had committed `offset` of a source when reading of it began.
    pub(crate) fn note_committed(&self, source: usize, offset: Option<i64>, bounds: &Bounds<'_>) {
        let mut state = self.state.lock();
        state.note_committed(source, offset, bounds);
        self.show_news(source, state);
    }

    /// Reading of a source began at `offset`, where nobody had committed anything: it is committed at once.
    pub(crate) fn commit_beginning(&self, source: usize, offset: i64) {
        self.state.lock().ledger.begin_at(source, offset);
    }

    /// Sources that others wait for, and of which it is not known that they are at their end.
    pub(crate) fn awaited(&self) -> Vec<usize> {
        self.state.lock().awaited()
    }

    /// Looks whether the records of a lane of several sources may go.
    pub(crate) fn look(&self, at: Moment) -> Look {
        let (waits, tell) = self.state.lock().look(at);
        for source in waits.given_up {
            let partition = &self.sources[source].partition;
            tracing::warn!(
                topic = &*partition.topic,
                partition = partition.partition,
                "unread records do not come: the other topics go on without them, marked REORDERED"
            );
        }
        Look {
            tell,
            until: waits.until,
        }
    }

    /// Whether the poll thread may read more from a source; decides about pausing.
    pub(crate) fn accepts(&self, source: usize) -> bool {
        let (accepts, pauses) = self.state.lock().accepts(source);
        if pauses {
            let counter = &self.sources[source].counters.pauses;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        accepts
    }

    /// Hands nothing out any more and drops what was not taken: it is not committed, so whoever owns
    /// the partition next reads it.
    pub(crate) fn close(&self) {
        self.state.lock().close();
    }

    /// Whether everything taken was settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.state.lock().ledger.unsettled_records() == 0
    }

    /// Whether the answer to a commit is waited for.
    pub(crate) fn is_asking(&self) -> bool {
        let state = self.state.lock();
        (0..self.sources.len()).any(|source| state.ledger.is_asking(source))
    }

    /// Offsets to commit, when there is news.
    pub(crate) fn request_commits(&self) -> Vec<(TopicPartition, i64)> {
        let mut state = self.state.lock();
        state.skip_to_ends();
        self.offsets(|source| state.ledger.request(source))
    }

    /// Offsets that the broker has not confirmed yet.
    pub(crate) fn unconfirmed(&self) -> Vec<(TopicPartition, i64)> {
        let state = self.state.lock();
        self.offsets(|source| state.ledger.unconfirmed(source))
    }

    /// Nothing is committed from here on, by whomever: another member may own the partitions.
    pub(crate) fn end_commits(&self) {
        self.state.lock().ledger.end();
    }

    /// A commit of `source` up to `offset` is stored.
    pub(crate) fn note_stored(&self, source: &TopicPartition, offset: i64) {
        if let Some(source) = self.index_of(source) {
            self.state.lock().note_stored(source, offset);
        }
    }

    /// A commit of `source` failed: it is asked for again.
    pub(crate) fn note_refusal(&self, source: &TopicPartition) {
        if let Some(source) = self.index_of(source) {
            self.state.lock().ledger.forget_request(source);
        }
    }

    /// What was to be committed of `source` was taken back, outputs included.
    pub(crate) fn note_abandoned(&self, source: &TopicPartition) {
        if let Some(source) = self.index_of(source) {
            let mut state = self.state.lock();
            state.abandon(source);
            self.show_failure(state);
        }
    }

    /// Why the lane cannot go on, the first time it is asked for.
    pub(crate) fn take_failure(&self) -> Option<ConsumerError> {
        if !self.failed.load(Ordering::Relaxed) {
            return None;
        }
        self.failed.store(false, Ordering::Relaxed);
        let mut state = self.state.lock();
        let failure = state.failure.take()?;
        let name = |source: usize| &self.sources[source].partition;
        Some(failure.error(&state.ledger, name))
    }

    /// What is under way of a source, for metrics.
    pub(crate) fn occupancy(&self, source: usize) -> Occupancy {
        let state = self.state.lock();
        Occupancy::new(state.strand(source), &state.ledger, source)
    }

    fn settle(&self, source: usize, sequence: u64, settled: Settled) {
        let mut state = self.state.lock();
        state.settle(source, sequence, settled);
        let wake = state.is_closed() || state.failure.is_some() || state.may_resume();
        self.show_failure(state);
        if wake {
            self.waker.wake();
        }
    }

    fn show_failure(&self, state: MutexGuard<'_, State>) {
        if state.failure.is_some() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Counts what is lost of a source, and says it loudly; shows a failure.
    fn show_news(&self, source: usize, mut state: MutexGuard<'_, State>) {
        let losses = state.take_uncounted(source);
        self.show_failure(state);
        if !losses.is_empty() {
            self.has_notices.store(true, Ordering::Relaxed);
        }
        for gap in losses {
            self.sources[source].count_loss(&gap);
        }
    }

    fn offsets(&self, mut of: impl FnMut(usize) -> Option<i64>) -> Vec<(TopicPartition, i64)> {
        let sources = self.sources.iter().enumerate();
        let offsets = sources.filter_map(|(index, source)| {
            let offset = of(index)?;
            Some((source.partition.clone(), offset))
        });
        offsets.collect()
    }
}

/// A batch that was handed out.
struct UnderWay {
    inlet: Arc<Inlet>,
    source: usize,
    /// Its number in the lane's ledger.
    sequence: u64,
}

impl Batch for UnderWay {
    fn settle(&self, settled: Settled) {
        self.inlet.settle(self.source, self.sequence, settled);
    }

    fn stage(&self) -> Option<(TopicPartition, i64)> {
        let staged = self.inlet.state.lock().ledger.stage(self.sequence);
        let (source, offset) = staged?;
        Some((self.inlet.sources[source].partition.clone(), offset))
    }
}

fn known(offset: &AtomicI64) -> Option<i64> {
    let offset = offset.load(Ordering::Relaxed);
    (offset != UNKNOWN).then_some(offset)
}
