//! Properties that librdkafka accepts and this program, or this build of librdkafka, cannot work with.

use crate::error::KafkaError;
use crate::properties::Properties;

/// A property that is refused at some of its values.
struct Refused {
    /// Each name of it.
    names: &'static [&'static str],
    /// The values that are refused; none for all.
    values: &'static [&'static str],
    /// Why, and what to do.
    remedy: &'static str,
}

const REFUSED: [Refused; 3] = [
    Refused {
        names: &["transactional.id"],
        values: &[],
        remedy: "[sink.kafka] decides about transactions: set delivery and transactional_id there; remove it",
    },
    Refused {
        names: &["delivery.report.only.error"],
        values: YES,
        remedy: "an offset is committed when its output is reported as delivered, so each delivery must be \
                 reported; remove it",
    },
    Refused {
        names: &["acks", "request.required.acks"],
        values: &["0"],
        remedy: "without an acknowledgement an output that is lost counts as delivered; remove it",
    },
];

/// What librdkafka reads as yes.
const YES: &[&str] = &["true", "t", "1"];

const MECHANISM: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];

/// What can be done where a mechanism is missing from this build.
const OTHER_WAYS: &str =
    "use SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN over SASL_SSL, or client certificates over SSL";

/// Refuses what cannot work, before a client is made.
///
/// # Errors
/// [`KafkaError::Property`] for the first such property, with the reason and what to do instead.
pub(crate) fn check(properties: &Properties) -> Result<(), KafkaError> {
    for refused in &REFUSED {
        for name in refused.names {
            let given = properties.get(name);
            let is_refused = |value: &str| {
                let is_value = |refused: &&str| refused.eq_ignore_ascii_case(value.trim());
                refused.values.is_empty() || refused.values.iter().any(is_value)
            };
            if given.is_some_and(is_refused) {
                return Err(refusal(name, refused.remedy));
            }
        }
    }
    mechanism(properties)?;
    files(properties)
}

/// Refuses files that cannot be read: librdkafka's words do not name them.
fn files(properties: &Properties) -> Result<(), KafkaError> {
    for (name, path) in &properties.0 {
        // `probe` lets librdkafka look for the system's certificates.
        if !name.ends_with(".location") || path == "probe" {
            continue;
        }
        if let Err(error) = std::fs::File::open(path) {
            let problem =
                format!("cannot read {path} ({error}); correct the path or its permissions");
            return Err(refusal(name, &problem));
        }
    }
    Ok(())
}

/// Refuses ways of logging in that this build of librdkafka lacks: without libcurl it cannot fetch
/// tokens (OIDC), without Cyrus SASL it has no Kerberos.
fn mechanism(properties: &Properties) -> Result<(), KafkaError> {
    if let Some(method) = properties.get("sasl.oauthbearer.method")
        && method.eq_ignore_ascii_case("oidc")
    {
        let reason = format!(
            "OIDC needs a librdkafka with libcurl, which this build is without; {OTHER_WAYS}"
        );
        return Err(refusal("sasl.oauthbearer.method", &reason));
    }
    let protocol = properties.get("security.protocol").unwrap_or_default();
    if !protocol.to_ascii_lowercase().starts_with("sasl_") {
        return Ok(());
    }
    let given = MECHANISM
        .into_iter()
        .find_map(|name| Some((name, properties.get(name)?)));
    let Some((name, mechanism)) = given else {
        let reason = format!(
            "is missing; librdkafka's own choice is Kerberos (GSSAPI), which this build is without; \
             {OTHER_WAYS}"
        );
        return Err(refusal(MECHANISM[0], &reason));
    };
    if mechanism.eq_ignore_ascii_case("GSSAPI") {
        let reason = format!(
            "GSSAPI (Kerberos) needs Cyrus SASL, which this build is without; {OTHER_WAYS}"
        );
        return Err(refusal(name, &reason));
    }
    let unsecured = properties.get("enable.sasl.oauthbearer.unsecure.jwt");
    let is_unsecured =
        unsecured.is_some_and(|value| YES.iter().any(|yes| yes.eq_ignore_ascii_case(value)));
    if mechanism.eq_ignore_ascii_case("OAUTHBEARER") && !is_unsecured {
        let reason = format!(
            "OAUTHBEARER needs a librdkafka with libcurl, to fetch tokens, which this build is \
             without; {OTHER_WAYS}"
        );
        return Err(refusal(name, &reason));
    }
    Ok(())
}

fn refusal(name: &str, problem: &str) -> KafkaError {
    KafkaError::Property {
        name: name.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(properties: &[(&str, &str)]) -> String {
        match check(&Properties::of(properties.iter().copied())) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_would_lose_or_never_commit_is_refused() {
        for (name, value) in [
            ("transactional.id", "t"),
            ("delivery.report.only.error", "TRUE"),
            ("acks", "0"),
            ("request.required.acks", "0"),
        ] {
            assert!(said(&[(name, value)]).contains(name), "{name}");
        }
        for (name, value) in [
            ("delivery.report.only.error", "false"),
            ("acks", "all"),
            ("acks", "-1"),
        ] {
            assert_eq!(said(&[(name, value)]), "");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let said_of = |path| said(&[("ssl.ca.location", path)]);
        assert!(said_of("/no/such/ca.pem").contains("cannot read /no/such/ca.pem"));
        assert_eq!(said_of("probe"), "");
        // A directory of certificates.
        assert_eq!(said_of("/"), "");
    }

    #[test]
    fn a_mechanism_that_the_build_lacks_is_refused_with_another_way() {
        let sasl = ("security.protocol", "SASL_SSL");
        for (properties, words) in [
            (vec![sasl], "`sasl.mechanism`: is missing"),
            (vec![sasl, ("sasl.mechanism", "GSSAPI")], "Kerberos"),
            (
                vec![sasl, ("sasl.mechanisms", "oauthbearer")],
                "OAUTHBEARER needs",
            ),
            (vec![("sasl.oauthbearer.method", "oidc")], "OIDC needs"),
        ] {
            let said = said(&properties);
            assert!(
                said.contains(words) && said.contains("SCRAM-SHA-512"),
                "{said}"
            );
        }
        assert_eq!(said(&[sasl, ("sasl.mechanism", "PLAIN")]), "");
        // Nothing is asked of a listener without SASL.
        assert_eq!(said(&[("security.protocol", "ssl")]), "");
        let unsecured = ("enable.sasl.oauthbearer.unsecure.jwt", "true");
        assert_eq!(
            said(&[sasl, ("sasl.mechanism", "OAUTHBEARER"), unsecured]),
            ""
        );
    }
}
