//! What a configuration takes of memory, before anything runs.

use tillwatch_engine::{Assembly, LANE_BYTES};
use tillwatch_scoring::RECENT_BYTES;
use tillwatch_sink::SinkKind;

use crate::config::Config;

const MIB: u64 = 1024 * 1024;

/// A message that librdkafka has fetched, besides its bytes.
const FETCHED_MESSAGE_BYTES: u64 = 400;

/// What librdkafka prefetches of a partition where the configuration does not say: our own choice.
const PREFETCH_KIB: u64 = 2048;

/// What a producer may hold where the configuration does not say, our own choice, and how much more than the
/// bytes of its records that takes.
const PRODUCER_KIB: u64 = 16_384;

/// Encoded rows of a Parquet file that are not written yet, and what waits to be encoded.
const PARQUET_BYTES: u64 = 96 * MIB;

/// A lane's thread has so much besides its workspace: its stack, and pages that the allocator keeps for it.
pub const THREAD_BYTES: u64 = 6 * MIB;

/// What the other threads, librdkafka's among them, keep in the same way once records flow.
pub const OTHER_THREADS_BYTES: u64 = 16 * MIB;

/// The program with what it has loaded, TLS.
const PROGRAM_BYTES: u64 = 32 * MIB;

/// Bytes, by what they depend on. None of it includes the state of features, which `state.max_bytes` bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Of each lane, idle: the lane, and what its learning models know from the start.
    pub lane: u64,
    /// Of each partition while its lane works off a backlog: what is fetched and what waits.
    pub partition_backlog: u64,
    /// Of each thread.
    pub thread: u64,
    /// Of the process, whatever it has of both: outputs, rows kept for trials.
    pub process: u64,
}

/// How much there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Partitions of all topics.
    pub partitions: u64,
    /// Partitions of one number share a lane, so these are as many as the largest topic has partitions.
    pub lanes: u64,
}

impl Extent {
    /// One partition: of each there is as much.
    pub const ONE: Self = Self {
        partitions: 1,
        lanes: 1,
    };

    /// Of topics with so many partitions each; `None` when there are none.
    pub fn of(topics: impl IntoIterator<Item = usize>) -> Option<Self> {
        let none = Self {
            partitions: 0,
            lanes: 0,
        };
        let all = topics.into_iter().fold(none, |so_far, partitions| Self {
            partitions: so_far.partitions + partitions as u64,
            lanes: so_far.lanes.max(partitions as u64),
        });
        (all != none).then_some(all)
    }
}

impl Estimate {
    /// For lanes of `assembly`.
    pub fn of(config: &Config, assembly: &Assembly) -> Self {
        let columns = assembly.columns().len() + assembly.own_columns().len();
        let features = assembly.stages();
        let features: usize = features
            .map(|stage| stage.plan.feature_names().count())
            .sum();
        let kept = if config.models.backtest_rows == 0 {
            0
        } else {
            RECENT_BYTES as u64
        };
        let mut estimate = Self {
            lane: LANE_BYTES + assembly.lane(0).memory().models,
            partition_backlog: 0,
            thread: THREAD_BYTES,
            process: PROGRAM_BYTES + OTHER_THREADS_BYTES + kept + outputs(config),
        };
        if let Some(consumer) = &config.consumer {
            let records = consumer.batch_records_max as u64;
            // A batch on its way: what is decoded, the features, what models are given of both.
            estimate.thread += records * (2 * columns + 3 * features) as u64 * 8;
            let prefetched = consumer.properties.get("queued.max.messages.kbytes");
            let prefetched = prefetched.and_then(|value| value.parse().ok());
            let prefetched: u64 = prefetched.unwrap_or(PREFETCH_KIB) * 1024;
            let waiting = consumer.lane_queue_bytes_max.0;
            let messages = consumer.lane_queue_records_max as u64 * FETCHED_MESSAGE_BYTES;
            estimate.partition_backlog = prefetched + waiting + messages;
        }
        estimate
    }

    /// In words, for `threads` threads.
    pub fn words(&self, extent: Extent, threads: u64) -> String {
        let Extent { lanes, partitions } = extent;
        let idle = self.process + threads * self.thread + lanes * self.lane;
        let backlog = partitions * self.partition_backlog;
        format!(
            "memory besides the state of features: about {} MiB for {lanes} lanes of {partitions} partitions \
             on {threads} threads ({:.1} MiB a lane, {:.1} a thread, {} else), and up to {} MiB more while \
             all of them work off a backlog",
            idle.div_ceil(MIB),
            self.lane as f64 / MIB as f64,
            self.thread as f64 / MIB as f64,
            self.process.div_ceil(MIB),
            backlog.div_ceil(MIB)
        )
    }
}

/// What outputs may hold.
fn outputs(config: &Config) -> u64 {
    let sinks = config.sink.iter().flat_map(|sinks| &sinks.0);
    let each = sinks.map(|sink| match sink.kind {
        SinkKind::Kafka => {
            let kib = sink.properties.get("queue.buffering.max.kbytes");
            let kib = kib.and_then(|value| value.parse().ok());
            kib.unwrap_or(PRODUCER_KIB) * 1024 * 3 / 2
        }
        SinkKind::Parquet => PARQUET_BYTES,
        SinkKind::Jsonl | SinkKind::Stdout => 16 * MIB,
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_one_number_share_a_lane() {
        let three = Extent::of([200, 200, 200]);
        assert_eq!(
            three,
            Some(Extent {
                partitions: 600,
                lanes: 200
            })
        );
        assert_eq!(Extent::of([1]), Some(Extent::ONE));
        assert_eq!(Extent::of([]), None);
        let estimate = Estimate {
            lane: MIB,
            partition_backlog: 2 * MIB,
            thread: 0,
            process: 0,
        };
        let words = estimate.words(three.unwrap_or(Extent::ONE), 2);
        assert!(
            words.contains("about 200 MiB for 200 lanes of 600 partitions"),
            "{words}"
        );
        assert!(words.contains("up to 1200 MiB more"), "{words}");
    }
}
