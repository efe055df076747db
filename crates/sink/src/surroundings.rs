//! What a sink takes from around it.

use std::fmt;
use std::sync::Arc;

use tillwatch_kafka::Properties;

/// The time now, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sink takes from around it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// librdkafka properties that source and sink share, such as `bootstrap.servers` and those of TLS
    /// and SASL. A sink's own `properties` override them.
    pub properties: Properties,
    /// The transactional id of a sink that names none; it belongs to this instance alone, and is the same
    /// after a restart.
    pub transactional_id: Option<String>,
    /// Stamps alerts with their `decision_time`; without it they carry none, and equal input gives
    /// equal bytes.
    pub clock: Option<Clock>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("properties", &self.properties)
            .field("transactional_id", &self.transactional_id)
            .field("clock", &self.clock.is_some())
            .finish()
    }
}
