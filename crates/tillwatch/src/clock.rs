//! The only clock of the program. The engine never sees it: its time comes from records.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// CPU time that this process has used, on all threads. Zero where the system does not say (only Linux
/// does here).
pub fn process_cpu() -> Duration {
    // Fields 14 and 15 of proc_pid_stat(5), in ticks of 1/100 s; the second field may hold blanks.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
