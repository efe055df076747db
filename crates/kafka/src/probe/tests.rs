use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::Cluster;
use crate::properties::Properties;

const LONG: Duration = Duration::from_secs(20);
/// The port of a service that nobody runs, below those that are handed out to whoever asks for any.
const NOBODY: &str = "127.0.0.1:1";

fn asked(properties: &[(&str, &str)], topics: &[&str], timeout: Duration) -> Findings {
    let properties = Properties::of(properties.iter().copied());
    let config = ClientConfig::new(&properties, &[]).unwrap();
    let question = Question {
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        group: None,
        timeout,
    };
    ask(&config, &question).unwrap()
}

#[test]
fn topics_that_exist_are_told_from_those_that_do_not() {
    let cluster = Cluster::start(2, &[("here", 3)]).unwrap();
    let servers = [("bootstrap.servers", cluster.brokers())];
    for _ in 0..2 {
        // The embedded broker knows no question for settings, so that one has no answer.
        let answer = asked(&servers, &["here", "absent", "here"], LONG);
        assert_eq!(answer.cluster.as_ref().unwrap().nodes.len(), 2);
        assert!(answer.troubles.is_empty(), "{:?}", answer.troubles);
        let [here, absent] = &answer.topics[..] else {
            panic!("{:?}", answer.topics);
        };
        let facts = here.facts.as_ref().unwrap();
        assert_eq!((facts.partitions, facts.leaderless), (3, 0));
        assert_eq!((facts.replicas_min, facts.in_sync_min), (1, 1));
        assert!(here.settings.is_err());
        // Asking did not make it.
        let code = absent.facts.as_ref().unwrap_err().code;
        assert_eq!(code, ErrorCode::UnknownTopicOrPartition);
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_named_within_the_time() {
    let started = now();
    let answer = asked(
        &[("bootstrap.servers", NOBODY)],
        &["t"],
        Duration::from_secs(2),
    );
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(answer.cluster.is_err() && answer.topics[0].facts.is_err());
    let [trouble] = &answer.troubles[..] else {
        panic!("{:?}", answer.troubles);
    };
    assert_eq!(trouble.brokers, [NOBODY]);
    assert!(trouble.words.contains("Connection refused"), "{trouble:?}");
}

#[test]
fn a_broker_that_takes_the_connection_and_says_nothing_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let answer = asked(
        &[("bootstrap.servers", &address)],
        &["t"],
        Duration::from_secs(2),
    );
    assert!(
        answer.troubles[0].words.contains("timed out"),
        "{:?}",
        answer.troubles
    );
}

#[test]
fn a_name_that_does_not_exist_is_named() {
    let servers = [("bootstrap.servers", "no-such-host.invalid:9092")];
    let answer = asked(&servers, &["t"], Duration::from_secs(2));
    let trouble = &answer.troubles[0];
    assert_eq!(trouble.code, ErrorCode::Resolve, "{trouble:?}");
    assert!(
        trouble.words.contains("no-such-host.invalid"),
        "{trouble:?}"
    );
    assert!(trouble.advice().contains("bootstrap.servers"));
}

#[test]
fn one_wrong_address_beside_a_right_one_is_told_and_no_hindrance() {
    let cluster = Cluster::start(1, &[("here", 1)]).unwrap();
    let servers = format!("{},{NOBODY}", cluster.brokers());
    let answer = asked(&[("bootstrap.servers", &servers)], &["here"], LONG);
    assert!(answer.cluster.is_ok() && answer.topics[0].facts.is_ok());
    let [trouble] = &answer.troubles[..] else {
        panic!("{:?}", answer.troubles);
    };
    assert!(!trouble.is_member, "{trouble:?}");
}
