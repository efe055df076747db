//! How much is asked of the scoring of a batch that is late.

use std::time::Duration;

use tillwatch_scoring::Effort;

/// Weight of the newest batch in what scoring a row is expected to take.
const NEWEST_WEIGHT: f64 = 0.25;

/// What the expectation shrinks by with every batch that less was asked of: it says nothing of what all would
/// take, and without it one slow batch would be held against all that follow.
const FORGETTING: f64 = 0.9;

/// Says by the age of a batch how much is asked of it.
///
/// The age is how long the lane has had the batch: since records were reported to it while it was idle, else
/// since it was done with the batch before. Neither the records' timestamps nor their wait in the queue
/// behind other batches count, so a backlog of hours is worked off in full, while batches that are slow for
/// what is done with them are shortened.
#[derive(Debug)]
pub struct Deadline {
    limit: Duration,
    /// What the whole of scoring is expected to take, seconds per row.
    per_row: f64,
}

impl Deadline {
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            per_row: 0.0,
        }
    }

    /// Past the limit only rules are asked; where all of scoring would end past it, nothing that decides
    /// nothing.
    pub fn effort(&self, age: Duration, rows: usize) -> Effort {
        let expected = self.per_row * rows as f64;
        if age > self.limit {
            Effort::Least
        } else if age.as_secs_f64() + expected > self.limit.as_secs_f64() {
            Effort::Reduced
        } else {
            Effort::Full
        }
    }

    /// Learns what scoring took.
    pub fn learn(&mut self, effort: Effort, rows: usize, took: Duration) {
        if effort > Effort::Full {
            self.per_row *= FORGETTING;
        } else if rows > 0 {
            let newest = took.as_secs_f64() / rows as f64;
            self.per_row += NEWEST_WEIGHT * (newest - self.per_row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn less_is_asked_near_the_limit_and_least_past_it() {
        let mut deadline = Deadline::new(ms(50));
        assert_eq!(deadline.effort(ms(50), 1000), Effort::Full);
        assert_eq!(deadline.effort(ms(51), 0), Effort::Least);
        // 20 µs a row, seen often enough.
        for _ in 0..40 {
            deadline.learn(Effort::Full, 1000, ms(20));
        }
        assert_eq!(deadline.effort(ms(29), 1000), Effort::Full);
        assert_eq!(deadline.effort(ms(31), 1000), Effort::Reduced);
        assert_eq!(deadline.effort(ms(31), 100), Effort::Full);
        assert_eq!(deadline.effort(ms(51), 1), Effort::Least);
    }

    #[test]
    fn one_slow_batch_is_forgiven() {
        let mut deadline = Deadline::new(ms(50));
        deadline.learn(Effort::Full, 10, ms(4_000));
        let mut shortened = 0;
        while deadline.effort(ms(0), 10) == Effort::Reduced {
            deadline.learn(Effort::Reduced, 10, ms(1));
            shortened += 1;
        }
        assert!((1..100).contains(&shortened), "{shortened}");
    }
}
