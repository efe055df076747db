//! Topics that consumer and sinks must not share.

use std::collections::BTreeSet;

use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_sink::{Output, SinksSettings};

/// Refuses an output that goes to a topic which is read, since each record would come round again, and
/// two sinks that write to one topic. Topics of different clusters may be called the same.
pub fn check(
    consumer: Option<&ConsumerSettings>,
    sinks: &SinksSettings,
    shared: &Properties,
) -> Result<(), (&'static str, String)> {
    let mut taken: Vec<(BTreeSet<String>, Output, String)> = Vec::new();
    for sink in &sinks.0 {
        let cluster = brokers(&sink.properties.over(shared));
        for (output, topic) in sink.kafka_topics() {
            let is_read = consumer.is_some_and(|consumer| {
                consumer.topics.contains(&topic)
                    && !cluster.is_disjoint(&brokers(&consumer.properties.over(shared)))
            });
            if is_read {
                let reason = format!(
                    "{} go to `{topic}`, which [consumer] topics reads, so that each would come in \
                     again; name another topic",
                    output.as_str()
                );
                return Err(("[sink] topics", reason));
            }
            let other = taken
                .iter()
                .find(|(others, _, name)| *name == topic && !others.is_disjoint(&cluster));
            if let Some((_, other, _)) = other {
                let reason = format!(
                    "{} of one sink and {} of another both go to `{topic}`; name a topic for each, or \
                     take one out of its sink's `outputs`",
                    other.as_str(),
                    output.as_str()
                );
                return Err(("[sink] topics", reason));
            }
        }
        let topics = sink.kafka_topics().into_iter();
        taken.extend(topics.map(|(output, topic)| (cluster.clone(), output, topic)));
    }
    Ok(())
}

/// The addresses that `properties` name, each as `host:port`.
pub(super) fn brokers(properties: &Properties) -> BTreeSet<String> {
    let addresses = properties.brokers().split(',').map(str::trim);
    let addresses = addresses
        .filter(|address| !address.is_empty())
        .map(|address| {
            let address = address
                .split_once("://")
                .map_or(address, |(_, address)| address);
            let has_port = address
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let port = if has_port { "" } else { ":9092" };
            format!("{}{port}", address.to_lowercase())
        });
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use tillwatch_sink::{SinkKind, SinkSettings, Topics};

    use super::*;

    fn consumer(topics: &[&str], properties: &[(&str, &str)]) -> ConsumerSettings {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        ConsumerSettings::new(topics, "g", Properties::of(properties.iter().copied()))
    }

    fn sink(scores: &str, outputs: &[Output], properties: &[(&str, &str)]) -> SinkSettings {
        let mut sink = SinkSettings::new(SinkKind::Kafka);
        sink.outputs = outputs.to_vec();
        sink.topics = Some(Topics {
            scores: scores.to_owned(),
            ..Topics::default()
        });
        sink.properties = Properties::of(properties.iter().copied());
        sink
    }

    #[test]
    fn an_output_that_is_an_input_is_refused_on_the_same_cluster() {
        let shared = Properties::of([("bootstrap.servers", "k1:9092, k2:9092")]);
        let reads = consumer(&["a", "scores"], &[]);
        let checked = |sink: SinkSettings| check(Some(&reads), &SinksSettings(vec![sink]), &shared);
        let all = Output::all();
        let (table, reason) = checked(sink("scores", &all, &[])).unwrap_err();
        assert_eq!(table, "[sink] topics");
        assert!(reason.starts_with("scores go to `scores`"), "{reason}");
        // Another list of the same cluster, with another way to write an address.
        let same = [("bootstrap.servers", "SASL_SSL://K2")];
        assert!(checked(sink("scores", &all, &same)).is_err());
        // A copy in another cluster may be called the same.
        let other = [("bootstrap.servers", "elsewhere:9092")];
        assert!(checked(sink("scores", &all, &other)).is_ok());
        // What the sink does not take goes nowhere.
        assert!(checked(sink("scores", &[Output::Alerts], &[])).is_ok());
        assert!(checked(sink("other", &all, &[])).is_ok());
    }

    #[test]
    fn two_sinks_do_not_share_a_topic() {
        let shared = Properties::of([("bootstrap.servers", "k:9092")]);
        let two = |second: SinkSettings| {
            let first = sink("scores", &[Output::Scores], &[]);
            check(None, &SinksSettings(vec![first, second]), &shared)
        };
        let (_, reason) = two(sink("scores", &[Output::Scores], &[])).unwrap_err();
        assert!(reason.contains("both go to `scores`"), "{reason}");
        assert!(two(sink("others", &[Output::Scores], &[])).is_ok());
        assert!(two(sink("scores", &[Output::Alerts], &[])).is_ok());
    }
}
