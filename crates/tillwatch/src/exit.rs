//! How the program ends on an error: what it says last, and its exit code, as `--help` lists them.

use std::fmt;

use tillwatch_consumer::ConsumerError;
use tillwatch_records::error::Remedy;

use crate::config::ConfigError;
use crate::setup::SetupError;

/// Failed while working: broker, disk or input.
pub const FAILED: u8 = 1;
/// Wrong configuration, catalog or model.
pub const MISCONFIGURED: u8 = 3;
/// Stopped before everything was delivered.
pub const NOT_DRAINED: u8 = 4;

/// An error that a person must mend in the configuration, with its message.
#[derive(Debug)]
pub struct Misconfigured(pub String);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

/// What ended work that had begun, whatever its cause.
#[derive(Debug)]
struct WhileRunning(anyhow::Error);

impl fmt::Display for WhileRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(&self.0))
    }
}

impl std::error::Error for WhileRunning {}

/// `error` as one that ended work that had begun: another start may succeed.
pub fn while_running(error: impl Into<anyhow::Error>) -> anyhow::Error {
    WhileRunning(error.into()).into()
}

/// `error` as one of the configuration.
pub fn misconfigured(error: impl fmt::Display) -> anyhow::Error {
    Misconfigured(error.to_string()).into()
}

/// The exit code of `error`.
pub fn code(error: &anyhow::Error) -> u8 {
    let wrong = error.downcast_ref::<Misconfigured>().is_some()
        || error.downcast_ref::<ConfigError>().is_some()
        || error.downcast_ref::<SetupError>().is_some()
        || error
            .downcast_ref::<ConsumerError>()
            .is_some_and(|error| error.remedy() == Remedy::Fatal);
    if wrong { MISCONFIGURED } else { FAILED }
}

/// `error` and its causes in one line. Many errors say their cause themselves, so a cause is added only where
/// its words are not there already.
pub fn message(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("rule `X`: no such column")]
    struct Rule;

    /// Says its cause.
    #[derive(Debug, thiserror::Error)]
    #[error("rules.toml: {0}")]
    struct File(#[source] Rule);

    /// Leaves its cause to whoever asks.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Start(#[source] File);

    #[test]
    fn only_what_was_never_begun_is_misconfigured() {
        let refused = || ConsumerError::Authorization("topic `tx`".into());
        assert_eq!(code(&refused().into()), MISCONFIGURED);
        let error = while_running(refused());
        assert_eq!(code(&error), FAILED);
        assert_eq!(message(&error), refused().to_string());
        assert_eq!(code(&misconfigured("no such key")), MISCONFIGURED);
        assert_eq!(code(&anyhow::anyhow!("the disk is full")), FAILED);
    }

    #[test]
    fn a_cause_is_said_once() {
        let nested = anyhow::Error::new(File(Rule));
        assert_eq!(message(&nested), "rules.toml: rule `X`: no such column");
        let nested = anyhow::Error::new(Start(File(Rule))).context("tillwatch.toml");
        assert_eq!(
            message(&nested),
            "tillwatch.toml: cannot start: rules.toml: rule `X`: no such column"
        );
        let alone = Err::<(), _>(Rule).context("outside").unwrap_err();
        assert_eq!(message(&alone), "outside: rule `X`: no such column");
        assert_eq!(message(&misconfigured("one")), "one");
    }
}
