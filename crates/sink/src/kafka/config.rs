//! The producers' librdkafka properties.

use tillwatch_kafka::{Choice, ClientConfig, KafkaError, Properties};

/// What a sink chooses where the operator does not.
const CHOICES: [Choice; 9] = [
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
    // A dead letter is as large as its record and some headers; the broker has the last word.
    Choice::new("message.max.bytes", "8388608"),
    // A topic that is missing is known to be after this time; we wait for it and say so. librdkafka's 30 s
    // of silence are for clients that give up then.
    Choice::new("topic.metadata.propagation.max.ms", "5000"),
];

/// What a client chooses that writes in transactions, over the choices of every sink.
const TRANSACTIONAL: [Choice; 2] = [
    // A transaction is open for some 100 ms. What a process leaves open that does not come back holds up
    // readers for so long, and the next owner of its partitions.
    Choice::new("transaction.timeout.ms", "10000"),
    // The interval of commits decides about latency; larger batches cost less.
    Choice::new("linger.ms", "5").also_named(&["queue.buffering.max.ms"]),
];

/// Choices that transactions do without: a record that is not delivered within the time-out of its
/// transaction is sent again in the next one.
const NOT_TRANSACTIONAL: [&str; 2] = ["message.timeout.ms", "linger.ms"];

/// What is different for the client that sends each record in a batch of its own.
const ALONE: [(&str, &str); 2] = [("batch.num.messages", "1"), ("linger.ms", "0")];

/// The configurations of both producers, for batches and for single records: defaults, then what source and
/// sink share, then the sink's own.
pub(crate) fn producers(
    own: &Properties,
    shared: &Properties,
) -> Result<[ClientConfig; 2], KafkaError> {
    let bulk = producer(own, shared)?;
    let mut alone = bulk.clone();
    for (name, value) in ALONE {
        alone.set(name, value);
    }
    Ok([bulk, alone])
}

/// The configuration of the producer for batches.
pub(crate) fn producer(own: &Properties, shared: &Properties) -> Result<ClientConfig, KafkaError> {
    ClientConfig::new(&own.over(shared), &CHOICES)
}

/// The configuration of the producer that writes in transactions as `id`.
pub(crate) fn transactional(
    own: &Properties,
    shared: &Properties,
    id: &str,
) -> Result<ClientConfig, KafkaError> {
    let common = CHOICES.into_iter();
    let common = common.filter(|choice| !NOT_TRANSACTIONAL.contains(&choice.name));
    let choices: Vec<Choice> = common.chain(TRANSACTIONAL).collect();
    let mut config = ClientConfig::new(&own.over(shared), &choices)?;
    config.set("transactional.id", id);
    Ok(config)
}
