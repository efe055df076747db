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

/// A thread's stack, its share of the allocator, and the room that models compute in.
const THREAD_BYTES: u64 = 6 * MIB;

/// The program, librdkafka's threads, TLS.
const PROCESS_BYTES: u64 = 48 * MIB;

/// Bytes, by what they depend on. None of it includes the state of features, which `state.max_bytes` bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Of each partition, idle: the lane, and what its learning models know from the start.
    pub partition_idle: u64,
    /// Of each partition while it works off a backlog: what is fetched and what waits.
    pub partition_backlog: u64,
    /// Of each thread.
    pub thread: u64,
    /// Of the process, whatever it has of both: outputs, rows kept for trials.
    pub process: u64,
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
            partition_idle: LANE_BYTES + assembly.lane(0).memory().models,
            partition_backlog: 0,
            thread: THREAD_BYTES,
            process: PROCESS_BYTES + kept + outputs(config),
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

    /// In words, for `partitions` partitions and `threads` threads.
    pub fn words(&self, partitions: u64, threads: u64) -> String {
        let idle = self.process + threads * self.thread + partitions * self.partition_idle;
        let backlog = partitions * self.partition_backlog;
        format!(
            "memory besides the state of features: about {} MiB for {partitions} partitions on {threads} \
             threads ({:.1} MiB a partition, {:.1} a thread, {} else), and up to {} MiB more while all of \
             them work off a backlog",
            idle.div_ceil(MIB),
            self.partition_idle as f64 / MIB as f64,
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
