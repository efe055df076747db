//! What can go wrong, and what to do about it.

use tillwatch_kafka::KafkaError;
use tillwatch_records::error::Remedy;

/// An error of the simulator or of the embedded broker.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A setting that makes no fleet.
    #[error("simulator setting `{setting}` is {given}; {fix}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        given: String,
        /// What to write instead.
        fix: &'static str,
    },
    /// The embedded broker did not start, or refused what was asked.
    #[error("embedded broker: {0}; free some ports and file handles, or use a real broker")]
    Broker(#[from] KafkaError),
}

impl SimulatorError {
    /// What the caller may do.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}
