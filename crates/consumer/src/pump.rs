//! Partitions' queues → inlets.

use std::sync::Arc;

use tillwatch_kafka::{Begin, Burst, ErrorCode, PartitionQueue};
use tillwatch_records::TopicPartition;

use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::Inlet;

/// Where one partition's records wait.
pub(crate) trait Feed {
    /// What records go through on their way into an inlet; shared by all partitions.
    type Buffer: Default;

    /// Whether records may wait.
    fn may_hold_more(&self) -> bool;

    /// Moves what waits, at most a burst, into `inlet`; whether the host must be told. Errors that stand
    /// in records' places go to `faults`.
    fn pour(&mut self, inlet: &Inlet, buffer: &mut Self::Buffer, faults: &mut Vec<Fault>) -> bool;
}

/// An error that librdkafka put in a record's place.
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) reason: String,
}

/// The assigned partitions. Only the poll thread holds it.
pub(crate) struct Pump<F: Feed> {
    lanes: Vec<Lane<F>>,
    buffer: F::Buffer,
    /// Lanes that were not begun.
    waiting: usize,
}

struct Lane<F> {
    inlet: Arc<Inlet>,
    feed: F,
    /// The client was told where to read.
    begun: Option<Begin>,
    /// The host knows what the group has committed of it, or need not know.
    located: bool,
}

impl<F: Feed> Pump<F> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: Vec::new(),
            buffer: F::Buffer::default(),
            waiting: 0,
        }
    }

    pub(crate) fn add(&mut self, inlet: Arc<Inlet>, feed: F) {
        self.waiting += 1;
        self.lanes.push(Lane {
            inlet,
            feed,
            begun: None,
            located: false,
        });
    }

    /// Gives up the partition's queue.
    pub(crate) fn remove(&mut self, source: &TopicPartition) {
        if let Some(index) = self.index_of(source) {
            let lane = self.lanes.swap_remove(index);
            self.waiting -= usize::from(lane.begun.is_none());
        }
    }

    pub(crate) fn inlets(&self) -> impl Iterator<Item = &Arc<Inlet>> {
        self.lanes.iter().map(|lane| &lane.inlet)
    }

    /// Partitions that were told where to begin and were not begun: they count as begun from here on.
    pub(crate) fn take_told(&mut self) -> Vec<(TopicPartition, Begin)> {
        let mut begins = Vec::new();
        if self.waiting == 0 {
            return begins;
        }
        for lane in self.lanes.iter_mut().filter(|lane| lane.begun.is_none()) {
            if let Some(begin) = lane.inlet.told() {
                lane.begun = Some(begin);
                lane.located = true;
                self.waiting -= 1;
                begins.push((lane.inlet.source().clone(), begin));
            }
        }
        begins
    }

    /// Where the partitions stand that are being read.
    pub(crate) fn reading(&self) -> Vec<(TopicPartition, Begin)> {
        let standing = self.lanes.iter().filter_map(|lane| {
            let begin = lane.inlet.next_offset().map_or(lane.begun?, Begin::At);
            Some((lane.inlet.source().clone(), begin))
        });
        standing.collect()
    }

    /// Partitions whose host waits for what the group has committed.
    pub(crate) fn unlocated(&self) -> Vec<TopicPartition> {
        if self.waiting == 0 {
            return Vec::new();
        }
        let lanes = self.lanes.iter().filter(|lane| !lane.located);
        lanes.map(|lane| lane.inlet.source().clone()).collect()
    }

    /// The inlet of `source`, whose host is told what the group has committed.
    pub(crate) fn locate(&mut self, source: &TopicPartition) -> Option<Arc<Inlet>> {
        let index = self.index_of(source)?;
        let lane = &mut self.lanes[index];
        lane.located = true;
        Some(Arc::clone(&lane.inlet))
    }

    /// One burst from every queue that may hold something and whose inlet has room. Whether more may
    /// wait there.
    pub(crate) fn run(&mut self, host: &dyn LaneHost, faults: &mut Vec<Fault>) -> bool {
        let mut more = false;
        for lane in &mut self.lanes {
            if !lane.feed.may_hold_more() || !lane.inlet.accepts() {
                continue;
            }
            if lane.feed.pour(&lane.inlet, &mut self.buffer, faults) {
                host.ready(&lane.inlet);
            }
            more |= lane.feed.may_hold_more();
        }
        more
    }

    /// Why a partition cannot go on, the first time it is asked for.
    pub(crate) fn failure(&self) -> Option<ConsumerError> {
        self.inlets().find_map(|inlet| inlet.take_failure())
    }

    /// The queue of `source`.
    pub(crate) fn feed_of(&mut self, source: &TopicPartition) -> Option<&mut F> {
        let index = self.index_of(source)?;
        Some(&mut self.lanes[index].feed)
    }

    fn index_of(&self, source: &TopicPartition) -> Option<usize> {
        self.lanes
            .iter()
            .position(|lane| lane.inlet.source() == source)
    }
}

impl Feed for PartitionQueue {
    type Buffer = Burst;

    fn may_hold_more(&self) -> bool {
        self.is_dirty()
    }

    fn pour(&mut self, inlet: &Inlet, burst: &mut Burst, faults: &mut Vec<Fault>) -> bool {
        self.read(burst);
        if burst.is_empty() {
            return false;
        }
        let records = burst.iter().filter(|message| {
            let fault = message.error();
            let is_record = fault.is_none();
            faults.extend(fault.map(|(code, reason)| Fault { code, reason }));
            is_record
        });
        let tell = inlet.push(records);
        burst.clear();
        tell
    }
}
