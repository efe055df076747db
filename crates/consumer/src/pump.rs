//! Partitions' queues → inlets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tillwatch_kafka::{Begin, Burst, ErrorCode, GroupClient, PartitionQueue, Reach};
use tillwatch_records::TopicPartition;

use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::{Inlet, Pushed};
use crate::moment::Moment;

/// Where one partition's records wait.
pub(crate) trait Feed {
    /// What records go through on their way into an inlet; shared by all partitions.
    type Buffer: Default;

    /// Whether records may wait.
    fn may_hold_more(&self) -> bool;

    /// Moves what waits, at most a burst, into `inlet`, whose `source` it is. Errors that stand in records'
    /// places go to `faults`.
    fn pour(
        &mut self,
        inlet: &Inlet,
        source: usize,
        buffer: &mut Self::Buffer,
        faults: &mut Vec<Fault>,
    ) -> Pushed;
}

/// Who knows how far partitions were read and where they end, without asking a broker.
pub(crate) trait Reaches {
    /// That of `source`, as of the newest answer.
    fn of(&self, source: &TopicPartition) -> Option<Reach>;
}

/// An error that librdkafka put in a record's place.
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) reason: String,
}

/// What a turn left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turned {
    /// More may wait in the queues.
    pub(crate) more: bool,
    /// When records that wait for another source may go, as time elapsed.
    pub(crate) look_at: Option<Duration>,
}

/// The assigned partitions. Only the poll thread holds it.
pub(crate) struct Pump<F: Feed> {
    sources: Vec<Source<F>>,
    /// Lanes of several sources.
    merged: Vec<Arc<Inlet>>,
    buffer: F::Buffer,
    /// Sources that were not begun, or whose committed offset is not known.
    waiting: usize,
    /// Where [`Pump::standing`] goes on.
    looked_at: usize,
}

struct Source<F> {
    inlet: Arc<Inlet>,
    /// Which one of the inlet's sources it is.
    index: usize,
    feed: F,
    /// The client was told where to read.
    begun: Option<Begin>,
    /// What the group has committed of it is known.
    located: bool,
}

/// What the group has committed is known for a partition.
pub(crate) enum Located {
    /// Nobody has said where it begins: the host is told.
    Waiting(Arc<Inlet>),
    /// Somebody has: what was lost before the first record is known once that has come.
    Begun(Arc<Inlet>, usize),
}

impl<F: Feed> Pump<F> {
    pub(crate) fn new() -> Self {
        Self {
            sources: Vec::new(),
            merged: Vec::new(),
            buffer: F::Buffer::default(),
            waiting: 0,
            looked_at: 0,
        }
    }

    /// Adds a lane and where its sources' records wait, in the order of its sources.
    pub(crate) fn add(&mut self, inlet: &Arc<Inlet>, feeds: Vec<F>) {
        self.waiting += feeds.len();
        if feeds.len() > 1 {
            self.merged.push(Arc::clone(inlet));
        }
        let sources = feeds.into_iter().enumerate();
        self.sources.extend(sources.map(|(index, feed)| Source {
            inlet: Arc::clone(inlet),
            index,
            feed,
            begun: None,
            located: false,
        }));
    }

    /// Gives up the queues of a lane.
    pub(crate) fn remove(&mut self, inlet: &Arc<Inlet>) {
        self.merged.retain(|merged| !Arc::ptr_eq(merged, inlet));
        self.sources
            .retain(|source| !Arc::ptr_eq(&source.inlet, inlet));
        let waiting = self.sources.iter().filter(|source| source.is_waiting());
        self.waiting = waiting.count();
    }

    /// The lanes.
    pub(crate) fn inlets(&self) -> impl Iterator<Item = &Arc<Inlet>> {
        let firsts = self.sources.iter().filter(|source| source.index == 0);
        firsts.map(|source| &source.inlet)
    }

    /// Partitions that were told where to begin and were not begun: they count as begun from here on.
    pub(crate) fn take_told(&mut self) -> Vec<(TopicPartition, Begin)> {
        let mut begins = Vec::new();
        if self.waiting == 0 {
            return begins;
        }
        let sources = self.sources.iter_mut();
        for source in sources.filter(|source| source.begun.is_none()) {
            if let Some(begin) = source.inlet.told(source.index) {
                source.begun = Some(begin);
                // Whoever says where to begin has passed over what lies before.
                source.located |= begin != Begin::Committed;
                begins.push((source.partition().clone(), begin));
            }
        }
        self.waiting = self.sources.iter().filter(|one| one.is_waiting()).count();
        begins
    }

    /// Where the partitions stand that are being read.
    pub(crate) fn reading(&self) -> Vec<(TopicPartition, Begin)> {
        let standing = self.sources.iter().filter_map(|source| {
            let next = source.inlet.next_offset(source.index);
            let begin = next.map_or(source.begun?, Begin::At);
            Some((source.partition().clone(), begin))
        });
        standing.collect()
    }

    /// Partitions whose committed offset is to be asked for.
    pub(crate) fn unlocated(&self) -> Vec<TopicPartition> {
        if self.waiting == 0 {
            return Vec::new();
        }
        let sources = self.sources.iter().filter(|source| !source.located);
        sources.map(|source| source.partition().clone()).collect()
    }

    /// Whose committed offset is known now.
    pub(crate) fn locate(&mut self, partition: &TopicPartition) -> Option<Located> {
        let sources = &mut self.sources;
        let source = sources
            .iter_mut()
            .find(|one| one.partition() == partition)?;
        let was_waiting = source.is_waiting();
        source.located = true;
        self.waiting -= usize::from(was_waiting && !source.is_waiting());
        let inlet = Arc::clone(&source.inlet);
        Some(match inlet.told(source.index) {
            None => Located::Waiting(inlet),
            Some(_) => Located::Begun(inlet, source.index),
        })
    }

    /// One burst from every queue that may hold something and whose inlet has room, and a look at lanes of
    /// several sources.
    pub(crate) fn run(
        &mut self,
        at: Moment,
        host: &dyn LaneHost,
        reaches: &dyn Reaches,
        faults: &mut Vec<Fault>,
    ) -> Turned {
        let mut turned = Turned::default();
        for source in &mut self.sources {
            let Source {
                inlet, index, feed, ..
            } = source;
            if !feed.may_hold_more() || !inlet.accepts(*index) {
                continue;
            }
            let pushed = feed.pour(inlet, *index, &mut self.buffer, faults);
            if pushed.tell {
                host.ready(inlet);
            }
            if pushed.has_gaps {
                judge_gaps(inlet, *index, reaches);
            }
            turned.more |= feed.may_hold_more();
        }
        for inlet in &self.merged {
            let awaited = inlet.awaited();
            let sources = self.sources.iter();
            let sources = sources.filter(|source| Arc::ptr_eq(&source.inlet, inlet));
            for source in sources.filter(|source| awaited.contains(&source.index)) {
                source.note_reach(reaches);
            }
            let look = inlet.look(at);
            if look.tell {
                host.ready(inlet);
            }
            turned.look_at = turned.look_at.into_iter().chain(look.until).min();
        }
        turned
    }

    /// Takes note of which partitions were read to their end, and where logs begin and end.
    pub(crate) fn note_reaches(&self, reaches: &dyn Reaches) {
        for source in &self.sources {
            source.note_reach(reaches);
        }
    }

    /// At most `most` partitions of which no record waits, though the broker holds more than was read: what
    /// an open transaction has written cannot be read yet. Others each time, where there are more.
    pub(crate) fn standing(&mut self, most: usize) -> Vec<(Arc<Inlet>, usize)> {
        let count = self.sources.len();
        let turns = (0..count).map(|turn| (self.looked_at + turn) % count);
        let stands = turns.filter(|at| {
            let source = &self.sources[*at];
            !source.feed.may_hold_more() && source.inlet.stands(source.index)
        });
        let standing: Vec<usize> = stands.take(most).collect();
        self.looked_at = standing.last().map_or(0, |last| last + 1);
        let found = standing.into_iter().map(|at| &self.sources[at]);
        found
            .map(|source| (Arc::clone(&source.inlet), source.index))
            .collect()
    }

    /// Why a lane cannot go on, the first time it is asked for.
    pub(crate) fn failure(&self) -> Option<ConsumerError> {
        self.inlets().find_map(|inlet| inlet.take_failure())
    }

    /// The queue of `source`.
    pub(crate) fn feed_of(&mut self, source: &TopicPartition) -> Option<&mut F> {
        let mut sources = self.sources.iter_mut();
        let found = sources.find(|one| one.partition() == source)?;
        Some(&mut found.feed)
    }
}

impl<F: Feed> Source<F> {
    /// Takes note of how far the source was read, unless more may wait in its queue.
    fn note_reach(&self, reaches: &dyn Reaches) {
        let Some(reach) = reaches.of(self.partition()) else {
            return;
        };
        let counters = &self.inlet.counted()[self.index].counters;
        counters.low_watermark.store(reach.low, Ordering::Relaxed);
        counters.high_watermark.store(reach.high, Ordering::Relaxed);
        let is_empty = !self.feed.may_hold_more();
        if is_empty && self.inlet.note_reach(self.index, reach) {
            self.inlet.judge_gaps(self.index, Some(reach.low));
        }
    }
}

impl<F> Source<F> {
    fn partition(&self) -> &TopicPartition {
        &self.inlet.counted()[self.index].partition
    }

    /// Whether something is still to be told or asked before reading of it is plain.
    fn is_waiting(&self) -> bool {
        self.begun.is_none() || !self.located
    }
}

impl Reaches for GroupClient {
    fn of(&self, source: &TopicPartition) -> Option<Reach> {
        self.reach(source)
    }
}

/// Nobody knows.
impl Reaches for () {
    fn of(&self, _source: &TopicPartition) -> Option<Reach> {
        None
    }
}

impl Feed for PartitionQueue {
    type Buffer = Burst;

    fn may_hold_more(&self) -> bool {
        self.is_dirty()
    }

    fn pour(
        &mut self,
        inlet: &Inlet,
        source: usize,
        burst: &mut Burst,
        faults: &mut Vec<Fault>,
    ) -> Pushed {
        self.read(burst);
        if burst.is_empty() {
            return Pushed::default();
        }
        let records = burst.iter().filter(|message| {
            let fault = message.error();
            let is_record = fault.is_none();
            faults.extend(fault.map(|(code, reason)| Fault { code, reason }));
            is_record
        });
        let pushed = inlet.push(source, records);
        burst.clear();
        pushed
    }
}

/// Counts which of the offsets that were passed over are lost.
pub(crate) fn judge_gaps(inlet: &Inlet, source: usize, reaches: &dyn Reaches) {
    let partition = &inlet.counted()[source].partition;
    let low = reaches.of(partition).map(|reach| reach.low);
    inlet.judge_gaps(source, low);
}
