//! What is known of the sink, for readiness and metrics.

use tillwatch_sink::{CountersSnapshot, Sink, SinkStatus};

/// The sink as it is now.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// What outputs wait for, and what is on its way.
    pub status: SinkStatus,
    pub counters: CountersSnapshot,
}

impl Outputs {
    /// Asks `sink`, which is cheap.
    pub fn of(sink: &dyn Sink) -> Self {
        Self {
            status: sink.status(),
            counters: sink.counters(),
        }
    }
}
