//! Whether a sink could write, before it does.

use std::time::Duration;

use tillwatch_kafka::{
    ClientConfig, ClientKind, Findings, KafkaError, Question, ask, check_topic_name,
};

use super::config;
use crate::{Output, SinkError, SinkSettings, Surroundings};

/// What the cluster says of the topics of a sink.
#[derive(Debug, Clone)]
pub struct KafkaFindings {
    /// What the sink takes, each with the topic that it goes to.
    pub topics: Vec<(Output, String)>,
    /// Bytes of the largest record that the client sends: key, value and headers, before compression.
    pub record_bytes_max: u64,
    /// What the brokers say.
    pub findings: Findings,
}

/// Refuses what could not work, without asking a broker. A client is made of the properties and ended.
pub(crate) fn check(settings: &SinkSettings, around: &Surroundings) -> Result<(), SinkError> {
    let topics = settings.kafka_topics();
    for (index, (output, topic)) in topics.iter().enumerate() {
        check_topic_name(topic)?;
        let same = topics[..index].iter().find(|(_, other)| other == topic);
        if let Some((other, _)) = same {
            return Err(SinkError::Settings {
                kind: settings.kind.as_str(),
                problem: format!(
                    "{} and {} both go to topic `{topic}`, where no reader can tell them apart; name a \
                     topic for each in `topics`",
                    other.as_str(),
                    output.as_str()
                ),
            });
        }
    }
    let config = match settings.is_exactly_once() {
        true => {
            let id = settings.transactional_id(around)?;
            config::transactional(&settings.properties, &around.properties, &id)?
        }
        false => config::producer(&settings.properties, &around.properties)?,
    };
    check_room(&config)?;
    Ok(config.try_out(ClientKind::Producer)?)
}

/// Asks the cluster about the topics that `settings` writes to, waiting at most `timeout` in all.
pub(crate) fn probe(
    settings: &SinkSettings,
    around: &Surroundings,
    timeout: Duration,
) -> Result<KafkaFindings, SinkError> {
    let config = config::producer(&settings.properties, &around.properties)?;
    let topics = settings.kafka_topics();
    let question = Question {
        topics: topics.iter().map(|(_, topic)| topic.clone()).collect(),
        group: None,
        timeout,
    };
    Ok(KafkaFindings {
        topics,
        record_bytes_max: number(&config, RECORD_BYTES).unwrap_or_default(),
        findings: ask(&config, &question)?,
    })
}

const RECORD_BYTES: &str = "message.max.bytes";
const QUEUE_KBYTES: &str = "queue.buffering.max.kbytes";

/// A record that is larger than the whole queue never finds room in it, and its partition waits without end.
fn check_room(config: &ClientConfig) -> Result<(), KafkaError> {
    let (record, queue) = (number(config, RECORD_BYTES), number(config, QUEUE_KBYTES));
    match record.zip(queue) {
        Some((record, queue)) if record > queue.saturating_mul(1024) => Err(KafkaError::Property {
            name: QUEUE_KBYTES.to_owned(),
            problem: format!(
                "{queue} KiB have no room for a record of {RECORD_BYTES}, {record} bytes, which would \
                 wait for ever; make it at least {}",
                record.div_ceil(1024)
            ),
        }),
        _ => Ok(()),
    }
}

fn number(config: &ClientConfig, name: &str) -> Option<u64> {
    config.get(name)?.parse().ok()
}
