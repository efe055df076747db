//! librdkafka's queues → inlets.

use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;
use tillwatch_records::TopicPartition;

use crate::LaneHost;
use crate::inlet::Inlet;
use crate::native::{Burst, PartitionQueue};

/// The assigned partitions' queues. Only the poll thread holds it.
pub(crate) struct Pump {
    lanes: Vec<Lane>,
    burst: Burst,
}

struct Lane {
    inlet: Arc<Inlet>,
    queue: PartitionQueue,
}

/// An error that librdkafka put in a record's place.
pub(crate) struct Fault {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) reason: String,
}

impl Pump {
    pub(crate) fn new() -> Self {
        Self {
            lanes: Vec::new(),
            burst: Burst::new(),
        }
    }

    pub(crate) fn add(&mut self, inlet: Arc<Inlet>, queue: PartitionQueue) {
        self.lanes.push(Lane { inlet, queue });
    }

    /// Gives up the partition's queue.
    pub(crate) fn remove(&mut self, source: &TopicPartition) -> Option<Arc<Inlet>> {
        let index = self
            .lanes
            .iter()
            .position(|lane| lane.inlet.source() == source)?;
        Some(self.lanes.swap_remove(index).inlet)
    }

    pub(crate) fn inlets(&self) -> impl Iterator<Item = &Arc<Inlet>> {
        self.lanes.iter().map(|lane| &lane.inlet)
    }

    /// One burst from every queue that may hold something and whose inlet has room. Whether more may
    /// wait there.
    pub(crate) fn run(&mut self, host: &dyn LaneHost, faults: &mut Vec<Fault>) -> bool {
        let mut more = false;
        for lane in &self.lanes {
            if !lane.queue.is_dirty() || !lane.inlet.accepts() {
                continue;
            }
            lane.queue.read(&mut self.burst);
            if self.burst.len() == 0 {
                continue;
            }
            let records = self.burst.iter().filter(|message| {
                let fault = message.error();
                let is_record = fault.is_none();
                faults.extend(fault.map(|(code, reason)| Fault { code, reason }));
                is_record
            });
            if lane.inlet.push(records) {
                host.ready(&lane.inlet);
            }
            self.burst.clear();
            more |= lane.queue.is_dirty();
        }
        more
    }
}
