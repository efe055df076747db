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
use crate::notice::Bounds;
use crate::settings::Start;

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
        bounds: &Bounds<'_>,
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
    /// What nobody has committed begins at its end, which is to be committed at once: else the next start
    /// would begin at a later end, and what came between would never be read. So whoever begins where the
    /// group has committed waits until it is known what that is.
    begins_at_end: bool,
    /// Nothing of a lane is read before it is known what its topics are: the ids of scores are made of that.
    pub(crate) awaits_topics: bool,
}

struct Source<F> {
    inlet: Arc<Inlet>,
    /// Which one of the inlet's sources it is.
    index: usize,
    feed: F,
    /// The client was told where to read.
    begun: bool,
    /// It is known that it begins where the group has committed.
    is_told: bool,
    /// Where it begins, of those that begin where the group has committed, if that had to be asked for.
    chosen: Option<Begin>,
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
    /// What nobody has committed begins where `start` says.
    pub(crate) fn new(start: Start) -> Self {
        Self {
            begins_at_end: start == Start::Latest,
            awaits_topics: true,
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
            begun: false,
            is_told: false,
            chosen: None,
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
        let awaits_topics = self.awaits_topics;
        for source in &mut self.sources {
            if source.begun || !source.may_begin(awaits_topics) {
                continue;
            }
            let mut told = source.inlet.told(source.index);
            if told == Some(Begin::Committed) {
                // It may have been asked for before, to be told to the host.
                source.located &= source.is_told;
                source.is_told = true;
                told = if self.begins_at_end {
                    source.chosen
                } else {
                    told
                };
            }
            if let Some(begin) = told {
                source.begun = true;
                // Whoever says where to begin has passed over what lies before.
                source.located |= begin != Begin::Committed;
                begins.push((source.partition().clone(), begin));
            }
        }
        self.waiting = self.sources.iter().filter(|one| one.is_waiting()).count();
        begins
    }

    /// Partitions whose committed offset is to be asked for.
    pub(crate) fn unlocated(&self) -> Vec<TopicPartition> {
        if self.waiting == 0 {
            return Vec::new();
        }
        let asked = |source: &&Source<F>| !source.located && source.may_begin(self.awaits_topics);
        let sources = self.sources.iter().filter(asked);
        sources.map(|source| source.partition().clone()).collect()
    }

    /// Whether a lane waits to be told what its topics are.
    pub(crate) fn lacks_topics(&self) -> bool {
        self.waiting > 0 && self.inlets().any(|inlet| !inlet.is_identified())
    }

    /// Chooses where `partition` begins, of which the group has committed `offset`: there, or at the `end`,
    /// which counts as committed from here on. What is committed now, and whether all is known.
    pub(crate) fn choose(
        &mut self,
        partition: &TopicPartition,
        offset: Option<i64>,
        end: impl FnOnce() -> Option<i64>,
    ) -> (Option<i64>, bool) {
        let begins_at_end = self.begins_at_end;
        let mut sources = self.sources.iter_mut();
        let source = sources.find(|one| one.partition() == partition);
        let asks = |one: &&mut Source<F>| one.inlet.told(one.index) == Some(Begin::Committed);
        let Some(source) = source.filter(asks).filter(|_| begins_at_end) else {
            return (offset, true);
        };
        if offset.is_some() {
            source.chosen = Some(Begin::Committed);
            return (offset, true);
        }
        let end = end();
        if let Some(end) = end {
            source.inlet.commit_beginning(source.index, end);
            source.chosen = Some(Begin::At(end));
        }
        (end, end.is_some())
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
            if inlet.tell_notices() {
                host.ready(inlet);
            }
            if !feed.may_hold_more() || !inlet.accepts(*index) {
                continue;
            }
            let low = || low_of(inlet, *index, reaches);
            let bounds = Bounds {
                low: &low,
                unix_ms: at.unix_ms,
            };
            let pushed = feed.pour(inlet, *index, &mut self.buffer, &bounds, faults);
            if pushed.tell || inlet.tell_notices() {
                host.ready(inlet);
            }
            turned.more |= feed.may_hold_more();
        }
        for inlet in &self.merged {
            let awaited = inlet.awaited();
            let sources = self.sources.iter();
            let sources = sources.filter(|source| Arc::ptr_eq(&source.inlet, inlet));
            for source in sources.filter(|source| awaited.contains(&source.index)) {
                source.note_reach(reaches, at.unix_ms);
            }
            let look = inlet.look(at);
            if look.tell {
                host.ready(inlet);
            }
            turned.look_at = turned.look_at.into_iter().chain(look.until).min();
        }
        turned
    }

    /// Takes note of which partitions were read to their end by the time `unix_ms`, and where logs begin and
    /// end.
    pub(crate) fn note_reaches(&self, reaches: &dyn Reaches, unix_ms: i64) {
        for source in &self.sources {
            source.note_reach(reaches, unix_ms);
        }
    }

    /// At most `most` partitions of which no record waits, though the broker holds more than was read: what
    /// an open transaction has written cannot be read yet. Or it holds less than is to be replayed. Others
    /// each time, where there are more.
    pub(crate) fn standing(&mut self, most: usize) -> Vec<(Arc<Inlet>, usize)> {
        let count = self.sources.len();
        let turns = (0..count).map(|turn| (self.looked_at + turn) % count);
        let stands = turns.filter(|at| {
            let source = &self.sources[*at];
            let (inlet, index) = (&source.inlet, source.index);
            inlet.seems_short(index) || (!source.feed.may_hold_more() && inlet.stands(index))
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
    fn note_reach(&self, reaches: &dyn Reaches, unix_ms: i64) {
        let Some(reach) = reaches.of(self.partition()) else {
            return;
        };
        let counters = &self.inlet.counted()[self.index].counters;
        counters.low_watermark.store(reach.low, Ordering::Relaxed);
        counters.high_watermark.store(reach.high, Ordering::Relaxed);
        if !self.feed.may_hold_more() {
            self.inlet.note_reach(self.index, reach, unix_ms);
        }
    }
}

impl<F> Source<F> {
    fn partition(&self) -> &TopicPartition {
        &self.inlet.counted()[self.index].partition
    }

    /// Whether it may be read as far as its topics are concerned.
    fn may_begin(&self, awaits_topics: bool) -> bool {
        !awaits_topics || self.inlet.is_identified()
    }

    /// Whether something is still to be told or asked before reading of it is plain.
    fn is_waiting(&self) -> bool {
        !self.begun || !self.located
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
        bounds: &Bounds<'_>,
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
        let pushed = inlet.push(source, records, bounds);
        burst.clear();
        pushed
    }
}

/// The first offset that the broker holds of a source, as it was last told.
pub(crate) fn low_of(inlet: &Inlet, source: usize, reaches: &dyn Reaches) -> Option<i64> {
    let counted = &inlet.counted()[source];
    let reach = reaches.of(&counted.partition).map(|reach| reach.low);
    reach.or_else(|| counted.counters.low())
}
