//! Whether topics and group are there, and whether we are allowed what `run` does with them.

use tillwatch_consumer::{
    Asked, ErrorCode, Findings, Operation, Operations, Refusal, TopicFacts, TopicFindings,
};
use tillwatch_sink::Output;

use super::report::Finding;

/// Topics that are read, and their group.
pub fn input(source: &Findings, group: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = source.topics.iter().map(read).collect();
    findings.extend(unequal(&source.topics));
    findings.push(membership(&source.group, group));
    findings
}

/// Topics that are written.
pub fn outputs(topics: &[(Output, String)], found: &Findings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (output, name) in topics {
        if let Some(topic) = found.topics.iter().find(|topic| topic.name == *name) {
            findings.push(written(*output, topic));
        }
    }
    findings
}

fn read(topic: &TopicFindings) -> Finding {
    let name = &topic.name;
    let remedy = "create it, with as many partitions as lanes that should run in parallel";
    match usable(topic, Operation::Read, remedy) {
        Err(problem) => Finding::Wrong(problem),
        Ok(facts) => Finding::Fine(format!(
            "topic {name}: {} partitions{}",
            facts.partitions,
            kept(topic)
        )),
    }
}

fn written(output: Output, topic: &TopicFindings) -> Finding {
    let name = &topic.name;
    let remedy = "create it, or name another one in the sink's `topics`";
    match usable(topic, Operation::Write, remedy) {
        Err(problem) => Finding::Wrong(problem),
        Ok(facts) => Finding::Fine(format!(
            "topic {name}: {} can be written, {} partitions{}",
            output.as_str(),
            facts.partitions,
            kept(topic)
        )),
    }
}

/// The topic where it is there, is led and lets us `operation`; else what is wrong with it.
fn usable(topic: &TopicFindings, operation: Operation, remedy: &str) -> Result<TopicFacts, String> {
    let name = &topic.name;
    let facts = topic.facts.as_ref().map_err(|refusal| match refusal.code {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopic => {
            format!("topic {name} does not exist; {remedy}")
        }
        ErrorCode::TopicAuthorizationFailed => format!(
            "topic {name}: {} is not granted to us, nor DESCRIBE, so that we may not even see whether \
             it exists; grant {0} on topic {name} (it includes DESCRIBE)",
            operation.name()
        ),
        _ => format!("topic {name}: {refusal}; look at the brokers"),
    })?;
    if facts
        .operations
        .is_some_and(|allowed| !allowed.allow(operation))
    {
        return Err(format!(
            "topic {name}: {} is not granted to us; grant {0} on topic {name}",
            operation.name()
        ));
    }
    if facts.leaderless > 0 {
        return Err(format!(
            "topic {name}: {} of {} partitions have no leader; look at the brokers",
            facts.leaderless, facts.partitions
        ));
    }
    Ok(*facts)
}

/// What the topic takes and how long it keeps it, where that is known.
fn kept(topic: &TopicFindings) -> String {
    let Ok(settings) = &topic.settings else {
        return String::new();
    };
    let bytes = settings.number("max.message.bytes");
    bytes.map_or_else(String::new, |bytes| {
        format!(", records of up to {bytes} bytes")
    })
}

/// Topics with different numbers of partitions: the records of an entity would not meet.
fn unequal(topics: &[TopicFindings]) -> Option<Finding> {
    let counts: Vec<(&str, usize)> = topics
        .iter()
        .filter_map(|topic| Some((topic.name.as_str(), topic.facts.as_ref().ok()?.partitions)))
        .collect();
    let (_, first) = counts.first()?;
    if counts.iter().all(|(_, count)| count == first) {
        return None;
    }
    let named: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} has {count}"))
        .collect();
    Some(Finding::Wrong(format!(
        "the topics of [consumer] differ in their number of partitions ({}), so that the records of an \
         entity do not meet in one lane; give them the same number, with the same key and \
         partitioner",
        named.join(", ")
    )))
}

fn membership(answer: &Asked<Option<Operations>>, group: &str) -> Finding {
    match answer {
        Ok(Some(allowed)) if allowed.allow(Operation::Read) => {
            Finding::Fine(format!("consumer group {group}: can be joined"))
        }
        Ok(Some(_)) => Finding::Wrong(format!(
            "consumer group {group}: READ is not granted to us; grant READ on group {group}"
        )),
        Ok(None) => Finding::Notice(format!(
            "consumer group {group}: the broker does not say whether we may join it"
        )),
        Err(Refusal {
            code: ErrorCode::GroupAuthorizationFailed,
            ..
        }) => Finding::Wrong(format!(
            "consumer group {group}: READ is not granted to us, nor DESCRIBE; grant READ on group \
             {group} (it includes DESCRIBE)"
        )),
        Err(refusal) => Finding::Notice(format!(
            "consumer group {group}: whether we may join it is not known ({refusal})"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, facts: Asked<TopicFacts>) -> TopicFindings {
        TopicFindings {
            name: name.to_owned(),
            facts,
            settings: Err(Refusal::of(ErrorCode::TopicAuthorizationFailed)),
        }
    }

    fn facts(partitions: usize, operations: Option<&[Operation]>) -> Asked<TopicFacts> {
        Ok(TopicFacts {
            partitions,
            operations: operations.map(|all| Operations::of(all.iter().copied())),
            ..TopicFacts::default()
        })
    }

    fn problem(finding: &Finding) -> &str {
        match finding {
            Finding::Wrong(line) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_right_that_is_missing_is_named() {
        let only = |operation| facts(1, Some(&[Operation::Describe, operation]));
        assert!(
            problem(&read(&topic("t", only(Operation::Write)))).contains("grant READ on topic t")
        );
        let write = written(Output::Scores, &topic("t", only(Operation::Read)));
        assert!(problem(&write).contains("grant WRITE on topic t"));
        let unseen = || topic("t", Err(Refusal::of(ErrorCode::TopicAuthorizationFailed)));
        assert!(problem(&read(&unseen())).contains("grant READ on topic t"));
        let line = written(Output::Alerts, &unseen());
        assert!(problem(&line).contains("WRITE is not granted to us, nor DESCRIBE"));
        let missing = topic("t", Err(Refusal::of(ErrorCode::UnknownTopicOrPartition)));
        assert!(problem(&read(&missing)).contains("does not exist; create it"));
        // A broker that does not say is no problem.
        assert!(matches!(
            read(&topic("t", facts(1, None))),
            Finding::Fine(_)
        ));
    }

    #[test]
    fn the_group_needs_read() {
        let group = |answer| membership(&answer, "g");
        let of = |operations: &[Operation]| Ok(Some(Operations::of(operations.iter().copied())));
        assert!(matches!(group(of(&[Operation::Read])), Finding::Fine(_)));
        assert!(problem(&group(of(&[Operation::Describe]))).contains("grant READ on group g"));
        let refused = group(Err(Refusal::of(ErrorCode::GroupAuthorizationFailed)));
        assert!(problem(&refused).contains("grant READ on group g"));
        assert!(matches!(group(Ok(None)), Finding::Notice(_)));
        let unknown = group(Err(Refusal::of(ErrorCode::OperationTimedOut)));
        assert!(matches!(unknown, Finding::Notice(_)));
    }

    #[test]
    fn topics_that_are_read_together_have_equal_numbers_of_partitions() {
        let topics = |second| [topic("a", facts(4, None)), topic("b", facts(second, None))];
        assert_eq!(unequal(&topics(4)), None);
        let line = unequal(&topics(6)).unwrap();
        assert!(problem(&line).contains("a has 4, b has 6"), "{line:?}");
        assert_eq!(unequal(&[]), None);
    }
}
