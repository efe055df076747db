//! The producer's librdkafka properties.

use tillwatch_kafka::{Choice, ClientConfig, KafkaError, Properties};

/// What a sink chooses where the operator does not.
const CHOICES: [Choice; 8] = [
    // No duplicate and no reordering by retries; implies acks=all and at most five requests in flight.
    Choice::new("enable.idempotence", "true"),
    // The same partition for a key as Kafka's Java client, so that topics stay co-partitioned.
    Choice::new("partitioner", "murmur2_random"),
    // Retry without end: a broker that is away holds us up and loses nothing.
    Choice::new("message.timeout.ms", "0").also_named(&["delivery.timeout.ms"]),
    Choice::new("linger.ms", "1").also_named(&["queue.buffering.max.ms"]),
    Choice::new("compression.type", "lz4").also_named(&["compression.codec"]),
    // More than is under way between two answers of a broker at full speed. The bytes bound their room,
    // which is half as much again; 64 MiB were no faster and 12 MiB larger.
    Choice::new("queue.buffering.max.messages", "500000"),
    Choice::new("queue.buffering.max.kbytes", "16384"),
    // A dead letter is the largest payload plus headers; the broker has the last word.
    Choice::new("message.max.bytes", "2000000"),
];

/// The configuration of a producer: defaults, then what source and sink share, then the sink's own.
pub(crate) fn producer(own: &Properties, shared: &Properties) -> Result<ClientConfig, KafkaError> {
    ClientConfig::new(&own.over(shared), &CHOICES)
}
