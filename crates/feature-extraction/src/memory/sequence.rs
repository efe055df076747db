//! What a record's sequence number says: numbers skipped, repeated, gone back, or two counters at once.
//!
//! Numbers count modulo `wrap`; from one to the next is a step d in 0..wrap, forward up to half way
//! round and backward beyond. The fork detector holds two heads, the last number of each of two
//! counters that take turns: two devices with one identity.
//!
//! Cost: a few comparisons, a division where a number lies outside 0..wrap. Space: 16 bytes per key.

use crate::words::{get64, set64};

/// Longest step, in numbers, that still continues a counter: further ahead, it is another one.
const STEP_MAX: i64 = 64;

/// The previous counted record's number plus 1, or 0; it is the head of the counter that is active.
const ACTIVE: usize = 0;
/// The head of the other counter plus 1, or 0.
const OTHER: usize = 2;

/// Words per key.
pub(crate) const WORDS: usize = 4;

/// A counter that starts again at 0 after `wrap` − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceSpec {
    /// At least 1.
    wrap: i64,
}

/// What a record's number shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Numbers skipped; NaN for the first number, a repeated one, and one that went back.
    pub(crate) gap: f64,
    /// The previous number again.
    pub(crate) duplicate: bool,
    /// Less than half way back from the previous number.
    pub(crate) regression: bool,
    /// Continues the counter that was not active.
    pub(crate) fork: bool,
}

impl SequenceSpec {
    /// Of numbers 0 to `wrap` − 1; `wrap` is at least 1.
    pub(crate) const fn new(wrap: i64) -> Self {
        Self {
            wrap: if wrap < 1 { 1 } else { wrap },
        }
    }

    /// What `number` shows after the numbers before.
    #[inline]
    pub(crate) fn read(self, memory: &[u32], number: i64) -> Seen {
        let mut seen = Seen {
            gap: f64::NAN,
            duplicate: false,
            regression: false,
            fork: false,
        };
        let number = self.place(number);
        let Some(step) = self.step(get64(memory, ACTIVE), number) else {
            return seen;
        };
        if step == 0 {
            // Sent again: it belongs to the active counter, whatever else it would continue.
            seen.duplicate = true;
            return seen;
        }
        if step <= self.wrap / 2 {
            seen.gap = (step - 1) as f64;
        } else {
            seen.regression = true;
        }
        seen.fork = !continues(Some(step)) && continues(self.step(get64(memory, OTHER), number));
        seen
    }

    /// Whether `number` goes on from the number before or repeats it, so that the second head does not
    /// matter.
    pub(crate) fn goes_on(self, memory: &[u32], number: i64) -> bool {
        let step = self.step(get64(memory, ACTIVE), self.place(number));
        step == Some(0) || continues(step)
    }

    /// Takes in the number of a record in order.
    #[inline]
    pub(crate) fn update(self, memory: &mut [u32], number: i64) {
        let number = self.place(number);
        let active = get64(memory, ACTIVE);
        let step = self.step(active, number);
        if step == Some(0) {
            // Sent again: both counters stand where they stood.
            return;
        }
        // Whether it continues the other counter or none, it takes the other's head away and leaves the
        // active one behind as the other.
        if !continues(step) {
            set64(memory, OTHER, active);
        }
        set64(memory, ACTIVE, number.cast_unsigned() + 1);
    }

    /// Where on the round `number` lies.
    #[inline]
    fn place(self, number: i64) -> i64 {
        if (0..self.wrap).contains(&number) {
            number
        } else {
            number.rem_euclid(self.wrap)
        }
    }

    /// From a stored head forward to `number`, if there is a head.
    #[inline]
    fn step(self, head: u64, number: i64) -> Option<i64> {
        let head = head.checked_sub(1)?.cast_signed();
        let step = number.wrapping_sub(head);
        Some(if step < 0 { step + self.wrap } else { step })
    }
}

#[inline]
fn continues(step: Option<i64>) -> bool {
    step.is_some_and(|step| (1..=STEP_MAX).contains(&step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::samples;

    fn spec(wrap: i64) -> SequenceSpec {
        SequenceSpec::new(wrap)
    }

    /// One word per number: `first`, the gap, `dup` or `back`, with `*` on a fork.
    fn story(wrap: i64, numbers: &[i64]) -> String {
        let mut memory = [0; WORDS];
        let mut words = Vec::new();
        for &number in numbers {
            let seen = spec(wrap).read(&memory, number);
            spec(wrap).update(&mut memory, number);
            let word = match seen {
                Seen {
                    duplicate: true, ..
                } => "dup".to_owned(),
                Seen {
                    regression: true, ..
                } => "back".to_owned(),
                Seen { gap, .. } if gap.is_nan() => "first".to_owned(),
                Seen { gap, .. } => gap.to_string(),
            };
            words.push(word + if seen.fork { "*" } else { "" });
        }
        words.join(" ")
    }

    #[test]
    fn counts_what_was_skipped() {
        assert_eq!(
            story(1_000_000, &[5, 6, 9, 9, 8, 9]),
            "first 0 2 dup back 0"
        );
        assert_eq!(story(1_000_000, &[999_998, 999_999, 0, 2]), "first 0 0 1");
        // A site that skips 0.
        assert_eq!(story(1_000_000, &[999_999, 1]), "first 1");
        assert_eq!(story(10, &[0, 5, 1]), "first 4 back");
        assert_eq!(story(11, &[0, 5, 0, 6]), "first 4 back back");
        // Numbers outside the round are taken modulo it.
        assert_eq!(story(10, &[-1, 10, 21]), "first 0 0");
        assert_eq!(story(1, &[3, 4]), "first dup");
    }

    #[test]
    fn bears_every_number() {
        for wrap in [1, 2, i64::MAX] {
            let numbers = [i64::MIN, i64::MAX, 0, -1, i64::MIN, i64::MAX - 1];
            assert!(story(wrap, &numbers).starts_with("first "));
        }
        assert_eq!(story(i64::MAX, &[i64::MAX - 1, 0, 1]), "first 0 0");
    }

    #[test]
    fn sees_two_counters_taking_turns() {
        let turns = [100, 101, 5000, 102, 5001, 5002, 103, 104];
        let expected = "first 0 4898 back* 4898* 0 back* 0";
        assert_eq!(story(1_000_000, &turns), expected);
        // One counter that jumps is no fork, nor are three that take turns.
        assert_eq!(
            story(1_000_000, &[1, 2, 900, 901, 2000]),
            "first 0 897 0 1098"
        );
        assert_eq!(story(1_000_000, &[1, 1000, 2000, 2]), "first 998 999 back");
        // 64 ahead continues, 65 does not, over the wrap too.
        assert_eq!(story(1000, &[990, 300, 54]), "first 309 back*");
        assert_eq!(story(1000, &[990, 300, 55]), "first 309 back");
    }

    /// The detectors by the letter, with heads that know when they were active.
    #[test]
    fn is_the_definition_on_random_numbers() {
        for (seed, wrap) in [(1, 100), (2, 1000), (3, 7), (4, 1_000_000)] {
            let mut memory = [0; WORDS];
            let mut heads: Vec<(usize, i64)> = Vec::new();
            let mut counters = [3i64, 400];
            let mut previous: Option<i64> = None;
            for (n, sample) in samples(seed, 2000).iter().enumerate() {
                let counter = &mut counters[(sample.kind % 2) as usize];
                *counter += [1, 1, 0, 1, -2, 30][(sample.time_ms % 6).unsigned_abs() as usize];
                let number = *counter;
                let d = previous.map(|p| (number - p).rem_euclid(wrap));
                let near = |head: i64| (1..=64).contains(&(number - head).rem_euclid(wrap));
                heads.sort_unstable();
                let at = (0..heads.len()).rev().find(|&at| near(heads[at].1));
                let seen = spec(wrap).read(&memory, number);
                if d == Some(0) {
                    assert!(seen.duplicate && !seen.fork && !seen.regression);
                    spec(wrap).update(&mut memory, number);
                    continue;
                }
                assert_eq!(
                    seen.fork,
                    at == Some(0) && heads.len() == 2,
                    "{number} {heads:?}"
                );
                assert!(!seen.duplicate);
                assert_eq!(seen.regression, d.is_some_and(|d| 2 * d > wrap));
                let forward = d.filter(|&d| d > 0 && 2 * d <= wrap);
                assert_eq!((!seen.gap.is_nan()).then_some(seen.gap as i64 + 1), forward);
                match at {
                    Some(at) => heads[at] = (n, number),
                    None if heads.len() < 2 => heads.push((n, number)),
                    None => heads[0] = (n, number),
                }
                previous = Some(number);
                spec(wrap).update(&mut memory, number);
            }
        }
    }
}
