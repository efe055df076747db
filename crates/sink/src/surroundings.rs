//! What a sink takes from around it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The time now, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sink takes from around it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// librdkafka properties that source and sink share, such as `bootstrap.servers` and those of TLS
    /// and SASL. A sink's own `properties` override them.
    pub properties: BTreeMap<String, String>,
    /// Stamps alerts with their `decision_time`; without it they carry none, and equal input gives
    /// equal bytes.
    pub clock: Option<Clock>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: there are passwords among them.
        f.debug_struct("Surroundings")
            .field("properties", &self.properties.keys())
            .field("clock", &self.clock.is_some())
            .finish()
    }
}
