//! Time on a core.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What `clock` shows: `ThreadCPUTime` of the calling thread, or `ProcessCPUTime` of all threads.
pub fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        time.tv_sec.cast_unsigned(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
