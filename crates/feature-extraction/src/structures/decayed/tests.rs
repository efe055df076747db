use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::structures::histogram::value_of;
use crate::tests::{DAY_MS, Sample, assert_close, samples};

fn life(ms: i64) -> HalfLife {
    HalfLife::new(ms)
}

fn filled(samples: &[Sample], half_life_ms: i64) -> Decayed {
    let mut decayed = Decayed::default();
    for s in samples {
        decayed.update(life(half_life_ms), s.time_ms, s.value);
    }
    decayed
}

/// What cannot be seen from outside.
fn validate(decayed: &Decayed) {
    let entries = &decayed.entries;
    assert!(entries.is_sorted_by(|a, b| a.bucket < b.bucket));
    assert!(entries.iter().all(|e| e.weight() > 0));
    assert_eq!(
        entries.iter().map(|e| e.weight()).sum::<u64>(),
        decayed.total
    );
    assert!(decayed.total < TOTAL_MAX);
    assert!(entries.capacity() <= capacity_max(entries.len()));
}

/// Weighted quantile by definition, of values and weights.
fn quantile(mut values: Vec<(f64, f64)>, q: f64) -> f64 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|v| v.1).sum();
    let wanted = total * q * (1.0 - 2f64.powi(-36));
    let mut below = 0.0;
    for (value, weight) in &values {
        below += weight;
        if below >= wanted {
            return *value;
        }
    }
    f64::NAN
}

/// Bucket middles and weights as of the newest record.
fn weighted(samples: &[Sample], half_life_ms: i64) -> Vec<(f64, f64)> {
    let newest = samples.iter().map(|s| s.time_ms).max().unwrap_or(0);
    let weigh = |s: &Sample| ((s.time_ms - newest) as f64 / half_life_ms as f64).exp2();
    let values = samples
        .iter()
        .map(|s| (value_of(bucket_of(s.value)), weigh(s)));
    values.collect()
}

#[track_caller]
fn check(decayed: &mut Decayed, samples: &[Sample], half_life_ms: i64) {
    let values = weighted(samples, half_life_ms);
    for q in [1e-9, 0.05, 0.25, 0.5, 0.75, 0.99, 1.0] {
        assert_eq!(decayed.quantile(q), quantile(values.clone(), q), "q = {q}");
    }
    let median = quantile(values.clone(), 0.5);
    let distances = values.iter().map(|(v, w)| ((v - median).abs(), *w));
    let deviation = quantile(distances.collect(), 0.5);
    let found = decayed.robust_z(1234.0, false);
    if deviation == 0.0 {
        assert!(found.is_nan());
    } else {
        assert_close(found, (1234.0 - median) / (1.4826 * deviation));
    }
}

#[test]
fn the_recent_outweigh_the_many() {
    let mut decayed = Decayed::default();
    assert!(decayed.quantile(0.5).is_nan() && decayed.robust_z(1.0, false).is_nan());
    assert_eq!(decayed.bytes(), 0);
    for _ in 0..3 {
        decayed.update(life(1000), 0, 10.0);
    }
    decayed.update(life(1000), 0, f64::NAN);
    assert_eq!(decayed.quantile(0.5), value_of(bucket_of(10.0)));
    assert!(decayed.robust_z(20.0, false).is_nan());
    // Three of weight 1/4 against one of weight 1.
    decayed.update(life(1000), 2000, 30.0);
    assert_eq!(decayed.quantile(0.5), value_of(bucket_of(30.0)));
    assert_eq!(decayed.quantile(0.4), value_of(bucket_of(10.0)));
    assert_eq!(decayed.quantile(0.43), value_of(bucket_of(30.0)));
    // Late records weigh what is left of them: 4 · 1/4 more.
    for _ in 0..4 {
        decayed.update(life(1000), 0, 10.0);
    }
    assert_eq!(decayed.quantile(0.5), value_of(bucket_of(10.0)));
}

#[test]
fn a_rank_on_a_bound_takes_the_lower_bucket() {
    let mut decayed = Decayed::default();
    for now_ms in [0, 1, 333, 333, 4777] {
        for value in [-5.0, 0.0, 7.0, 9.0] {
            decayed.update(life(3000), now_ms, value);
        }
        assert_eq!(decayed.quantile(0.25), value_of(bucket_of(-5.0)));
        assert_eq!(decayed.quantile(0.5), 0.0);
        assert_eq!(decayed.quantile(0.75), value_of(bucket_of(7.0)));
        // Distances to 0 in order: 0, 5, 7, 9.
        let deviation = -value_of(bucket_of(-5.0));
        assert_close(decayed.robust_z(2.0, false), 2.0 / (1.4826 * deviation));
    }
}

#[test]
fn is_the_definition_on_random_records() {
    for (seed, half_life_ms) in [(1, 28 * DAY_MS), (2, DAY_MS), (3, 3_600_000), (4, 30_000)] {
        let samples = samples(seed, 1200);
        let mut decayed = Decayed::default();
        for (n, s) in samples.iter().enumerate() {
            decayed.update(life(half_life_ms), s.time_ms, s.value);
            if n % 17 == 0 {
                check(&mut decayed, &samples[..=n], half_life_ms);
                validate(&decayed);
            }
        }
    }
}

#[test]
fn logarithms_are_those_of_the_middles() {
    let samples = samples(9, 400);
    let (mut decayed, mut values) = (Decayed::default(), Vec::new());
    for s in samples.iter().filter(|s| s.value > 0.0) {
        decayed.update(life(DAY_MS), s.time_ms, s.value);
        values.push(*s);
    }
    let logs = weighted(&values, DAY_MS);
    let logs: Vec<_> = logs.iter().map(|(v, w)| (v.ln(), *w)).collect();
    let median = quantile(logs.clone(), 0.5);
    let distances = logs.iter().map(|(v, w)| ((v - median).abs(), *w));
    let deviation = quantile(distances.collect(), 0.5);
    let expected = (500f64.ln() - median) / (1.4826 * deviation);
    assert_close(decayed.robust_z(500.0, true), expected);
    assert!(decayed.robust_z(0.0, true).is_nan());
}

#[test]
fn infinities_are_borne() {
    let mut decayed = Decayed::default();
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, 1.0] {
        assert!(decayed.robust_z(2.0, false).is_nan());
        decayed.update(life(1000), 0, value);
        validate(&decayed);
    }
    assert_eq!(
        decayed.robust_z(2.0, false),
        0.0,
        "the deviation is infinite"
    );
    assert_eq!(decayed.quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(decayed.quantile(1.0), f64::INFINITY);
    for _ in 0..3 {
        decayed.update(life(1000), 0, 1.0);
    }
    assert!(decayed.robust_z(2.0, false).is_nan());
}

#[test]
fn years_and_silences_leave_what_is_recent() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let mut samples = Vec::new();
    let mut decayed = Decayed::default();
    let mut now_ms = 0;
    for n in 0..4000 {
        now_ms += match n % 400 {
            0 => 3000 * DAY_MS,
            1 => 90 * DAY_MS,
            _ => random.random_range(0..DAY_MS),
        };
        let value = 1.01f64.powi(n) + random.random_range(0.0..50.0);
        decayed.update(life(DAY_MS), now_ms, value);
        samples.push(Sample {
            time_ms: now_ms,
            value,
            kind: 1,
        });
        if n % 50 == 0 {
            check(&mut decayed, &samples, DAY_MS);
        }
    }
    // About 80 records and 1.2 powers of two within 40 half-lives, out of 58 powers of two.
    assert!(decayed.entries.len() < 400, "{}", decayed.entries.len());
    assert!(decayed.bytes() < 8000, "{}", decayed.bytes());
}

#[test]
fn a_burst_leaves_room_for_what_follows() {
    let mut random = ChaCha8Rng::seed_from_u64(10);
    let mut samples = Vec::new();
    let mut decayed = Decayed::default();
    for n in 0..42_000 {
        let later_ms = (n - 40_000).max(0) * 60_000;
        let s = Sample {
            time_ms: n / 40 + later_ms,
            value: random.random_range(10.0..300.0),
            kind: 1,
        };
        decayed.update(life(3_600_000), s.time_ms, s.value);
        samples.push(s);
        if n % 10_000 == 9_999 || (n > 40_000 && n % 300 == 0) {
            validate(&decayed);
            check(&mut decayed, &samples, 3_600_000);
        }
    }
}

#[test]
fn buckets_are_bounded() {
    let mut decayed = Decayed::default();
    for n in 0..30_000i32 {
        let value = 1.005f64.powi(n);
        decayed.update(life(1000 * DAY_MS), i64::from(n), value);
    }
    assert_eq!(decayed.entries.len(), ENTRIES_MAX);
    assert_eq!(decayed.bytes(), 12 * ENTRIES_MAX);
    validate(&decayed);
    restored(&decayed);
    let integers = (0..63).flat_map(|bits| (0..64).map(move |n| (64 + n) << bits >> 6));
    let buckets: std::collections::BTreeSet<i32> = integers
        .flat_map(|n: i128| [n, -n])
        .map(|n| bucket_of(n as f64))
        .collect();
    assert!(buckets.len() <= ENTRIES_MAX);
}

#[track_caller]
fn restored(decayed: &Decayed) -> Decayed {
    let mut words = Vec::new();
    decayed.write(&mut words);
    words.push(9);
    let mut rest = words.as_slice();
    let restored = Decayed::read_from(&mut rest).expect("what was written is read");
    assert_eq!(rest, [9]);
    assert_eq!(restored.bytes(), decayed.bytes());
    assert_eq!(restored.entries, decayed.entries);
    assert_eq!(restored.total, decayed.total);
    restored
}

#[test]
fn goes_on_after_a_restore_as_if_there_had_been_none() {
    restored(&Decayed::default());
    let samples = samples(6, 900);
    for half_life_ms in [DAY_MS, 600_000] {
        let mut through = Decayed::default();
        let mut stopped = Decayed::default();
        for (n, s) in samples.iter().enumerate() {
            through.update(life(half_life_ms), s.time_ms, s.value);
            stopped.update(life(half_life_ms), s.time_ms, s.value);
            if n % 7 == 0 {
                stopped = restored(&stopped);
            }
            assert_eq!(stopped.bytes(), through.bytes());
            assert_eq!(stopped.total, through.total);
        }
        assert_eq!(stopped.entries, through.entries);
    }
}

#[test]
fn what_is_corrupt_is_refused() {
    let mut words = Vec::new();
    filled(&samples(7, 200), DAY_MS).write(&mut words);
    for length in 0..words.len() {
        assert!(Decayed::read_from(&mut &words[..length]).is_none());
    }
    let length = words[3];
    let changes = [
        (2, u32::MAX),
        (2, length - 1),
        (2, 4 * length + 5),
        (3, u32::MAX),
        (3, 0),
        (4, 0x7fff_ffff),
        (4, 0x8000_0000),
        (7, words[4]),
        (6, 1 << 21),
        (6, u32::MAX),
    ];
    for (at, word) in changes {
        let mut words = words.clone();
        words[at] = word;
        assert!(Decayed::read_from(&mut words.as_slice()).is_none(), "{at}");
    }
    (words[5], words[6]) = (0, 0);
    assert!(Decayed::read_from(&mut words.as_slice()).is_none());
    let mut cleared = filled(&samples(7, 200), DAY_MS);
    cleared.clear();
    assert_eq!(cleared.bytes(), 0);
}
