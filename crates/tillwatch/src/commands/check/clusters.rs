//! What the brokers and directories say that are read from and written to, asked all at once.

use std::thread::ScopedJoinHandle;
use std::time::Duration;

use tillwatch_consumer::{ConsumerSettings, Findings, TopicFindings};
use tillwatch_sink::{KafkaFindings, Output, SinkSettings, Surroundings};

use super::access;
use super::connection::{self, Side};
use super::limits::{self, Input, Letters, Written};
use super::report::{Finding, Report};
use crate::estimate::Extent;
use crate::rounds::Rounds;

/// What is read from and written to.
pub struct Clusters<'a> {
    consumer: Option<&'a ConsumerSettings>,
    sinks: &'a [SinkSettings],
    surroundings: Surroundings,
}

/// What was found, before it is compared.
struct Found {
    source: Option<Findings>,
    sinks: Vec<KafkaFindings>,
}

impl<'a> Clusters<'a> {
    /// The clients of `consumer` and `sinks`, none of which is refused before it asks.
    pub fn new(
        consumer: Option<&'a ConsumerSettings>,
        sinks: &'a [SinkSettings],
        surroundings: Surroundings,
    ) -> Self {
        Self {
            consumer,
            sinks,
            surroundings,
        }
    }

    /// Asks them all, waiting at most `timeout`, and says what is found. Gives how much there is
    /// to read, where the brokers say so.
    pub fn ask(&self, timeout: Duration, report: &mut Report) -> Option<Extent> {
        let found = self.found(timeout, report);
        for finding in connection::findings(&found.sides(), timeout) {
            report.say(&finding);
        }
        let mut findings = Vec::new();
        if let Some(source) = found
            .source
            .as_ref()
            .filter(|source| source.cluster.is_ok())
        {
            let group = self.consumer.map(|consumer| consumer.group.as_str());
            findings.extend(access::input(source, group.unwrap_or_default()));
        }
        for sink in found.reached() {
            findings.extend(access::outputs(&sink.topics, &sink.findings));
        }
        findings.extend(found.rounds());
        findings.extend(self.apart(&found));
        findings.extend(self.limits(&found));
        for finding in &findings {
            report.say(finding);
        }
        found.extent()
    }

    /// Outputs in transactions on another cluster than the input, whose offsets these cannot hold.
    fn apart(&self, found: &Found) -> Option<Finding> {
        self.sinks.iter().find(|sink| sink.is_exactly_once())?;
        let read = found.source.as_ref()?.cluster.as_ref().ok()?;
        let written = found.sinks.first()?.findings.cluster.as_ref().ok()?;
        let differ = !read.id.is_empty() && !written.id.is_empty() && read.id != written.id;
        differ.then(|| {
            Finding::Wrong(format!(
                "[consumer] reads from cluster {} and [sink] writes to cluster {}: delivery = \
                 \"exactly_once\" needs both on one; write at least once",
                read.id, written.id
            ))
        })
    }

    /// Asks each on a thread of its own, so that all together take no longer than one.
    fn found(&self, timeout: Duration, report: &mut Report) -> Found {
        let (source, sinks) = std::thread::scope(|scope| {
            let source = self
                .consumer
                .map(|consumer| scope.spawn(move || tillwatch_consumer::probe(consumer, timeout)));
            let probe = |sink| {
                scope.spawn(move || tillwatch_sink::probe(sink, &self.surroundings, timeout))
            };
            let sinks: Vec<_> = self.sinks.iter().map(probe).collect();
            let source = source.map(ScopedJoinHandle::join);
            (
                source,
                sinks
                    .into_iter()
                    .map(ScopedJoinHandle::join)
                    .collect::<Vec<_>>(),
            )
        });
        // A thread that panicked has said so itself.
        let broken = "a question to the brokers ended with a defect; report it";
        let mut found = Found {
            source: None,
            sinks: Vec::new(),
        };
        match source {
            Some(Ok(Ok(findings))) => found.source = Some(findings),
            Some(Ok(Err(error))) => report.wrong(&error.to_string()),
            Some(Err(_)) => report.wrong(broken),
            None => {}
        }
        for (sink, settings) in sinks.into_iter().zip(self.sinks) {
            match sink {
                Ok(Ok(Some(findings))) => found.sinks.push(findings),
                Ok(Ok(None)) => {
                    report.fine(&format!("sink {}: can be written", settings.kind.as_str()));
                }
                Ok(Err(error)) => report.wrong(&error.to_string()),
                Err(_) => report.wrong(broken),
            }
        }
        found
    }

    fn limits(&self, found: &Found) -> Vec<Finding> {
        let receive = self.consumer.and_then(|consumer| {
            let value = consumer.properties.get("receive.message.max.bytes")?;
            value.parse().ok()
        });
        let inputs: Vec<Input<'_>> = found
            .source
            .iter()
            .flat_map(|source| &source.topics)
            .filter_map(|topic| Input::of(topic, receive))
            .collect();
        let outputs: Vec<Written<'_>> = found.outputs().filter_map(Written::of).collect();
        let letters = found.sinks.iter().find_map(|sink| {
            let (_, name) = sink
                .topics
                .iter()
                .find(|(output, _)| *output == Output::DeadLetters)?;
            let topic = sink
                .findings
                .topics
                .iter()
                .find(|topic| topic.name == *name)?;
            Letters::of(topic, sink.record_bytes_max)
        });
        let unknown: Vec<&TopicFindings> = found
            .all_topics()
            .filter(|topic| topic.facts.is_ok() && topic.settings.is_err())
            .collect();
        limits::findings(&inputs, &outputs, letters.as_ref(), &unknown)
    }
}

impl Found {
    fn sides(&self) -> Vec<Side<'_>> {
        let source = self.source.iter().map(|findings| Side {
            name: "[consumer]",
            findings,
        });
        let sinks = self.sinks.iter().map(|sink| Side {
            name: "[sink]",
            findings: &sink.findings,
        });
        source.chain(sinks).collect()
    }

    fn reached(&self) -> impl Iterator<Item = &KafkaFindings> {
        let sinks = self.sinks.iter();
        sinks.filter(|sink| sink.findings.cluster.is_ok())
    }

    fn outputs(&self) -> impl Iterator<Item = (Output, &TopicFindings)> {
        self.sinks.iter().flat_map(|sink| {
            sink.topics.iter().filter_map(|(output, name)| {
                let found = sink
                    .findings
                    .topics
                    .iter()
                    .find(|topic| topic.name == *name);
                Some((*output, found?))
            })
        })
    }

    /// What there is to read, where the brokers say so.
    fn extent(&self) -> Option<Extent> {
        let topics = self.source.iter().flat_map(|source| &source.topics);
        let known = topics.filter_map(|topic| topic.facts.as_ref().ok());
        Extent::of(known.map(|facts| facts.partitions))
    }

    fn all_topics(&self) -> impl Iterator<Item = &TopicFindings> {
        let source = self.source.iter().flat_map(|source| &source.topics);
        source.chain(self.outputs().map(|(_, topic)| topic))
    }

    /// Outputs that are read again, of a cluster that the configuration writes in two ways.
    fn rounds(&self) -> Vec<Finding> {
        let source = self.source.as_ref();
        match source.map(|source| Rounds::found(source, &self.sinks)) {
            Some(Rounds::Known(found)) => {
                let lines = found.iter().map(ToString::to_string);
                lines.map(Finding::Wrong).collect()
            }
            // Who does not answer is told anyway.
            Some(Rounds::Unknown) | None => Vec::new(),
        }
    }
}
