//! The producer's librdkafka properties.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::SinkError;

/// What a sink chooses where the operator does not: (property, other names of it, value).
const DEFAULTS: &[(&str, &[&str], &str)] = &[
    // No duplicate and no reordering by retries; implies acks=all and at most five requests in flight.
    ("enable.idempotence", &[], "true"),
    // The same partition for a key as Kafka's Java client, so that topics stay co-partitioned.
    ("partitioner", &[], "murmur2_random"),
    // Retry without end: a broker that is away holds us up and loses nothing.
    ("message.timeout.ms", &["delivery.timeout.ms"], "0"),
    ("linger.ms", &["queue.buffering.max.ms"], "1"),
    ("compression.type", &["compression.codec"], "lz4"),
    // More than is under way between two answers of a broker at full speed. The bytes bound the memory,
    // which is half as much again; 64 MiB were no faster and 12 MiB larger.
    ("queue.buffering.max.messages", &[], "500000"),
    ("queue.buffering.max.kbytes", &[], "16384"),
    // A dead letter is the largest payload plus headers; the broker has the last word.
    ("message.max.bytes", &[], "2000000"),
    // Idle connections closed by the broker are nothing to report.
    ("log.connection.close", &[], "false"),
];

/// The configuration of a producer: defaults, then what source and sink share, then the sink's own.
pub(crate) fn producer(
    own: &BTreeMap<String, String>,
    shared: &BTreeMap<String, String>,
) -> Result<ClientConfig, SinkError> {
    let mut config = ClientConfig::new();
    let given = |name: &str| own.contains_key(name) || shared.contains_key(name);
    for (name, aliases, value) in DEFAULTS {
        // An alias would otherwise compete with our choice of the same property.
        if !aliases.iter().any(|alias| given(alias)) {
            config.set(*name, *value);
        }
    }
    for (name, value) in shared.iter().chain(own) {
        config.set(name, value);
    }
    let reachable = [
        "bootstrap.servers",
        "metadata.broker.list",
        "test.mock.num.brokers",
    ];
    if !reachable.into_iter().any(given) {
        return Err(SinkError::Settings {
            kind: "kafka",
            problem:
                "no broker is named; add properties = { \"bootstrap.servers\" = \"host:9092\" }"
                    .to_owned(),
        });
    }
    Ok(config)
}

/// The brokers that `config` names.
pub(crate) fn brokers(config: &ClientConfig) -> String {
    let named = config
        .get("bootstrap.servers")
        .or_else(|| config.get("metadata.broker.list"));
    named.unwrap_or_default().to_owned()
}
