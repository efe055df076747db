//! A client's configuration: an operator's properties over our choices, each accepted by librdkafka.

use std::fmt;

use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as BindingError;
use rdkafka::types::{RDKafkaConfRes, RDKafkaType};
use tillwatch_records::suggest::did_you_mean;

use crate::error::KafkaError;
use crate::native;
use crate::properties::{Properties, is_secret};
use crate::refused;

/// A property that we set where the operator does not.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// The property.
    pub name: &'static str,
    /// Other names of it: an operator who sets one of them has decided, too.
    pub aliases: &'static [&'static str],
    /// Our value.
    pub value: &'static str,
}

/// What every client gets, whether it reads or writes.
const COMMON: [Choice; 3] = [
    Choice::new("client.id", "tillwatch"),
    // After an outage the client is back within this time rather than librdkafka's 10 s.
    Choice::new("reconnect.backoff.max.ms", "2000"),
    // Idle connections closed by the broker are nothing to report.
    Choice::new("log.connection.close", "false"),
];

/// Names that say where brokers are; one of them is needed.
const ADDRESSES: [&str; 3] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "test.mock.num.brokers",
];

/// The configuration of a client. TLS and SASL are the operator's: whatever `security.protocol`,
/// `sasl.*` and `ssl.*` say is passed on.
#[derive(Clone)]
pub struct ClientConfig {
    inner: rdkafka::ClientConfig,
    brokers: String,
}

/// A kind of client: librdkafka checks more of a configuration once it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// A member of a consumer group.
    Consumer,
    /// A client that writes.
    Producer,
}

/// What only a member of a group needs. Whoever reads keeps the rest: addresses, credentials, how to fetch,
/// and the group's name, by which committed offsets are found and without which nobody reads.
const MEMBERS_OWN: [&str; 4] = [
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "partition.assignment.strategy",
];

impl Choice {
    /// A choice of `value` for a property with one name.
    pub const fn new(name: &'static str, value: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            value,
        }
    }

    /// As it is, for a property that has `aliases` as well.
    pub const fn also_named(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    fn is_left_to_us(&self, properties: &Properties) -> bool {
        let given = |name: &&str| properties.0.contains_key(*name);
        !given(&self.name) && !self.aliases.iter().any(given)
    }
}

impl ClientConfig {
    /// `properties` over `choices` over what every client gets.
    ///
    /// # Errors
    /// [`KafkaError::Property`] when no broker is named, librdkafka does not accept a property, or we
    /// cannot work with it.
    pub fn new(properties: &Properties, choices: &[Choice]) -> Result<Self, KafkaError> {
        if !ADDRESSES
            .iter()
            .any(|name| properties.0.contains_key(*name))
        {
            return Err(KafkaError::Property {
                name: "bootstrap.servers".to_owned(),
                problem: "is missing; give the brokers as host:port, comma-separated".to_owned(),
            });
        }
        refused::check(properties)?;
        let mut inner = rdkafka::ClientConfig::new();
        for choice in COMMON.iter().chain(choices) {
            if choice.is_left_to_us(properties) {
                inner.set(choice.name, choice.value);
            }
        }
        for (name, value) in &properties.0 {
            inner.set(name, value);
        }
        // Details go to our own log, which decides what is said.
        inner.set_log_level(RDKafkaLogLevel::Info);
        inner.create_native_config().map_err(refusal_of)?;
        Ok(Self {
            inner,
            brokers: properties.brokers().to_owned(),
        })
    }

    /// Sets what is not the operator's to set.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.inner.set(name, value);
        self
    }

    /// What was set for `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.inner.get(name)
    }

    /// Makes a client and ends it at once, which tells what librdkafka refuses of properties together,
    /// of files that they name, and of mechanisms that it was built without. No broker is asked.
    ///
    /// # Errors
    /// [`KafkaError::Client`] with librdkafka's words.
    pub fn try_out(&self, kind: ClientKind) -> Result<(), KafkaError> {
        let mut inner = self.inner.clone();
        for name in ADDRESSES {
            inner.remove(name);
        }
        let kind = match kind {
            ClientKind::Consumer => RDKafkaType::RD_KAFKA_CONSUMER,
            ClientKind::Producer => RDKafkaType::RD_KAFKA_PRODUCER,
        };
        let native = inner.create_native_config().map_err(refusal_of)?;
        let client = Client::new(&inner, native, kind, DefaultClientContext);
        client.map(|_| ()).map_err(refusal_of)
    }

    pub(crate) fn inner(&self) -> &rdkafka::ClientConfig {
        &self.inner
    }

    /// For a client that reads and is no member of its group.
    pub(crate) fn of_reader(&self) -> rdkafka::ClientConfig {
        let mut inner = self.inner.clone();
        for name in MEMBERS_OWN {
            inner.remove(name);
        }
        inner
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: there are passwords among them.
        f.debug_struct("ClientConfig")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

/// A refusal in words that do not repeat a secret; an unknown name gets the nearest known one.
fn refusal_of(error: BindingError) -> KafkaError {
    let (result, problem, name) = match error {
        BindingError::ClientConfig(result, problem, name, _) => (result, problem, name),
        BindingError::ClientCreation(words) => return KafkaError::Client(words),
        other => return KafkaError::Client(other.to_string()),
    };
    let problem = match result {
        RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => {
            let known = native::property_names();
            let hint = did_you_mean(&name, known.iter().map(String::as_str));
            format!("librdkafka has no such property{hint}")
        }
        // librdkafka's words repeat the value.
        _ if is_secret(&name) => "librdkafka does not accept the value".to_owned(),
        _ => problem,
    };
    KafkaError::Property { name, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Properties {
        let address = [("bootstrap.servers", "localhost:1")];
        Properties::of(address.into_iter().chain(properties.iter().copied()))
    }

    fn refusal(properties: &[(&str, &str)]) -> String {
        let config = ClientConfig::new(&with(properties), &[]);
        config.unwrap_err().to_string()
    }

    #[test]
    fn an_operators_property_wins_over_our_choice_under_each_of_its_names() {
        let choices = [Choice::new("linger.ms", "1").also_named(&["queue.buffering.max.ms"])];
        let config = |properties| ClientConfig::new(&with(properties), &choices).unwrap();
        assert_eq!(config(&[]).get("linger.ms"), Some("1"));
        assert_eq!(config(&[]).get("client.id"), Some("tillwatch"));
        assert_eq!(config(&[("linger.ms", "7")]).get("linger.ms"), Some("7"));
        let by_alias = config(&[("queue.buffering.max.ms", "7")]);
        assert_eq!(by_alias.get("linger.ms"), None);
    }

    #[test]
    fn an_unknown_property_gets_the_nearest_known_one() {
        let refused = refusal(&[("fetch.wait.max", "1")]);
        assert!(
            refused.contains("`fetch.wait.max`") && refused.contains("`fetch.wait.max.ms`"),
            "{refused}"
        );
        // A topic's property, and one that librdkafka knows as another's alias only.
        assert!(refusal(&[("message.timeot.ms", "1")]).contains("`message.timeout.ms`"));
        assert!(refusal(&[("ack", "1")]).contains("`acks`"));
    }

    #[test]
    fn a_refused_value_is_named_unless_it_is_a_secret() {
        let refused = refusal(&[("security.protocol", "carrier-pigeon")]);
        assert!(refused.contains("carrier-pigeon"), "{refused}");
        let refused = refusal(&[("fetch.wait.max.ms", "soon")]);
        assert!(refused.contains("fetch.wait.max.ms"), "{refused}");
        let refused = refusal(&[("sasl.pasword", "hunter2")]);
        assert!(
            refused.contains("`sasl.password`") && !refused.contains("hunter2"),
            "{refused}"
        );
        let refused = refusal(&[("ssl.key.password\u{0}", "hunter2")]);
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn trying_out_tells_what_only_a_client_finds() {
        let tried = |kind, properties: &[(&str, &str)]| {
            let config = ClientConfig::new(&with(properties), &[]).unwrap();
            config.try_out(kind).map_err(|error| error.to_string())
        };
        let consumer = |properties: &[_]| tried(ClientKind::Consumer, properties).unwrap_err();
        let next_generation = ("group.protocol", "consumer");
        let said = consumer(&[next_generation, ("session.timeout.ms", "6000")]);
        assert!(said.contains("session.timeout.ms"), "{said}");
        let said = consumer(&[("max.poll.interval.ms", "1000")]);
        assert!(said.contains("max.poll.interval.ms"), "{said}");
        let (ssl, cipher) = (("security.protocol", "ssl"), ("ssl.cipher.suites", "none"));
        let said = consumer(&[ssl, cipher]);
        assert!(said.contains("ssl.cipher.suites"), "{said}");
        let producer = |properties: &[_]| tried(ClientKind::Producer, properties);
        let said = producer(&[("enable.idempotence", "true"), ("acks", "1")]).unwrap_err();
        assert!(said.contains("acks"), "{said}");
        assert_eq!(producer(&[]), Ok(()));
        assert_eq!(tried(ClientKind::Consumer, &[next_generation]), Ok(()));
    }

    #[test]
    fn a_client_needs_brokers() {
        let error = ClientConfig::new(&Properties::default(), &[]).unwrap_err();
        assert!(error.to_string().contains("bootstrap.servers"), "{error}");
    }

    /// The linked librdkafka can talk to every broker that we promise: TLS, SASL and all codecs.
    #[test]
    fn librdkafka_has_tls_sasl_and_every_codec() {
        let native = rdkafka::ClientConfig::new().create_native_config().unwrap();
        let features = native.get("builtin.features").unwrap();
        let features: Vec<&str> = features.trim_end_matches('\0').split(',').collect();
        for wanted in [
            "ssl",
            "sasl_scram",
            "sasl_plain",
            "gzip",
            "snappy",
            "lz4",
            "zstd",
        ] {
            assert!(features.contains(&wanted), "{wanted} not in {features:?}");
        }
    }
}
