//! The only clock of the program. The engine never sees it: its time comes from records.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// A point on the monotonic clock, for measuring durations at the edge.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge measures how long things take"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, UTC, for comparison with Kafka record timestamps.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge compares record timestamps with today"
)]
pub fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits for `duration`, where the passing of time itself is the event: pacing and refreshing.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing else ends the wait for a point in time"
)]
pub fn wait(duration: Duration) {
    std::thread::sleep(duration);
}

/// CPU time that this process has used, on all threads.
pub fn process_cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(used.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}
