//! Outputs that would be read again, of a cluster that the configuration writes in two ways.
//!
//! Addresses tell it where they are written alike: then the configuration is refused when it is read.
//! Otherwise the clusters' ids do, so brokers have to be asked. [`Rounds::found`] decides for whoever asks.

use std::fmt;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tillwatch_consumer::{ConsumerSettings, Findings, StopToken};
use tillwatch_sink::{KafkaFindings, Output, SinkSettings, Surroundings};

use crate::clock;
use crate::exit;

/// How long the clusters have for each answer. A run that was asked to stop waits as long at most.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Between two questions to brokers that refuse at once.
const PAUSE: Duration = Duration::from_secs(1);

/// An output that goes to a topic which is read from the same cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    output: Output,
    topic: String,
}

/// Whether outputs come in again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rounds {
    /// These do; none where it is empty.
    Known(Vec<Round>),
    /// A cluster that decides it does not answer.
    Unknown,
}

impl Rounds {
    /// What comes in again of what goes to `written`, where `read` is what topics are read from. Brokers that
    /// give their cluster no id are of no other's cluster.
    pub fn found(read: &Findings, written: &[KafkaFindings]) -> Self {
        let is_read = |topic: &str| read.topics.iter().any(|found| found.name == topic);
        let (mut found, mut is_unknown) = (Vec::new(), false);
        for sink in written {
            let again = sink.topics.iter().filter(|(_, topic)| is_read(topic));
            let again = again.map(|(output, topic)| Round {
                output: *output,
                topic: topic.clone(),
            });
            match (&read.cluster, &sink.findings.cluster) {
                (Ok(ours), Ok(theirs)) => {
                    let is_same = !ours.id.is_empty() && ours.id == theirs.id;
                    found.extend(again.filter(|_| is_same));
                }
                _ => is_unknown |= again.count() > 0,
            }
        }
        match found.is_empty() && is_unknown {
            true => Self::Unknown,
            false => Self::Known(found),
        }
    }
}

/// Refuses outputs that would come in again. Asks brokers only where a topic that is written is called as one
/// that is read, and then waits until they have answered, or until `stop`: whatever was read before could be
/// read again without end.
///
/// # Errors
/// [`exit::Misconfigured`] with all of them; or what no broker can answer.
pub fn refuse(
    consumer: &ConsumerSettings,
    sinks: &[SinkSettings],
    around: &Surroundings,
    stop: &StopToken,
) -> Result<()> {
    let is_called_alike = |sink: &&SinkSettings| {
        let mut topics = sink.kafka_topics().into_iter();
        topics.any(|(_, topic)| consumer.topics.contains(&topic))
    };
    let doubtful: Vec<&SinkSettings> = sinks.iter().filter(is_called_alike).collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    while !stop.is_stopped() {
        let (read, written) = ask(consumer, &doubtful, around)?;
        match Rounds::found(&read, &written) {
            Rounds::Known(found) if found.is_empty() => return Ok(()),
            Rounds::Known(found) => {
                let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
                return Err(exit::misconfigured(lines.join("; ")));
            }
            Rounds::Unknown => {
                let sides = written.iter().map(|sink| &sink.findings);
                let troubles = sides.chain([&read]).flat_map(|side| &side.troubles);
                let causes: Vec<&str> = troubles.map(|trouble| &*trouble.words).collect();
                tracing::warn!(
                    causes = causes.join("; "),
                    "no record is read yet: an output's topic is called as one that is read, and the brokers \
                     of input or outputs do not say whether both are on one cluster; asking again"
                );
                clock::wait(PAUSE);
            }
        }
    }
    Ok(())
}

/// Asks the clusters of input and outputs at the same time.
fn ask(
    consumer: &ConsumerSettings,
    sinks: &[&SinkSettings],
    around: &Surroundings,
) -> Result<(Findings, Vec<KafkaFindings>)> {
    let broken = "a question to the brokers ended with a defect; report it";
    std::thread::scope(|scope| {
        let read = scope.spawn(|| tillwatch_consumer::probe(consumer, ANSWER_TIME));
        let probe = |sink: &SinkSettings| tillwatch_sink::probe(sink, around, ANSWER_TIME);
        let asked = sinks.iter().map(|sink| scope.spawn(move || probe(sink)));
        let asked: Vec<_> = asked.collect();
        let answered: Vec<_> = asked.into_iter().map(ScopedJoinHandle::join).collect();
        let read = read.join().ok().context(broken)??;
        let mut written = Vec::new();
        for sink in answered {
            let sink = sink.ok().context(broken)?;
            written.extend(sink.map_err(exit::misconfigured)?);
        }
        Ok((read, written))
    })
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} go to topic {}, which is read from the same cluster, so that each would come in again; name \
             another topic",
            self.output.as_str(),
            self.topic
        )
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_consumer::{Asked, ClusterFacts, ErrorCode, Refusal, TopicFindings};

    use super::*;

    fn cluster(id: &str) -> Asked<ClusterFacts> {
        Ok(ClusterFacts {
            id: id.to_owned(),
            nodes: Vec::new(),
        })
    }

    fn findings(cluster: Asked<ClusterFacts>, topics: &[&str]) -> Findings {
        let unknown = || Refusal::of(ErrorCode::TopicAuthorizationFailed);
        let topics = topics.iter().map(|topic| TopicFindings {
            name: (*topic).to_owned(),
            facts: Err(unknown()),
            settings: Err(unknown()),
        });
        Findings {
            cluster,
            troubles: Vec::new(),
            topics: topics.collect(),
            group: Ok(None),
        }
    }

    fn sink(cluster: Asked<ClusterFacts>, topic: &str) -> KafkaFindings {
        KafkaFindings {
            topics: vec![(Output::Scores, topic.to_owned())],
            record_bytes_max: 0,
            findings: findings(cluster, &[topic]),
        }
    }

    #[test]
    fn an_output_of_the_same_name_and_cluster_comes_in_again() {
        let silent = || Err(Refusal::of(ErrorCode::OperationTimedOut));
        let read = |cluster| findings(cluster, &["tx", "labels"]);
        let found = |ours, theirs, topic| Rounds::found(&read(ours), &[sink(theirs, topic)]);
        let round = Rounds::Known(vec![Round {
            output: Output::Scores,
            topic: "labels".to_owned(),
        }]);
        let none = Rounds::Known(Vec::new());
        assert_eq!(found(cluster("a"), cluster("a"), "labels"), round);
        assert_eq!(found(cluster("a"), cluster("a"), "scores"), none);
        assert_eq!(found(cluster("a"), cluster("b"), "labels"), none);
        // Brokers of old do not say.
        assert_eq!(found(cluster(""), cluster(""), "labels"), none);
        assert_eq!(found(silent(), cluster("a"), "labels"), Rounds::Unknown);
        assert_eq!(found(cluster("a"), silent(), "labels"), Rounds::Unknown);
        // Nothing depends on who is silent.
        assert_eq!(found(silent(), silent(), "scores"), none);
        let both = [sink(cluster("b"), "labels"), sink(cluster("a"), "labels")];
        assert_eq!(Rounds::found(&read(cluster("a")), &both), round);
    }
}
