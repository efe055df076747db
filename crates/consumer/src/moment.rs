//! The time, as the poll thread sees it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tillwatch_kafka::now;

/// A moment of a consumer. Inlets read no clock: they are told the time, so that tests can tell another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the consumer was made; never goes back.
    pub(crate) elapsed: Duration,
    /// By this machine's clock, in milliseconds since 1970.
    pub(crate) unix_ms: i64,
}

impl Moment {
    /// Now, of a consumer that was made at `start`.
    pub(crate) fn since(start: Instant) -> Self {
        Self {
            elapsed: now().duration_since(start),
            unix_ms: unix_ms(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a record's timestamp is held against the machine's clock: whether it lies in the future"
)]
fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default().as_millis();
    i64::try_from(since).unwrap_or(i64::MAX)
}
