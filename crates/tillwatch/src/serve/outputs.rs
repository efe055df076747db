//! What is known of the sink, for readiness and metrics.

use std::time::Duration;

use tillwatch_sink::Sink;

/// The sink as it is now.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// What outputs wait for; empty when they are being delivered.
    pub waiting: Vec<Wait>,
    /// Records handed over and not yet acknowledged.
    pub in_flight: u64,
    /// Records given up: the run ends with an error then.
    pub failed: u64,
    /// Times that a lane waited because the sink was full.
    pub full_waits: u64,
}

/// Something that outputs wait for.
#[derive(Debug, Clone)]
pub struct Wait {
    /// A word for it, one of few.
    pub cause: &'static str,
    /// How long it has lasted.
    pub lasted: Duration,
    /// What it is and what to do, in a sentence.
    pub said: String,
}

impl Outputs {
    /// Asks `sink`, which is cheap.
    pub fn of(sink: &dyn Sink) -> Self {
        let counters = sink.counters();
        Self {
            waiting: Vec::new(),
            in_flight: counters.in_flight,
            failed: counters.failed,
            full_waits: counters.full_waits,
        }
    }
}
