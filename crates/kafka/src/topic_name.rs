//! What a topic may be called.

use crate::error::KafkaError;

/// The longest name that Kafka accepts.
const NAME_BYTES_MAX: usize = 249;

/// Whether Kafka accepts `name` for a topic (`org.apache.kafka.common.internals.Topic`).
///
/// # Errors
/// [`KafkaError::TopicName`].
pub fn check_topic_name(name: &str) -> Result<(), KafkaError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(is_allowed);
    if is_name {
        return Ok(());
    }
    Err(KafkaError::TopicName(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kafka_accepts() {
        for name in ["t", "tillwatch.dead-letters", "_a", &"x".repeat(249)] {
            assert!(check_topic_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "a\u{0}", "ä", &"x".repeat(250)] {
            assert!(check_topic_name(name).is_err(), "{name}");
        }
    }
}
