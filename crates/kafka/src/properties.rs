//! librdkafka properties as an operator writes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// librdkafka properties by name, passed through. Debug output hides secrets.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Value>")]
pub struct Properties(pub BTreeMap<String, String>);

/// A property as TOML may write it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a property is a text, a number or true/false, and its name is in quotes"
)]
enum Value {
    Flag(bool),
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Properties {
    /// Properties from (name, value) pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.into_iter().map(owned).collect())
    }

    /// These properties, and those of `shared` that are not among them.
    pub fn over(&self, shared: &Self) -> Self {
        let mut all = shared.clone();
        all.0.extend(
            self.0
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        all
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The brokers that they name, for messages.
    pub fn brokers(&self) -> &str {
        let named = ["bootstrap.servers", "metadata.broker.list"]
            .into_iter()
            .find_map(|name| self.get(name));
        named.unwrap_or("(no address)")
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| {
            let value = if is_secret(name) { "(hidden)" } else { value };
            (name, value)
        });
        f.debug_map().entries(shown).finish()
    }
}

impl From<BTreeMap<String, Value>> for Properties {
    fn from(values: BTreeMap<String, Value>) -> Self {
        let text = |value| match value {
            Value::Text(text) => text,
            Value::Flag(flag) => flag.to_string(),
            Value::Whole(whole) => whole.to_string(),
            Value::Real(real) => real.to_string(),
        };
        Self(
            values
                .into_iter()
                .map(|(name, value)| (name, text(value)))
                .collect(),
        )
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Whether a property's value must not be shown.
pub(crate) fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part))
}

/// Parts of names whose values are secret, or may be: a command line and a Java client's settings may
/// hold a password.
const SECRET: [&str; 10] = [
    "password",
    "passphrase",
    "secret",
    "pem",
    "token",
    "private.key",
    "oauthbearer.config",
    "oauthbearer.extensions",
    "kinit",
    "jaas",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_flags_and_hides_secrets() {
        let properties: Properties = toml::from_str(
            "\"fetch.min.bytes\" = 1\n\"linger.ms\" = 2.5\n\"check.crcs\" = true\n\
             \"bootstrap.servers\" = \"localhost:1\"\n\"sasl.password\" = \"hunter2\"",
        )
        .unwrap();
        let expected = [
            ("fetch.min.bytes", "1"),
            ("linger.ms", "2.5"),
            ("check.crcs", "true"),
            ("bootstrap.servers", "localhost:1"),
            ("sasl.password", "hunter2"),
        ];
        assert_eq!(properties, Properties::of(expected));
        let shown = format!("{properties:?}");
        assert!(
            shown.contains("localhost:1") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_property_is_refused_in_plain_words() {
        for text in [
            "sasl.password = \"hunter2\"",
            "\"sasl.password\" = [\"hunter2\"]",
        ] {
            let refused = toml::from_str::<Properties>(text).unwrap_err();
            let said = refused.message();
            assert_eq!(
                said, "a property is a text, a number or true/false, and its name is in quotes",
                "{text}"
            );
        }
    }

    #[test]
    fn every_property_that_may_hold_a_secret_is_hidden() {
        for name in [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.kerberos.kinit.cmd",
            "sasl.jaas.config",
        ] {
            let shown = format!("{:?}", Properties::of([(name, "hunter2")]));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(!is_secret("sasl.username") && !is_secret("ssl.ca.location"));
    }

    #[test]
    fn own_properties_win_over_shared_ones() {
        let own = Properties::of([("a", "1")]);
        let shared = Properties::of([("a", "2"), ("b", "3")]);
        assert_eq!(own.over(&shared), Properties::of([("a", "1"), ("b", "3")]));
    }
}
