//! What an operator may set, and what it becomes for librdkafka.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use serde::Deserialize;
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::units::{ByteSize, DurationMs};

use crate::ConsumerError;

/// How records are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSettings {
    /// Topics to read, all of them keyed by the entity.
    pub topics: Vec<String>,
    /// Consumer group: instances with the same one share the partitions.
    pub group: String,
    /// Where to begin in a partition that the group has never committed.
    #[serde(default)]
    pub start: Start,
    /// Most records in one batch; at most [`BATCH_RECORDS_MAX`].
    #[serde(default = "default_batch_records_max")]
    pub batch_records_max: usize,
    /// Records of one partition that may wait for its lane before reading from it pauses.
    #[serde(default = "default_lane_queue_records_max")]
    pub lane_queue_records_max: usize,
    /// Bytes of one partition that may wait for its lane before reading from it pauses.
    #[serde(default = "default_lane_queue_bytes_max")]
    pub lane_queue_bytes_max: ByteSize,
    /// Records of one partition that may be taken and not yet acknowledged before reading pauses.
    #[serde(default = "default_lane_unsettled_records_max")]
    pub lane_unsettled_records_max: usize,
    /// How often offsets are committed. A crash repeats at most this much work.
    #[serde(default = "default_commit_interval")]
    pub commit_interval: DurationMs,
    /// How long a stop or a revocation waits for what is under way. Must stay below half of
    /// `max.poll.interval.ms`.
    #[serde(default = "default_drain_timeout")]
    pub drain_timeout: DurationMs,
    /// How long a topic may be missing before that is an error: time for somebody to create it.
    #[serde(default = "default_topic_wait")]
    pub topic_wait: DurationMs,
    /// librdkafka properties, passed through; `bootstrap.servers` is required.
    #[serde(default)]
    pub properties: Properties,
}

/// Where to begin without a committed offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At the first record that the broker still holds, so that nothing is skipped silently.
    #[default]
    Earliest,
    /// At whatever comes next.
    Latest,
}

/// librdkafka properties by name. Debug output hides secrets.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Value>")]
pub struct Properties(pub BTreeMap<String, String>);

/// A property as TOML may write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Flag(bool),
    Whole(i64),
    Real(f64),
}

/// Enough to spread fixed costs thin. Eight times as many took 100 MB more at full load.
fn default_batch_records_max() -> usize {
    1024
}

/// Twice as much (and twice the bytes below) gave up to a tenth more throughput at full load, for 10
/// to 20 MB.
fn default_lane_queue_records_max() -> usize {
    4 * default_batch_records_max()
}

fn default_lane_queue_bytes_max() -> ByteSize {
    ByteSize(2 * 1024 * 1024)
}

fn default_lane_unsettled_records_max() -> usize {
    16 * default_batch_records_max()
}

fn default_commit_interval() -> DurationMs {
    DurationMs::from_ms(1_000)
}

fn default_drain_timeout() -> DurationMs {
    DurationMs::from_ms(10_000)
}

fn default_topic_wait() -> DurationMs {
    DurationMs::from_ms(30_000)
}

/// Our defaults where librdkafka's do not suit; an operator's value wins.
const DEFAULTS: [(&str, &str); 7] = [
    // Only the partitions that move stop; all others keep scoring during a rebalance.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // After its queue was full the client looks again this soon. Its own default of a second starves
    // a fast lane: 250,000 records/s instead of 850,000.
    ("fetch.queue.backoff.ms", "5"),
    // Prefetched bytes per partition: what keeps a lane busy during a fetch, and no more memory.
    ("queued.max.messages.kbytes", "2048"),
    // A broker answers at once when there is something; this bounds how long it may hold an empty
    // request, hence how long a close can wait for it.
    ("fetch.wait.max.ms", "100"),
    // After an outage the client is back within this time rather than librdkafka's 10 s.
    ("reconnect.backoff.max.ms", "2000"),
    // A topic that appears is seen this soon, and so is a new partition.
    ("topic.metadata.refresh.interval.ms", "30000"),
    ("client.id", "tillwatch"),
];

/// Properties that are ours to set, with what to do instead.
const RESERVED: [(&str, &str); 5] = [
    (
        "enable.auto.commit",
        "offsets are committed after delivery only; remove it",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed after delivery only; remove it",
    ),
    ("group.id", "set `group` instead"),
    ("auto.offset.reset", "set `start` instead"),
    (
        "enable.partition.eof",
        "nothing reads these events; remove it",
    ),
];

/// librdkafka's own default for `max.poll.interval.ms`.
const MAX_POLL_INTERVAL_MS: i64 = 300_000;

impl ConsumerSettings {
    /// Settings for `topics` in `group` with every default.
    pub fn new(topics: Vec<String>, group: impl Into<String>, properties: Properties) -> Self {
        Self {
            topics,
            group: group.into(),
            start: Start::default(),
            batch_records_max: default_batch_records_max(),
            lane_queue_records_max: default_lane_queue_records_max(),
            lane_queue_bytes_max: default_lane_queue_bytes_max(),
            lane_unsettled_records_max: default_lane_unsettled_records_max(),
            commit_interval: default_commit_interval(),
            drain_timeout: default_drain_timeout(),
            topic_wait: default_topic_wait(),
            properties,
        }
    }

    /// Checks what can be checked without a broker.
    ///
    /// # Errors
    /// The first setting or property that cannot work.
    pub fn validate(&self) -> Result<(), ConsumerError> {
        self.client_config().map(|_| ())
    }

    pub(crate) fn lane_queue_bytes(&self) -> usize {
        usize::try_from(self.lane_queue_bytes_max.0).unwrap_or(usize::MAX)
    }

    pub(crate) fn commit_interval(&self) -> Duration {
        self.commit_interval.as_std()
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        self.drain_timeout.as_std()
    }

    pub(crate) fn topic_wait(&self) -> Duration {
        self.topic_wait.as_std()
    }

    /// The client's configuration, every property accepted by librdkafka.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, ConsumerError> {
        self.check()?;
        for (name, remedy) in RESERVED {
            if self.properties.0.contains_key(name) {
                return Err(ConsumerError::Property {
                    name: name.to_owned(),
                    problem: remedy.to_owned(),
                });
            }
        }
        let mut config = self.properties.client_config()?;
        for (name, value) in DEFAULTS {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let start = match self.start {
            Start::Earliest => "earliest",
            Start::Latest => "latest",
        };
        config
            .set("group.id", &self.group)
            .set("auto.offset.reset", start)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        Ok(config)
    }

    fn check(&self) -> Result<(), ConsumerError> {
        let refuse = |setting, problem: &str| {
            Err(ConsumerError::Setting {
                setting,
                problem: problem.to_owned(),
            })
        };
        if self.topics.is_empty() || self.topics.iter().any(String::is_empty) {
            return refuse("topics", "name at least one topic, none empty");
        }
        if self.topics.iter().any(|topic| topic.starts_with('^')) {
            return refuse("topics", "patterns are not supported; name every topic");
        }
        if self.group.is_empty() {
            return refuse("group", "is empty; name the consumer group");
        }
        if !(1..=BATCH_RECORDS_MAX).contains(&self.batch_records_max) {
            return refuse(
                "batch_records_max",
                &format!("must be 1 to {BATCH_RECORDS_MAX}"),
            );
        }
        for (setting, value) in [
            ("lane_queue_records_max", self.lane_queue_records_max),
            ("lane_queue_bytes_max", self.lane_queue_bytes()),
            (
                "lane_unsettled_records_max",
                self.lane_unsettled_records_max,
            ),
        ] {
            // Half of it must be reachable, or a pause would never end.
            if value < 2 {
                return refuse(setting, "must be at least 2");
            }
        }
        if self.commit_interval.as_ms() <= 0 {
            return refuse("commit_interval", "must be at least 1ms");
        }
        let poll_interval_ms = self.properties.0.get("max.poll.interval.ms");
        let poll_interval_ms = poll_interval_ms
            .and_then(|value| value.parse().ok())
            .unwrap_or(MAX_POLL_INTERVAL_MS);
        if self.drain_timeout.as_ms().saturating_mul(2) > poll_interval_ms {
            return refuse(
                "drain_timeout",
                "must be at most half of max.poll.interval.ms, or draining would cost the membership",
            );
        }
        Ok(())
    }
}

impl Properties {
    /// Properties from (name, value) pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.into_iter().map(owned).collect())
    }

    /// A client configuration of these properties alone, each one accepted by librdkafka.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, ConsumerError> {
        let addressed = ["bootstrap.servers", "metadata.broker.list"];
        if !addressed.iter().any(|name| self.0.contains_key(*name))
            && !self.0.contains_key("test.mock.num.brokers")
        {
            return Err(ConsumerError::Property {
                name: "bootstrap.servers".to_owned(),
                problem: "is missing; give the brokers as host:port, comma-separated".to_owned(),
            });
        }
        let mut config = ClientConfig::new();
        for (name, value) in &self.0 {
            config.set(name, value);
        }
        // Details go to our own log, which decides what is said.
        config.set_log_level(RDKafkaLogLevel::Info);
        match config.create_native_config() {
            Ok(_) => Ok(config),
            Err(KafkaError::ClientConfig(_, problem, name, _)) => Err(ConsumerError::Property {
                // librdkafka's words repeat the value.
                problem: if is_secret(&name) {
                    "librdkafka does not accept the value".to_owned()
                } else {
                    problem
                },
                name,
            }),
            Err(error) => Err(ConsumerError::Client(error.to_string())),
        }
    }

    /// `bootstrap.servers`, for messages.
    pub(crate) fn brokers(&self) -> String {
        let named = self.0.get("bootstrap.servers");
        named.map_or_else(|| "(no address)".to_owned(), String::clone)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| {
            let value = if is_secret(name) { "(hidden)" } else { value };
            (name, value)
        });
        f.debug_map().entries(shown).finish()
    }
}

impl From<BTreeMap<String, Value>> for Properties {
    fn from(values: BTreeMap<String, Value>) -> Self {
        let text = |value| match value {
            Value::Text(text) => text,
            Value::Flag(flag) => flag.to_string(),
            Value::Whole(whole) => whole.to_string(),
            Value::Real(real) => real.to_string(),
        };
        Self(
            values
                .into_iter()
                .map(|(name, value)| (name, text(value)))
                .collect(),
        )
    }
}

/// Whether a property's value must not be shown.
fn is_secret(name: &str) -> bool {
    ["password", "secret", "pem", "token", "oauthbearer.config"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests;
