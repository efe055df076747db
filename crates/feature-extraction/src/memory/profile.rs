//! Rate that is usual for the hour of the week, weighted by age.
//!
//! One sum of weights per hour of the week (UTC), in `f32`. Records of the running hour are gathered in
//! an `f64` and enter their slot when another hour begins, so a slot is rounded once per week (and once
//! per late record of another hour) and not once per record. Each rounding is at most 6·10⁻⁸ of what
//! the slot holds by then, and fades with it: at a steady rate and a half-life of 28 days 4·10⁻⁷
//! in all, and below 10⁻⁵ whatever the rates for three years of roundings. Rates of less than 2⁻⁶⁰
//! records per hour may come out as 0.
//!
//! Cost: O(1), two exponentials to read, one to update; the slots are gone through once in 64
//! half-lives. Space: 704 bytes per key.

use std::f64::consts::LN_2;

use crate::structures::decay::{HalfLife, Shift};
use crate::words::{get_float, get_time, set_float, set64};

const HOUR_MS: i64 = 3_600_000;
const HOURS_PER_WEEK: i64 = 168;
/// Shortest time for which rates are given.
pub(crate) const WEEK_MS: i64 = HOURS_PER_WEEK * HOUR_MS;

/// Earliest event time of a counted record.
const FIRST: usize = 0;
/// Time at which a record weighs 1.
const LANDMARK: usize = 2;
/// The running hour, counted from 1970.
const HOUR: usize = 4;
/// Sum of weights of the running hour; 0 only until a record counted.
const RUNNING: usize = 6;
/// One `f32` per hour of the week.
const SLOTS: usize = 8;

/// Words per key.
pub(crate) const WORDS: usize = SLOTS + HOURS_PER_WEEK as usize;

/// A rate per hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProfileSpec {
    pub(crate) half_life: HalfLife,
}

impl ProfileSpec {
    /// Counted records per hour to expect in the hour of the week of `now_ms`; NaN in the first seven
    /// days after the first.
    ///
    /// Weights are as of `now_ms`, or of the watermark where that is later, so that none is above 1: long
    /// before it, what counts by then has decayed further than a slot can tell.
    #[inline]
    pub(crate) fn read(self, memory: &[u32], now_ms: i64, watermark_ms: i64) -> f64 {
        let running = get_float(memory, RUNNING);
        let as_of_ms = now_ms.max(watermark_ms);
        let age_ms = as_of_ms.saturating_sub(get_time(memory, FIRST));
        if running == 0.0 || age_ms < WEEK_MS {
            return f64::NAN;
        }
        let slot = slot_of(hour_of(now_ms));
        let mut sum = f64::from(f32::from_bits(memory[slot]));
        if slot == slot_of(get_time(memory, HOUR)) {
            sum += running;
        }
        // Weeks since the first record, weighted like the records: the integral of 2^(−age/half-life).
        let decayed = 1.0 - libm::exp2(-self.half_life.count(age_ms));
        let weeks = self.half_life.as_ms() as f64 / (LN_2 * WEEK_MS as f64) * decayed;
        sum * self.half_life.weight(as_of_ms, get_time(memory, LANDMARK)) / weeks
    }

    /// Earliest event time of a counted record, once there is one.
    pub(crate) fn first_ms(memory: &[u32]) -> Option<i64> {
        (get_float(memory, RUNNING) != 0.0).then(|| get_time(memory, FIRST))
    }

    /// Takes in a counted record, in order or late.
    #[inline]
    pub(crate) fn update(self, memory: &mut [u32], now_ms: i64) {
        let hour = hour_of(now_ms);
        if get_float(memory, RUNNING) == 0.0 {
            set64(memory, FIRST, now_ms.cast_unsigned());
            set64(memory, LANDMARK, now_ms.cast_unsigned());
            set64(memory, HOUR, hour.cast_unsigned());
            set_float(memory, RUNNING, 1.0);
            return;
        }
        if now_ms < get_time(memory, FIRST) {
            set64(memory, FIRST, now_ms.cast_unsigned());
        }
        if let Some(shift) = self.half_life.shift(get_time(memory, LANDMARK), now_ms) {
            scale(memory, shift);
        }
        let weight = self.half_life.weight(get_time(memory, LANDMARK), now_ms);
        let running_hour = get_time(memory, HOUR);
        let running = get_float(memory, RUNNING);
        if hour == running_hour {
            set_float(memory, RUNNING, running + weight);
        } else if hour > running_hour {
            add(memory, slot_of(running_hour), running);
            set64(memory, HOUR, hour.cast_unsigned());
            set_float(memory, RUNNING, weight);
        } else {
            add(memory, slot_of(hour), weight);
        }
    }
}

#[inline]
fn add(memory: &mut [u32], slot: usize, weight: f64) {
    let sum = f64::from(f32::from_bits(memory[slot])) + weight;
    memory[slot] = (sum as f32).to_bits();
}

#[cold]
fn scale(memory: &mut [u32], shift: Shift) {
    set64(memory, LANDMARK, shift.landmark_ms.cast_unsigned());
    let running = get_float(memory, RUNNING);
    set_float(memory, RUNNING, running * shift.factor);
    for slot in &mut memory[SLOTS..WORDS] {
        let sum = f64::from(f32::from_bits(*slot)) * shift.factor;
        *slot = (sum as f32).to_bits();
    }
}

#[inline]
fn hour_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(HOUR_MS)
}

/// Word of the slot of an hour. Slot 0 begins on Thursdays at midnight, as 1970 did.
#[inline]
fn slot_of(hour: i64) -> usize {
    SLOTS + hour.rem_euclid(HOURS_PER_WEEK) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{DAY_MS, samples};

    fn spec(ms: i64) -> ProfileSpec {
        ProfileSpec {
            half_life: HalfLife::new(ms),
        }
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        let near = (found - expected).abs() <= 1e-5 * expected;
        assert!(
            near || (found.is_nan() && expected.is_nan()),
            "{found} is not {expected}"
        );
    }

    fn newest(times: &[i64]) -> i64 {
        times.iter().copied().max().unwrap_or(i64::MIN)
    }

    fn naive(times: &[i64], half_life_ms: i64, now_ms: i64) -> f64 {
        let first = times.iter().copied().min().unwrap_or(now_ms);
        let as_of_ms = now_ms.max(newest(times));
        if as_of_ms - first < WEEK_MS {
            return f64::NAN;
        }
        let half_life = half_life_ms as f64;
        let weigh = |ms: i64| (-(as_of_ms - ms) as f64 / half_life).exp2();
        let same = |ms: &&i64| hour_of(**ms) % 168 == hour_of(now_ms) % 168;
        let sum: f64 = times.iter().filter(same).map(|&ms| weigh(ms)).sum();
        let weeks = half_life / (LN_2 * WEEK_MS as f64) * (1.0 - weigh(first));
        sum / weeks
    }

    #[test]
    fn a_steady_rate_is_found() {
        // Ten records in the first hour of each day for ten weeks.
        let spec = spec(28 * DAY_MS);
        let mut memory = [0; WORDS];
        for day in 0..70 {
            let now_ms = day * DAY_MS;
            assert_eq!(spec.read(&memory, now_ms, now_ms).is_nan(), day < 7);
            for n in 0..10 {
                spec.update(&mut memory, now_ms + n * 60_000);
            }
        }
        // Just before the eleventh week: each week counted at its end would be 10 · 2^(−1/8)…
        let rate = spec.read(&memory, 70 * DAY_MS, 69 * DAY_MS);
        assert!((8.5..10.0).contains(&rate), "{rate}");
        assert_eq!(spec.read(&memory, 70 * DAY_MS + HOUR_MS, 0), 0.0);
    }

    #[test]
    fn is_the_definition_on_random_records() {
        for (seed, half_life_ms) in [(1, 28 * DAY_MS), (2, DAY_MS / 2), (3, 900 * DAY_MS)] {
            let samples = samples(seed, 1500);
            let mut memory = [0; WORDS];
            let mut times = Vec::new();
            for (n, sample) in samples.iter().enumerate() {
                if n % 5 == 0 {
                    let expected = naive(&times, half_life_ms, sample.time_ms);
                    if expected.is_nan() || expected > 1e-12 {
                        let found =
                            spec(half_life_ms).read(&memory, sample.time_ms, newest(&times));
                        assert_near(found, expected);
                    }
                }
                spec(half_life_ms).update(&mut memory, sample.time_ms);
                times.push(sample.time_ms);
            }
        }
    }

    #[test]
    fn stays_exact_over_many_weeks() {
        for half_life_ms in [28 * DAY_MS, 7 * DAY_MS, 2 * DAY_MS] {
            let spec = spec(half_life_ms);
            let mut memory = [0; WORDS];
            let mut times = Vec::new();
            for week in 0..900 {
                for n in 0..1 + week % 13 {
                    let now_ms = week * WEEK_MS + n * 40_000 + week % 24 * HOUR_MS;
                    spec.update(&mut memory, now_ms);
                    times.push(now_ms);
                }
                let now_ms = week * WEEK_MS + 13 * HOUR_MS + WEEK_MS;
                let expected = naive(&times, half_life_ms, now_ms);
                if expected > 1e-12 {
                    assert_near(spec.read(&memory, now_ms, now_ms), expected);
                }
            }
        }
    }

    #[test]
    fn a_busy_hour_does_not_drown_in_rounding() {
        let spec = spec(28 * DAY_MS);
        let mut memory = [0; WORDS];
        let mut times = Vec::new();
        for week in 0..3 {
            for n in 0..100_000 {
                times.push(week * WEEK_MS + n * 36);
                spec.update(&mut memory, week * WEEK_MS + n * 36);
            }
        }
        let now_ms = 3 * WEEK_MS;
        let expected = naive(&times, 28 * DAY_MS, now_ms);
        let error = spec.read(&memory, now_ms, now_ms) / expected - 1.0;
        assert!(error.abs() < 3e-7, "{error}");
    }

    #[test]
    fn a_long_silence_leaves_nothing() {
        let spec = spec(1000);
        let mut memory = [0; WORDS];
        spec.update(&mut memory, 0);
        spec.update(&mut memory, 10 * WEEK_MS);
        let end_ms = 10 * WEEK_MS;
        assert_eq!(spec.read(&memory, end_ms + HOUR_MS, end_ms), 0.0);
        let expected = naive(&[0, end_ms], 1000, end_ms + 1);
        assert_near(spec.read(&memory, end_ms + 1, end_ms), expected);
    }

    #[test]
    fn what_comes_late_is_told_what_is_usual_by_now() {
        let spec = spec(DAY_MS / 4);
        let mut memory = [0; WORDS];
        for now_ms in [0, 2 * DAY_MS, 14 * DAY_MS] {
            spec.update(&mut memory, now_ms);
        }
        // In the hour of the newest record, weeks before it: as at the newest, which weighs 1.
        let rate = 28.0 * LN_2;
        assert_near(spec.read(&memory, 14 * DAY_MS, 14 * DAY_MS), rate);
        assert_near(spec.read(&memory, 7 * DAY_MS, 14 * DAY_MS), rate);
        // A week before the first record too: that began two weeks before the newest.
        assert_near(spec.read(&memory, -7 * DAY_MS, 14 * DAY_MS), rate);
        let faded = spec.read(&memory, 2 * DAY_MS, 14 * DAY_MS);
        assert!((0.0..1e-12).contains(&faded), "{faded}");
    }
}
