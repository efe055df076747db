use super::*;
use crate::facts::Node;

const REFUSED: &str = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused";

fn cluster(addresses: &[&str]) -> ClusterFacts {
    let nodes = addresses.iter().zip(1..).map(|(address, id)| Node {
        id,
        address: (*address).to_owned(),
    });
    ClusterFacts {
        id: "c".to_owned(),
        nodes: nodes.collect(),
    }
}

fn statistics(brokers: &[(&str, i32, &str)]) -> String {
    let brokers = brokers.iter().map(|(name, id, state)| {
        let id = format!(r#""{name}/{id}":{{"nodeid":{id},"nodename":"{name}""#);
        format!(r#"{id},"state":"{state}","source":"learned"}}"#)
    });
    format!(
        "{{\"brokers\":{{{}}}}}",
        brokers.collect::<Vec<_>>().join(",")
    )
}

#[test]
fn the_same_cause_is_said_once_with_its_brokers() {
    let mut connections = Connections::default();
    for (broker, after) in [
        ("a:1/bootstrap", "0ms"),
        ("ssl://b:1/2", "7ms"),
        ("a:1/bootstrap", "9ms"),
    ] {
        let reason = format!("{broker}: {REFUSED} (after {after} in state CONNECT)");
        connections.note_trouble(ErrorCode::BrokerTransportFailure, &reason);
    }
    connections.note_trouble(ErrorCode::AllBrokersDown, "2/2 brokers are down");
    let troubles = connections.troubles(Some(&cluster(&["b:1"])));
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert_eq!(troubles[0].brokers, ["a:1", "b:1"]);
    assert_eq!(troubles[0].words, REFUSED);
    assert!(troubles[0].is_member);
}

#[test]
fn a_refusal_is_not_hidden_by_what_follows_it() {
    let mut connections = Connections::default();
    connections.note_trouble(ErrorCode::BrokerTransportFailure, "a:1/1: Disconnected");
    connections.note_trouble(ErrorCode::SSL, "a:1/1: SSL handshake failed: verify failed");
    connections.note_trouble(ErrorCode::BrokerTransportFailure, "a:1/1: Disconnected");
    connections.note_log(
        "SSLCERTVRFY",
        "[thrd:ssl://a:1/1]: ssl://a:1/1: Certificate (subject=/CN=x, issuer=/CN=y) verification \
         callback failed: it has expired",
    );
    let troubles = connections.troubles(None);
    assert_eq!(
        troubles[0].words,
        "SSL handshake failed: verify failed: Certificate (subject=/CN=x, issuer=/CN=y): it has expired"
    );
}

#[test]
fn a_failed_handshake_has_one_code_at_whichever_step_it_failed() {
    // The words of a first step, those of a later one, and those of a listener of TLS 1.3 that asks for a
    // certificate of ours. The first and the last come with the code of a failed connection.
    for words in [
        "error:0A000086:SSL routines::certificate verify failed",
        "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed",
        "error:0A00045C:SSL routines::tlsv13 alert certificate required",
    ] {
        let mut connections = Connections::default();
        let reason = format!("ssl://a:1/bootstrap: {words} (after 4ms in state CONNECT)");
        connections.note_log("FAIL", &format!("[thrd:ssl://a:1/bootstrap]: {reason}"));
        connections.note_trouble(ErrorCode::BrokerTransportFailure, &reason);
        let troubles = connections.troubles(None);
        assert_eq!(troubles[0].code, ErrorCode::SSL, "{troubles:?}");
        assert_eq!(troubles[0].words, words);
    }
}

#[test]
fn a_closed_connection_is_told_by_the_log_alone() {
    let mut connections = Connections::default();
    let line = "[thrd:a:1/1]: a:1/1: Disconnected: connection reset by peer (after 0ms in state X)";
    connections.note_log("FAIL", line);
    connections.note_log("CONFWARN", "[thrd:a:1/1]: a:1/1: something else");
    let troubles = connections.troubles(None);
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert_eq!(troubles[0].words, "Disconnected: connection reset by peer");
}

#[test]
fn a_listener_that_closes_the_connection_in_the_handshake_is_told_so_at_each_step() {
    // The first step has no words of its own for the handshake; a later one has, and advice of librdkafka's.
    for (said, words) in [
        (
            "Disconnected: connection reset by peer (after 3ms in state SSL_HANDSHAKE)",
            "SSL handshake failed: Disconnected: connection reset by peer",
        ),
        (
            "SSL handshake failed: Disconnected: connection closed by peer: connecting to a PLAINTEXT \
             broker listener? (after 3ms in state SSL_HANDSHAKE, 1 identical error(s) suppressed)",
            "SSL handshake failed: Disconnected: connection closed by peer: connecting to a PLAINTEXT \
             broker listener?",
        ),
        (
            "Disconnected: connection reset by peer (after 3ms in state APIVERSION_QUERY)",
            "Disconnected: connection reset by peer",
        ),
    ] {
        let mut connections = Connections::default();
        let reason = format!("ssl://a:1/bootstrap: {said}");
        connections.note_trouble(ErrorCode::BrokerTransportFailure, &reason);
        let troubles = connections.troubles(None);
        assert_eq!(troubles[0].words, words);
        assert!(troubles[0].advice().contains("security.protocol"));
    }
}

#[test]
fn waiting_ends_when_every_broker_is_connected_or_has_its_cause() {
    let mut connections = Connections::default();
    let two = cluster(&["a:1", "b:1"]);
    assert!(!connections.are_settled(&two));
    connections.note_statistics(statistics(&[("a:1", 1, "UP")]).as_bytes());
    assert!(
        !connections.are_settled(&two),
        "the second is not even known"
    );
    let one_down = statistics(&[("a:1", 1, "UP"), ("b:1", 2, "TRY_CONNECT")]);
    connections.note_statistics(one_down.as_bytes());
    assert!(!connections.are_settled(&two));
    connections.note_trouble(
        ErrorCode::BrokerTransportFailure,
        &format!("b:1/2: {REFUSED}"),
    );
    assert!(connections.are_settled(&two));
    // One that came up after all is no trouble.
    let up = statistics(&[("a:1", 1, "UP"), ("b:1", 2, "UP")]);
    connections.note_statistics(up.as_bytes());
    assert!(connections.are_settled(&two));
    assert!(connections.troubles(Some(&two)).is_empty());
}

#[test]
fn an_address_that_the_cluster_gives_is_told_from_one_that_was_written() {
    let mut connections = Connections::default();
    // The bootstrap address answered, and no broker can be asked.
    let learned = statistics(&[("nowhere:1", 1, "TRY_CONNECT")]);
    connections.note_statistics(learned.as_bytes());
    connections.note_trouble(ErrorCode::Resolve, "nowhere:1/1: no such name");
    connections.note_trouble(ErrorCode::Resolve, "typo:1/bootstrap: another name");
    let troubles = connections.troubles(None);
    let found: Vec<_> = troubles
        .iter()
        .map(|t| (t.brokers[0].as_str(), t.is_member))
        .collect();
    assert_eq!(found, [("nowhere:1", true), ("typo:1", false)]);
}

#[test]
fn only_a_refusal_by_all_ends_the_wait_for_an_answer() {
    let down = statistics(&[("a:1", -1, "TRY_CONNECT")]);
    for (code, hopeless) in [
        (ErrorCode::BrokerTransportFailure, false),
        (ErrorCode::Authentication, true),
        (ErrorCode::SSL, true),
    ] {
        let mut connections = Connections::default();
        connections.note_statistics(down.as_bytes());
        connections.note_trouble(code, "a:1/bootstrap: no");
        assert!(!connections.are_hopeless(), "not all were tried");
        connections.note_trouble(ErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(connections.are_hopeless(), hopeless, "{code}");
    }
}

#[test]
fn trouble_without_a_broker_is_kept_whole() {
    let mut connections = Connections::default();
    let words = "Failed to acquire PID: Broker: Cluster authorization failed";
    connections.note_trouble(ErrorCode::Fatal, words);
    let troubles = connections.troubles(None);
    assert!(
        troubles[0].brokers.is_empty() && troubles[0].words == words,
        "{troubles:?}"
    );
}
