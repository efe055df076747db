//! Which brokers are connected, and why the others are not.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::ClusterFacts;
use crate::trouble::{ErrorCode, Trouble};

/// Why connections to brokers did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerTrouble {
    /// The brokers with this cause, as `host:port`; empty where the trouble is of the client as a whole.
    pub brokers: Vec<String>,
    /// Whether the cluster itself gave us one of these addresses, so that records go through it.
    pub is_member: bool,
    /// The kind of trouble, for decisions.
    pub code: ErrorCode,
    /// librdkafka's words.
    pub words: String,
}

/// What the client has said of its connections so far.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// By `host:port`: the most telling error.
    failures: BTreeMap<String, Failure>,
    /// Troubles of the client as a whole, by their words.
    general: BTreeMap<String, ErrorCode>,
    /// By `host:port`: what is wrong with a certificate.
    certificates: BTreeMap<String, String>,
    /// The brokers that the client knows of, as it last said; `None` before it did.
    known: Option<Vec<Known>>,
    /// The client has tried every broker that it knows, in vain.
    all_down: bool,
}

#[derive(Debug)]
struct Failure {
    code: ErrorCode,
    words: String,
}

/// A broker in librdkafka's statistics.
#[derive(Debug, Deserialize)]
struct Known {
    nodeid: i32,
    /// `host:port`.
    nodename: String,
    state: String,
    /// `configured` for a bootstrap address, `learned` from the cluster; `logical` ones are no brokers.
    source: String,
}

#[derive(Debug, Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, Known>,
}

/// Brokers and causes that are remembered: more addresses than anybody writes down, or has brokers.
const CAUSES_MAX: usize = 1_024;

impl BrokerTrouble {
    /// What to look at, by the kind of trouble.
    pub fn advice(&self) -> &'static str {
        match self.code {
            ErrorCode::SSL => {
                "the certificate must be in date, name the host and come from an authority in \
                 ssl.ca.location; where the broker asks for one of ours, set ssl.certificate.location \
                 and ssl.key.location"
            }
            ErrorCode::Resolve => {
                "no such host, or no name server answers; check the name in bootstrap.servers, and for \
                 addresses that the cluster gives the brokers' advertised.listeners"
            }
            ErrorCode::BadMessage => {
                "what listens there speaks something else than Kafka, or TLS; check the address and \
                 security.protocol"
            }
            code if Trouble::of(code) == Trouble::Authentication => {
                "check sasl.mechanism, sasl.username and sasl.password, and that the listener takes \
                 this mechanism"
            }
            code if Trouble::of(code) == Trouble::Fatal => {
                "grant what it names to this user; a writer that never repeats a record needs WRITE on \
                 its topics, before Kafka 2.8 also IDEMPOTENT_WRITE on the cluster"
            }
            _ => {
                "check the address and the network; a listener of another security.protocol closes the \
                 connection, as does one that asks for a certificate of ours (ssl.certificate.location, \
                 ssl.key.location)"
            }
        }
    }
}

impl Connections {
    /// Notes an error event. Its words begin with the broker's name where it is of a broker.
    pub(super) fn note_trouble(&mut self, code: ErrorCode, reason: &str) {
        if Trouble::of(code) == Trouble::BrokersDown {
            self.all_down = true;
            return;
        }
        let (broker, words) = split(reason);
        let words = plain(words);
        let code = if is_of_tls(&words) {
            ErrorCode::SSL
        } else {
            code
        };
        let Some(broker) = broker else {
            if self.general.len() < CAUSES_MAX {
                self.general.insert(words, code);
            }
            return;
        };
        let known = self.failures.get(broker);
        // What follows a refusal (the connection was closed) says less than the refusal.
        let is_news = known.is_none_or(|known| is_refusal(code) || !is_refusal(known.code));
        if is_news && (known.is_some() || self.failures.len() < CAUSES_MAX) {
            self.failures
                .insert(broker.to_owned(), Failure { code, words });
        }
    }

    /// Notes a log line: what was found wrong with a certificate comes that way, and that a connection
    /// was closed or took too long.
    pub(super) fn note_log(&mut self, facility: &str, line: &str) {
        let line = line.split_once("]: ").map_or(line, |(_, rest)| rest);
        match facility {
            // An error event with the same words and a code of its own may follow.
            "FAIL" => return self.note_trouble(ErrorCode::BrokerTransportFailure, line),
            "SSLCERTVRFY" => {}
            _ => return,
        }
        let (Some(broker), words) = split(line) else {
            return;
        };
        let words = words.replace(" verification callback failed", "");
        if self.certificates.len() < CAUSES_MAX {
            self.certificates.insert(broker.to_owned(), words);
        }
    }

    /// Notes which brokers are connected. What cannot be read is left out, and the deadline decides.
    pub(super) fn note_statistics(&mut self, json: &[u8]) {
        let Ok(statistics) = serde_json::from_slice::<Statistics>(json) else {
            return;
        };
        let brokers = statistics.brokers.into_values();
        let known: Vec<Known> = brokers
            .filter(|broker| broker.source == "configured" || broker.source == "learned")
            .collect();
        for broker in known.iter().filter(|broker| broker.is_up()) {
            self.failures.remove(&broker.nodename);
            self.certificates.remove(&broker.nodename);
        }
        self.known = Some(known);
    }

    /// Whether every broker that we know refuses who we are, or is refused by us: waiting does not mend that.
    pub(super) fn are_hopeless(&self) -> bool {
        self.all_down
            && !self.failures.is_empty()
            && self
                .failures
                .values()
                .all(|failure| is_refusal(failure.code))
            && self.known.as_ref().is_some_and(|known| {
                known
                    .iter()
                    .all(|broker| self.failures.contains_key(&broker.nodename))
            })
    }

    /// A broker of the cluster that is connected.
    pub(super) fn connected(&self) -> Option<i32> {
        let known = self.known.as_ref()?;
        let connected = known
            .iter()
            .find(|broker| broker.is_up() && broker.nodeid >= 0);
        connected.map(|broker| broker.nodeid)
    }

    /// Whether each broker is connected or has a cause why not.
    pub(super) fn are_settled(&self, cluster: &ClusterFacts) -> bool {
        let Some(known) = &self.known else {
            return false;
        };
        let is_settled =
            |broker: &Known| broker.is_up() || self.failures.contains_key(&broker.nodename);
        let is_known = |id: i32| known.iter().any(|broker| broker.nodeid == id);
        known.iter().all(is_settled) && cluster.nodes.iter().all(|node| is_known(node.id))
    }

    /// The troubles, brokers with the same cause together.
    pub(super) fn troubles(self, cluster: Option<&ClusterFacts>) -> Vec<BrokerTrouble> {
        let known = self.known.unwrap_or_default();
        let is_member = |broker: &str| {
            cluster.is_some_and(|cluster| cluster.nodes.iter().any(|node| node.address == broker))
                || known
                    .iter()
                    .any(|known| known.source == "learned" && known.nodename == broker)
        };
        let mut troubles: Vec<BrokerTrouble> = Vec::new();
        for (broker, Failure { code, words }) in self.failures {
            let words = match self.certificates.get(&broker) {
                Some(fault) => format!("{words}: {fault}"),
                None => words,
            };
            let same = troubles.iter_mut().find(|known| known.words == words);
            match same {
                Some(known) => {
                    known.is_member |= is_member(&broker);
                    known.brokers.push(broker);
                }
                None => troubles.push(BrokerTrouble {
                    is_member: is_member(&broker),
                    brokers: vec![broker],
                    code,
                    words,
                }),
            }
        }
        let general = self.general.into_iter().map(|(words, code)| BrokerTrouble {
            brokers: Vec::new(),
            is_member: false,
            code,
            words,
        });
        troubles.extend(general);
        troubles
    }
}

impl Known {
    fn is_up(&self) -> bool {
        self.state == "UP"
    }
}

/// Whether one side refused the other, rather than was not there.
fn is_refusal(code: ErrorCode) -> bool {
    Trouble::of(code) == Trouble::Authentication
}

/// Whether the words are OpenSSL's. librdkafka gives them the code of a failed connection where the handshake
/// fails at its first step, or after it (a listener asks for a certificate of ours only then).
fn is_of_tls(words: &str) -> bool {
    words.contains("error:") && words.contains(":SSL routines:")
}

/// (`host:port` of the broker, words) of `[protocol://]host:port/id: words`; no broker where the text
/// does not begin with one.
fn split(reason: &str) -> (Option<&str>, &str) {
    let Some((name, words)) = reason.split_once(": ") else {
        return (None, reason);
    };
    let address = name.split_once("://").map_or(name, |(_, address)| address);
    match address.rsplit_once('/') {
        Some((broker, _)) if broker.contains(':') && !broker.contains(' ') => (Some(broker), words),
        _ => (None, reason),
    }
}

/// `words` without `(after 3ms in state …)`, which differs each time. A TLS handshake that ends at its first
/// step, as when the listener closes the connection, is named by this state alone: then the words name it.
fn plain(words: &str) -> String {
    const FAILED: &str = "SSL handshake failed";
    let Some((words, after)) = words.rsplit_once(" (after ") else {
        return words.to_owned();
    };
    if after.contains("in state SSL_HANDSHAKE") && !words.starts_with(FAILED) {
        format!("{FAILED}: {words}")
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests;
