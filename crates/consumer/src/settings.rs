//! What an operator may set, and what it becomes for librdkafka.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tillwatch_kafka::{Choice, ClientConfig, ClientKind, KafkaError, Properties, check_topic_name};
use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::units::{ByteSize, DurationMs};

use crate::error::ConsumerError;

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
    /// Records of one partition that may be taken and not yet acknowledged before reading pauses, besides
    /// those that the outputs hold by themselves.
    #[serde(default = "default_lane_unsettled_records_max")]
    pub lane_unsettled_records_max: usize,
    /// Records that the outputs may hold unacknowledged until more come, as a file does that is not complete.
    /// No setting: whoever knows the outputs says so. Reading does not pause for these, or it would wait for
    /// an acknowledgement that waits for more records.
    #[serde(skip)]
    pub outputs_hold_records_max: usize,
    /// How often offsets are committed. A crash repeats at most this much work.
    #[serde(default = "default_commit_interval")]
    pub commit_interval: DurationMs,
    /// How long a stop or a revocation waits for what is under way. Must stay below half of
    /// `max.poll.interval.ms`.
    #[serde(default = "default_drain_timeout")]
    pub drain_timeout: DurationMs,
    /// Where several topics are read: how long a record waits for a topic that is at its end, so that what is
    /// on its way there may come first.
    #[serde(default = "default_merge_wait")]
    pub merge_wait: DurationMs,
    /// Where several topics are read: how long records wait for a topic whose unread records do not come.
    #[serde(default = "default_merge_unread_wait")]
    pub merge_unread_wait: DurationMs,
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

/// Some more than what a producer collects for (5 ms) and two fetches: what was sent at the same time has
/// arrived by then.
fn default_merge_wait() -> DurationMs {
    DurationMs::from_ms(20)
}

/// The time in which another broker takes over a partition.
fn default_merge_unread_wait() -> DurationMs {
    DurationMs::from_ms(10_000)
}

fn default_topic_wait() -> DurationMs {
    DurationMs::from_ms(30_000)
}

/// Who gets which partition of one topic, in a group whose members decide it: only the partitions
/// that move stop, all others keep scoring during a rebalance. Where the brokers decide it
/// (`group.protocol=consumer`) this cannot be set, and only the partitions that move stop anyway.
const STRATEGY: Choice = Choice::new(STRATEGY_NAME, "cooperative-sticky");

/// Our choices where librdkafka's do not suit; an operator's value wins.
const CHOICES: [Choice; 4] = [
    // After its queue was full the client looks again this soon. Its own default of a second starves
    // a fast lane: 250,000 records/s instead of 850,000.
    Choice::new("fetch.queue.backoff.ms", "5"),
    // Prefetched bytes per partition: what keeps a lane busy during a fetch, and no more room.
    Choice::new("queued.max.messages.kbytes", "2048"),
    // A broker answers at once when there is something; this bounds how long it may hold an empty
    // request, hence how long a close can wait for it.
    Choice::new("fetch.wait.max.ms", "100"),
    // A topic that appears is seen this soon, and so is a new partition.
    Choice::new("topic.metadata.refresh.interval.ms", "30000"),
];

/// How soon a member hears of a rebalance. Two of them pass before a partition that moves is read again: this
/// is how long it is silent, where librdkafka's 3 s would be most of it. A heartbeat is one small request.
const HEARTBEAT: Choice = Choice::new("heartbeat.interval.ms", "200");

/// How long a member with a name of its own (`group.instance.id`) may be away. Whoever has a name gets its
/// partitions back at once when it is started again, so this is not the wait after a crash; it is how long
/// nobody reads them when it does not come back. Longer than brokers take to be back after a restart.
const STATIC_SESSION: Choice = Choice::new("session.timeout.ms", "180000");

/// How brokers share several topics' partitions, where they do: as [`STRATEGY_MERGED`].
const ASSIGNOR_MERGED: Choice = Choice::new(ASSIGNOR_NAME, "range");

const ASSIGNOR_NAME: &str = "group.remote.assignor";

/// How several topics' partitions are shared: one member gets all partitions of a number.
const STRATEGY_MERGED: Choice = Choice::new(STRATEGY_NAME, "range");

const STRATEGY_NAME: &str = "partition.assignment.strategy";

/// Topics that may be read at once: one per kind of record and some to spare. Each may hold back as much as
/// its queue in every lane.
const TOPICS_MAX: usize = 16;

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
        "after its events the client passes over records; remove it",
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
            outputs_hold_records_max: 0,
            commit_interval: default_commit_interval(),
            drain_timeout: default_drain_timeout(),
            merge_wait: default_merge_wait(),
            merge_unread_wait: default_merge_unread_wait(),
            topic_wait: default_topic_wait(),
            properties,
        }
    }

    /// Checks what can be checked without a broker: everything that [`crate::Consumer::new`] would refuse.
    ///
    /// # Errors
    /// The first setting or property that cannot work.
    pub fn validate(&self) -> Result<(), ConsumerError> {
        Ok(self.client_config()?.try_out(ClientKind::Consumer)?)
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
                return Err(ConsumerError::Kafka(KafkaError::Property {
                    name: name.to_owned(),
                    problem: remedy.to_owned(),
                }));
            }
        }
        let mut choices = CHOICES.to_vec();
        choices.extend(self.group_choices());
        let mut config = ClientConfig::new(&self.properties, &choices)?;
        config
            .set("group.id", &self.group)
            // `start` is a matter of what nobody has committed. Whoever stands before the log's beginning
            // goes on there, and misses no more than is gone.
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        Ok(config)
    }

    /// Our choices of how the group works. Where the brokers decide (`group.protocol=consumer`) most are
    /// theirs, and the client refuses them.
    fn group_choices(&self) -> Vec<Choice> {
        let is_merged = self.topics.len() > 1;
        if self.do_brokers_assign() {
            return is_merged.then_some(ASSIGNOR_MERGED).into_iter().collect();
        }
        let strategy = if is_merged { STRATEGY_MERGED } else { STRATEGY };
        let is_static = self.properties.get("group.instance.id").is_some();
        let mut choices = vec![HEARTBEAT, strategy];
        choices.extend(is_static.then_some(STATIC_SESSION));
        choices
    }

    fn do_brokers_assign(&self) -> bool {
        let protocol = self.properties.get("group.protocol");
        protocol.is_some_and(|name| name.trim().eq_ignore_ascii_case("consumer"))
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
        for topic in &self.topics {
            check_topic_name(topic)?;
        }
        self.check_merged()?;
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
        let poll_interval_ms = self.properties.get("max.poll.interval.ms");
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

    /// What several topics need so that their partitions can be merged.
    fn check_merged(&self) -> Result<(), ConsumerError> {
        let refuse = |setting, problem: &str| {
            Err(ConsumerError::Setting {
                setting,
                problem: problem.to_owned(),
            })
        };
        let mut seen = BTreeSet::new();
        if let Some(topic) = self.topics.iter().find(|topic| !seen.insert(*topic)) {
            return refuse("topics", &format!("names `{topic}` twice; once is enough"));
        }
        if self.topics.len() > TOPICS_MAX {
            let problem = format!("name at most {TOPICS_MAX}; read the others by another group");
            return refuse("topics", &problem);
        }
        for (setting, wait) in [
            ("merge_wait", self.merge_wait),
            ("merge_unread_wait", self.merge_unread_wait),
        ] {
            if wait.as_ms() < 0 {
                return refuse(setting, "must not be negative");
            }
        }
        if self.topics.len() == 1 {
            return Ok(());
        }
        let property = |name: &str, problem: &str| {
            Err(ConsumerError::Kafka(KafkaError::Property {
                name: name.to_owned(),
                problem: problem.to_owned(),
            }))
        };
        let is_range = |strategy: &str| strategy.trim() == STRATEGY_MERGED.value;
        for name in [STRATEGY_NAME, ASSIGNOR_NAME] {
            if !self.properties.get(name).is_none_or(is_range) {
                return property(
                    name,
                    "several topics are merged by partition number, and range alone gives one member all \
                     partitions of a number; set range or remove it",
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
