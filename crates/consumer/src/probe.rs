//! What the brokers say of topics and group, without joining the group.

use std::time::Duration;

use tillwatch_kafka::{Findings, Question, ask};

use crate::error::ConsumerError;
use crate::settings::ConsumerSettings;

/// Asks the brokers of `settings` about its topics and its group, waiting at most `timeout` in all.
/// That they do not answer is part of what is found.
///
/// # Errors
/// A setting or property that cannot work, or no thread to ask on.
pub fn probe(settings: &ConsumerSettings, timeout: Duration) -> Result<Findings, ConsumerError> {
    let question = Question {
        topics: settings.topics.clone(),
        group: Some(settings.group.clone()),
        timeout,
    };
    Ok(ask(&settings.client_config()?, &question)?)
}
