//! Exit codes, as `--help` lists them.

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
