//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// The first wait, and the longest: a store that is away is asked once a minute.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Waits that double.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff(Option<Duration>);

impl Backoff {
    /// The next wait, at most [`LONGEST`].
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0.map_or(FIRST, |wait| (wait * 2).min(LONGEST));
        self.0 = Some(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
