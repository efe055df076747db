//! What can go wrong, and what to do about it.

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
    /// The embedded broker refused a step of its start.
    #[error(
        "embedded broker: cannot {step}: {source}; free some ports and file handles, or use a real broker"
    )]
    Broker {
        /// What was being done.
        step: &'static str,
        /// What librdkafka answered.
        source: rdkafka::error::KafkaError,
    },
    /// librdkafka made a client but no cluster in it.
    #[error(
        "embedded broker: librdkafka started no cluster; build it with its mock cluster or use a real broker"
    )]
    NoCluster,
}

impl SimulatorError {
    /// What the caller may do.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}
