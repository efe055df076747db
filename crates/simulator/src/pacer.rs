//! Keeping a producer within what an embedded broker's partition can hold.

use std::collections::VecDeque;

/// Outstanding records and bytes of each partition, bounded. A record is outstanding from
/// [`Pacer::try_send`] until [`Pacer::progress`] says that it was consumed.
///
/// Pure bookkeeping: when [`Pacer::try_send`] says no, the caller reads its consumer's progress and
/// tries again. Partitions are independent, so a stalled one stops only its own records.
#[derive(Debug)]
pub struct Pacer {
    records_max: usize,
    bytes_max: usize,
    partitions: Vec<Outstanding>,
}

#[derive(Debug, Default)]
struct Outstanding {
    /// Length of every outstanding record, oldest first.
    lengths: VecDeque<u32>,
    /// Sum of `lengths`.
    bytes: usize,
    /// Offset of the oldest outstanding record, if records take every offset from 0.
    next_offset: i64,
}

/// What the broker keeps beside key and value of a record: headers, varints and its share of the
/// batch header, generously.
const OVERHEAD_BYTES: usize = 80;

impl Pacer {
    /// A pacer for partitions `0..partitions` of a new topic, each with at most `records_max` records
    /// and `bytes_max` bytes outstanding.
    pub fn new(partitions: usize, records_max: usize, bytes_max: usize) -> Self {
        Self {
            records_max,
            bytes_max,
            partitions: (0..partitions).map(|_| Outstanding::default()).collect(),
        }
    }

    /// A pacer for an [`EmbeddedBroker`](crate::broker::EmbeddedBroker): half of what a partition
    /// retains, since the broker drops whole batches and consumers' progress is known late.
    pub fn for_embedded_broker(partitions: usize) -> Self {
        Self::new(
            partitions,
            crate::broker::PARTITION_RECORDS_MAX / 2,
            crate::broker::PARTITION_BYTES_MAX / 2,
        )
    }

    /// Whether a record of `bytes` (key and value) may be sent to `partition` now; if so, it is counted.
    /// A partition without outstanding records takes any record. False for an unknown partition.
    pub fn try_send(&mut self, partition: usize, bytes: usize) -> bool {
        let bytes = bytes + OVERHEAD_BYTES;
        let Some(outstanding) = self.partitions.get_mut(partition) else {
            return false;
        };
        let full = outstanding.lengths.len() >= self.records_max
            || outstanding.bytes + bytes > self.bytes_max;
        if full && !outstanding.lengths.is_empty() {
            return false;
        }
        outstanding
            .lengths
            .push_back(u32::try_from(bytes).unwrap_or(u32::MAX));
        outstanding.bytes += bytes;
        true
    }

    /// Takes note that everything before `next_offset` of `partition` was consumed. Going back is
    /// ignored.
    pub fn progress(&mut self, partition: usize, next_offset: i64) {
        let Some(outstanding) = self.partitions.get_mut(partition) else {
            return;
        };
        while outstanding.next_offset < next_offset {
            let Some(length) = outstanding.lengths.pop_front() else {
                return;
            };
            outstanding.bytes -= length as usize;
            outstanding.next_offset += 1;
        }
    }

    /// Records sent and not yet consumed, over all partitions.
    pub fn outstanding(&self) -> usize {
        self.partitions.iter().map(|p| p.lengths.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_records_and_bytes_of_each_partition() {
        let mut pacer = Pacer::new(2, 3, 1_000);
        assert!(pacer.try_send(0, 100) && pacer.try_send(0, 100) && pacer.try_send(0, 100));
        assert!(!pacer.try_send(0, 1), "three records are the maximum");
        assert!(pacer.try_send(1, 5_000), "a lone record always goes");
        assert!(!pacer.try_send(1, 1), "its bytes are counted");
        assert!(!pacer.try_send(2, 1), "no such partition");
        pacer.progress(0, 2);
        pacer.progress(0, 1);
        assert_eq!(pacer.outstanding(), 2);
        assert!(pacer.try_send(0, 100) && pacer.try_send(0, 100) && !pacer.try_send(0, 100));
        pacer.progress(1, 1);
        assert!(pacer.try_send(1, 900) && !pacer.try_send(1, 900));
        pacer.progress(1, 99);
        assert_eq!(
            pacer.outstanding(),
            3,
            "progress beyond what was sent is bounded"
        );
    }
}
