//! Sending at a rate.

use std::time::{Duration, Instant};

use crate::clock;

/// Below this a wait is not worth a system call; records due within it go together.
const TICK: Duration = Duration::from_millis(1);

/// Spreads work evenly over time. Each unit has an intended time, so that a stall is caught up rather
/// than silently lowering the rate.
#[derive(Debug)]
pub struct Pace {
    started: Instant,
    per_second: Option<f64>,
    sent: u64,
}

impl Pace {
    /// `per_second` units a second, or as fast as possible.
    pub fn new(per_second: Option<u32>) -> Self {
        Self {
            started: clock::now(),
            per_second: per_second.map(f64::from),
            sent: 0,
        }
    }

    /// Waits until the next unit is due.
    pub fn wait(&mut self) {
        let Some(per_second) = self.per_second else {
            return;
        };
        let due = self.started + Duration::from_secs_f64(self.sent as f64 / per_second);
        self.sent += 1;
        let left = due.saturating_duration_since(clock::now());
        if left >= TICK {
            clock::wait(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_rate_and_is_free_without_one() {
        let started = clock::now();
        let mut pace = Pace::new(Some(1_000));
        for _ in 0..51 {
            pace.wait();
        }
        let taken = started.elapsed();
        assert!(taken >= Duration::from_millis(48), "{taken:?}");
        let mut unbounded = Pace::new(None);
        for _ in 0..1_000_000 {
            unbounded.wait();
        }
    }
}
