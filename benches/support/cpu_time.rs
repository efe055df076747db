//! Time that the measuring thread spent on a core, in place of time on the wall: what else runs on the
//! machine then disturbs much less.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the calling thread's CPU time.
pub struct CpuTime(WallTime);

impl CpuTime {
    pub fn new() -> Self {
        Self(WallTime)
    }

    fn now_ns() -> u64 {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }
}

impl Measurement for CpuTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        Self::now_ns()
    }

    fn end(&self, start: u64) -> u64 {
        Self::now_ns() - start
    }

    fn add(&self, a: &u64, b: &u64) -> u64 {
        a + b
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        // Nanoseconds read alike, wherever they were spent.
        self.0.formatter()
    }
}
