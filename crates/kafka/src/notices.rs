//! Warnings that repeat are said once per interval and cause, with how often they came.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::waker::now;

/// How long a cause stays quiet after it was said.
const QUIET: Duration = Duration::from_secs(30);

/// Distinct causes that are told apart; more share one entry, so that their number is bounded.
const CAUSES_MAX: usize = 64;

/// Decides which warnings are said, so that a flood of one cause stays readable.
#[derive(Debug, Default)]
pub struct Notices(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    said: Instant,
    held_back: u64,
}

impl Notices {
    /// `Some(n)` when `cause` may be said now, with how many were held back since the last time. A cause is
    /// the name of a code or of a facility, never the words of a message.
    pub fn admit(&self, cause: &str) -> Option<u64> {
        self.admit_at(cause, now())
    }

    fn admit_at(&self, cause: &str, at: Instant) -> Option<u64> {
        let mut entries = self.0.lock();
        let cause = if entries.len() >= CAUSES_MAX && !entries.contains_key(cause) {
            "other"
        } else {
            cause
        };
        let Some(entry) = entries.get_mut(cause) else {
            let first = Entry {
                said: at,
                held_back: 0,
            };
            entries.insert(cause.to_owned(), first);
            return Some(0);
        };
        if at.duration_since(entry.said) < QUIET {
            entry.held_back += 1;
            return None;
        }
        entry.said = at;
        Some(std::mem::take(&mut entry.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_a_cause_once_per_interval_and_counts_the_rest() {
        let notices = Notices::default();
        let start = now();
        assert_eq!(notices.admit_at("down", start), Some(0));
        assert_eq!(notices.admit_at("down", start), None);
        assert_eq!(notices.admit_at("other thing", start), Some(0));
        assert_eq!(notices.admit_at("down", start + QUIET), Some(1));
    }

    #[test]
    fn holds_a_bounded_number_of_causes() {
        let notices = Notices::default();
        for cause in 0..10 * CAUSES_MAX {
            notices.admit(&cause.to_string());
        }
        assert!(notices.0.lock().len() <= CAUSES_MAX + 1);
    }
}
