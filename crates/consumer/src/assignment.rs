//! Which assigned partitions make a lane.

use std::collections::BTreeMap;

use tillwatch_records::TopicPartition;

/// Assigned partitions, sorted into lanes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Partitions of one number of every topic, in the order of the topics.
    pub(crate) lanes: Vec<Vec<TopicPartition>>,
    /// Partitions whose lane lacks another topic's partition of the same number.
    pub(crate) held: Vec<TopicPartition>,
}

impl Assignment {
    /// Sorts `sources`, which are partitions of `topics`.
    pub(crate) fn of(topics: &[String], sources: Vec<TopicPartition>) -> Self {
        let place =
            |source: &TopicPartition| topics.iter().position(|name| **name == *source.topic);
        let mut numbers: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for source in sources {
            numbers.entry(source.partition).or_default().push(source);
        }
        let mut assignment = Self::default();
        for mut sources in numbers.into_values() {
            sources.sort_by_key(place);
            if sources.len() == topics.len() {
                assignment.lanes.push(sources);
            } else {
                assignment.held.extend(sources);
            }
        }
        assignment
    }
}

/// Which of `topics` have no partition of the number of one of `held`: `tx/3 (without labels)`, …
pub(crate) fn lacking(topics: &[String], held: &[TopicPartition]) -> String {
    let lacks = held.iter().map(|source| {
        let is_missing = |topic: &&String| {
            let mut others = held.iter();
            !others.any(|other| other.partition == source.partition && *other.topic == ***topic)
        };
        let missing = topics.iter().filter(is_missing).map(String::as_str);
        let missing: Vec<&str> = missing.collect();
        format!("{source} (without {})", missing.join(", "))
    });
    lacks.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn sources(names: &[(&str, i32)]) -> Vec<TopicPartition> {
        names
            .iter()
            .map(|(topic, partition)| TopicPartition::new(*topic, *partition))
            .collect()
    }

    #[test]
    fn every_partition_of_one_topic_is_a_lane() {
        let topics = topics(&["tx"]);
        let assignment = Assignment::of(&topics, sources(&[("tx", 1), ("tx", 0)]));
        let lanes = vec![sources(&[("tx", 0)]), sources(&[("tx", 1)])];
        assert_eq!((assignment.lanes, assignment.held), (lanes, Vec::new()));
    }

    #[test]
    fn partitions_of_one_number_are_a_lane_in_the_order_of_the_topics() {
        let topics = topics(&["tx", "events", "labels"]);
        let given = [
            ("labels", 1),
            ("events", 0),
            ("tx", 0),
            ("events", 1),
            ("tx", 1),
            ("tx", 2),
        ];
        let assignment = Assignment::of(&topics, sources(&given));
        let complete = sources(&[("tx", 1), ("events", 1), ("labels", 1)]);
        assert_eq!(assignment.lanes, [complete]);
        let held = sources(&[("tx", 0), ("events", 0), ("tx", 2)]);
        assert_eq!(assignment.held, held);
        assert_eq!(
            lacking(&topics, &held),
            "tx/0 (without labels), events/0 (without labels), tx/2 (without events, labels)"
        );
    }
}
