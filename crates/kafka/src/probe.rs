//! What brokers, topics and a group answer to a client of a configuration, without joining the group, and
//! in librdkafka's own words why a broker cannot be reached.

mod connections;

use std::ffi::CString;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::facts::{Asked, ByTopic, ClusterFacts, Operations, Refusal, TopicFacts, TopicSettings};
use crate::native::{Heard, Inquirer};
use crate::trouble::ErrorCode;
use crate::waker::now;
pub use connections::BrokerTrouble;
use connections::Connections;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Topics, in any order; a name may come twice. Asking creates none.
    pub topics: Vec<String>,
    /// The consumer group that will read them, if any.
    pub group: Option<String>,
    /// Longest wait for all answers together.
    pub timeout: Duration,
}

/// What was answered in time.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The cluster, or why it gave no answer. [`Findings::troubles`] then says more.
    pub cluster: Asked<ClusterFacts>,
    /// Connections that did not come about, each cause once.
    pub troubles: Vec<BrokerTrouble>,
    /// The topics that were asked for, each once, in the order of the question.
    pub topics: Vec<TopicFindings>,
    /// What we may do with the group; `None` from a broker that does not say (before Kafka 2.3). Also `None`
    /// where no group was asked for.
    pub group: Asked<Option<Operations>>,
}

/// What was answered about a topic.
#[derive(Debug, Clone)]
pub struct TopicFindings {
    /// Its name.
    pub name: String,
    /// What it is, or why that is not known: [`ErrorCode::UnknownTopicOrPartition`] when it does not exist,
    /// [`ErrorCode::TopicAuthorizationFailed`] when we may not see whether it does.
    pub facts: Asked<TopicFacts>,
    /// Its settings, or why they are not known.
    pub settings: Asked<TopicSettings>,
}

/// How long the end of a client may hold up its caller. What is not done by then (a host name that is
/// being looked up, say) ends with the process.
const CLOSE_TIME: Duration = Duration::from_millis(300);

/// The shortest time for setting up a connection that librdkafka accepts.
const SETUP_MS_MIN: u128 = 1_000;

/// How often the client says which brokers are connected.
const STATISTICS_MS: &str = "100";

/// How long a broker that is not ready for a question about a group is left alone.
const AGAIN: Duration = Duration::from_millis(250);

/// Longest wait for the next thing that the client hears, so that the deadline is looked at.
const TURN: Duration = Duration::from_millis(100);

/// Asks the cluster of `config`, waiting at most for the question's timeout. Ends earlier when all is
/// answered and each broker is connected or known not to be, and when every broker refuses who we are,
/// which waiting does not mend.
///
/// # Errors
/// [`KafkaError::Client`] when librdkafka refuses the configuration, [`KafkaError::Thread`] when the
/// system gives no thread. That nobody answers is no error but part of the answer.
pub fn ask(config: &ClientConfig, question: &Question) -> Result<Findings, KafkaError> {
    let client = Inquirer::open(&asking(config, question.timeout))?;
    let question = question.clone();
    let (say, said) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    // Ending a client waits for its threads, and one that looks a name up is not interrupted.
    let thread = std::thread::Builder::new().name("kafka-probe".to_owned());
    let asked = thread.spawn(move || {
        let answer = Inquiry::begin(&client, &question).until_answered();
        // The receivers are gone only when the caller's thread has ended.
        let _ = say.send(answer);
        drop(client);
        let _ = done.send(());
    });
    asked.map_err(|error| KafkaError::Thread(error.to_string()))?;
    let answer = said.recv();
    // Too late is no error: see `CLOSE_TIME`.
    let _ = is_done.recv_timeout(CLOSE_TIME);
    answer.map_err(|error| KafkaError::Thread(error.to_string()))
}

/// `config` for a client that only asks and tells what it meets.
fn asking(config: &ClientConfig, timeout: Duration) -> rdkafka::ClientConfig {
    let mut inner = config.inner().clone();
    let setup_ms = (timeout.as_millis() / 2).max(SETUP_MS_MIN);
    inner
        // A broker that takes a connection and says nothing is reported before the time is over: the client
        // looks once a second.
        .set("socket.connection.setup.timeout.ms", setup_ms.to_string())
        // All brokers are tried, not only one that answers: any of them may lead a partition.
        .set("enable.sparse.connections", "false")
        // A listener of another protocol closes the connection, and nothing else tells.
        .set("log.connection.close", "true")
        .set("statistics.interval.ms", STATISTICS_MS)
        .set("allow.auto.create.topics", "false");
    inner
}

/// A question under way.
struct Inquiry<'a> {
    client: &'a Inquirer,
    deadline: Instant,
    connections: Connections,
    topics: Vec<String>,
    /// The group that is asked about, if any.
    group_name: Option<CString>,
    /// When the group is asked about again.
    group_again: Option<Instant>,
    /// A broker was asked about cluster and topics.
    is_asked: bool,
    cluster: Option<Asked<ClusterFacts>>,
    found: Option<Asked<ByTopic<TopicFacts>>>,
    settings: Option<Asked<ByTopic<TopicSettings>>>,
    group: Option<Asked<Option<Operations>>>,
}

impl<'a> Inquiry<'a> {
    /// Sends what can be asked before any broker is known.
    fn begin(client: &'a Inquirer, question: &Question) -> Self {
        let mut topics: Vec<String> = Vec::new();
        for topic in &question.topics {
            if !topics.contains(topic) {
                topics.push(topic.clone());
            }
        }
        // No group has a name with a zero byte.
        let group = question.group.as_deref();
        let group = group.and_then(|name| CString::new(name).ok());
        if let Some(group) = &group {
            client.ask_group(group, question.timeout);
        }
        Self {
            client,
            deadline: now() + question.timeout,
            connections: Connections::default(),
            topics,
            group: group.is_none().then_some(Ok(None)),
            group_name: group,
            group_again: None,
            is_asked: false,
            cluster: None,
            found: None,
            settings: None,
        }
    }

    /// Asks the first broker that is connected for all the rest.
    fn ask(&mut self) {
        let Some(broker) = self.connections.connected().filter(|_| !self.is_asked) else {
            return;
        };
        self.is_asked = true;
        let left = self.deadline.saturating_duration_since(now());
        self.client.ask_cluster(broker, left);
        // No topic has a name with a zero byte, so nothing that exists is left out.
        let names = self.topics.iter();
        let names: Vec<CString> = names
            .filter_map(|name| CString::new(name.as_str()).ok())
            .collect();
        if names.is_empty() {
            self.found = Some(Ok(Vec::new()));
            self.settings = Some(Ok(Vec::new()));
        } else {
            self.client.ask_topics(&names, broker, left);
            self.client.ask_settings(&names, broker, left);
        }
    }

    fn until_answered(mut self) -> Findings {
        while !self.is_done() {
            let left = self.deadline.saturating_duration_since(now());
            if left.is_zero() {
                break;
            }
            if let Some(heard) = self.client.next(left.min(TURN)) {
                self.note(heard);
                self.ask();
            }
            self.ask_group_again();
        }
        self.findings()
    }

    /// Asks about the group once more where its broker was not ready for it: a cluster's first question about
    /// a group makes the topic that groups are kept in.
    fn ask_group_again(&mut self) {
        let at = now();
        if let Some(name) = &self.group_name
            && self.group_again.is_some_and(|again| again <= at)
        {
            self.group_again = None;
            self.group = None;
            let left = self.deadline.saturating_duration_since(at);
            self.client.ask_group(name, left);
        }
    }

    fn note_group(&mut self, answer: Asked<Option<Operations>>) {
        let is_unready = answer.as_ref().is_err_and(|refusal| {
            matches!(
                refusal.code,
                ErrorCode::CoordinatorNotAvailable
                    | ErrorCode::CoordinatorLoadInProgress
                    | ErrorCode::NotCoordinator
            )
        });
        self.group_again = is_unready.then(|| now() + AGAIN);
        self.group = Some(answer);
    }

    fn note(&mut self, heard: Heard) {
        match heard {
            Heard::Log { facility, line } => self.connections.note_log(&facility, &line),
            Heard::Trouble { code, reason } => self.connections.note_trouble(code, &reason),
            Heard::Statistics(json) => self.connections.note_statistics(&json),
            Heard::Cluster(answer) => self.cluster = Some(answer),
            Heard::Topics(answer) => self.found = Some(answer),
            Heard::Settings(answer) => self.settings = Some(answer),
            Heard::Group(answer) => self.note_group(answer),
            Heard::Other => {}
        }
    }

    fn is_done(&self) -> bool {
        let Some(Ok(cluster)) = &self.cluster else {
            return self.connections.are_hopeless();
        };
        self.found.is_some()
            && self.settings.is_some()
            && self.group.is_some()
            && self.group_again.is_none()
            && self.connections.are_settled(cluster)
    }

    fn findings(self) -> Findings {
        let cluster = self.cluster.unwrap_or_else(silence);
        let found = self.found.unwrap_or_else(silence);
        let settings = self.settings.unwrap_or_else(silence);
        let topics = self.topics.into_iter().map(|name| TopicFindings {
            facts: of_topic(&found, &name),
            settings: of_topic(&settings, &name),
            name,
        });
        Findings {
            troubles: self.connections.troubles(cluster.as_ref().ok()),
            topics: topics.collect(),
            group: self.group.unwrap_or_else(silence),
            cluster,
        }
    }
}

/// No answer came in time.
fn silence<T>() -> Asked<T> {
    Err(Refusal {
        code: ErrorCode::OperationTimedOut,
        words: "no answer in time".to_owned(),
    })
}

fn of_topic<T: Clone>(answer: &Asked<ByTopic<T>>, name: &str) -> Asked<T> {
    let found = answer.as_ref().map_err(Clone::clone)?;
    let found = found.iter().find(|(topic, _)| topic == name);
    found.map_or_else(silence, |(_, facts)| facts.clone())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
