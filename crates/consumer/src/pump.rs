//! Partitions' queues → inlets.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{Begin, Burst, ErrorCode, GroupClient, PartitionQueue};
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

    /// Moves what waits, at most a burst, into `inlet`, whose `source` it is, and tells it when that is
    /// all there is at present. Errors that stand in records' places go to `faults`.
    fn pour(
        &mut self,
        inlet: &Inlet,
        source: usize,
        buffer: &mut Self::Buffer,
        faults: &mut Vec<Fault>,
    ) -> Pushed;
}

/// Who knows where logs begin and end, without asking a broker.
pub(crate) trait Watermarks {
    /// (first offset held, one past the last) of a partition, as of the newest answer.
    fn of(&self, source: &TopicPartition) -> Option<(i64, i64)>;
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
    /// It was not begun: the host is told.
    Waiting(Arc<Inlet>),
    /// It was: what was lost before the first record is known once that has come.
    Begun(Arc<Inlet>, usize),
}

impl<F: Feed> Pump<F> {
    pub(crate) fn new() -> Self {
        Self {
            sources: Vec::new(),
            merged: Vec::new(),
            buffer: F::Buffer::default(),
            waiting: 0,
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
        Some(match source.begun {
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
        watermarks: &dyn Watermarks,
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
                judge_gaps(inlet, *index, watermarks);
            }
            turned.more |= feed.may_hold_more();
        }
        for inlet in &self.merged {
            let end = |source: &TopicPartition| Some(watermarks.of(source)?.1);
            let look = inlet.look(at, end);
            if look.tell {
                host.ready(inlet);
            }
            turned.look_at = turned.look_at.into_iter().chain(look.until).min();
        }
        turned
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

impl<F> Source<F> {
    fn partition(&self) -> &TopicPartition {
        &self.inlet.counted()[self.index].partition
    }

    /// Whether something is still to be told or asked before reading of it is plain.
    fn is_waiting(&self) -> bool {
        self.begun.is_none() || !self.located
    }
}

impl Watermarks for GroupClient {
    fn of(&self, source: &TopicPartition) -> Option<(i64, i64)> {
        self.watermarks(source)
    }
}

/// Nobody knows.
impl Watermarks for () {
    fn of(&self, _source: &TopicPartition) -> Option<(i64, i64)> {
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
        let mut end = None;
        let records = burst.iter().filter(|message| {
            if let Some(offset) = message.end() {
                end = Some(offset);
                return false;
            }
            let fault = message.error();
            let is_record = fault.is_none();
            if is_record {
                end = None;
            }
            faults.extend(fault.map(|(code, reason)| Fault { code, reason }));
            is_record
        });
        let mut pushed = inlet.push(source, records);
        if let Some(end) = end {
            pushed.has_gaps |= inlet.note_end(source, end);
        }
        burst.clear();
        pushed
    }
}

/// Counts which of the offsets that were passed over are lost.
pub(crate) fn judge_gaps(inlet: &Inlet, source: usize, watermarks: &dyn Watermarks) {
    let partition = &inlet.counted()[source].partition;
    let low = watermarks.of(partition).map(|(low, _)| low);
    inlet.judge_gaps(source, low.filter(|low| *low >= 0));
}
