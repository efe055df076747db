//! Tables, samples and entropy against naive recomputation.

use std::collections::{BTreeMap, VecDeque};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::distinct::{Distinct, Newest, distinct_of};
use super::entropy::{Entropy, entropy_of};
use super::frequent::{Frequent, top_share_of};
use super::*;

/// A hash of a small number (the finaliser of SplitMix64), never 0.
pub(super) fn hash_of(value: u64) -> u64 {
    let mut z = (value + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)).max(1)
}

/// Keys that make long runs around the end of the table as well as ordinary ones.
fn draw_key(random: &mut ChaCha8Rng) -> u64 {
    match random.random_range(0..4) {
        0 => u64::MAX - random.random_range(0..20u64),
        1 => (u64::MAX << 59) + random.random_range(0..20u64),
        2 => random.random_range(1..20),
        _ => hash_of(random.random_range(0..60)),
    }
}

pub(super) fn words_of<V: pod_map::Value>(map: &PodMap<V>) -> Vec<u32> {
    let mut words = Vec::new();
    map.write(&mut words);
    words
}

#[test]
fn a_map_holds_what_was_inserted() {
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let mut map = PodMap::<i64>::default();
    let mut naive = BTreeMap::new();
    for step in 0..20_000u32 {
        let key = draw_key(&mut random);
        let filling = (step / 1_000).is_multiple_of(2);
        match random.random_range(0..100) {
            0 => {
                let limit = i64::from(step) - random.random_range(0..200);
                map.retain(|_, time| time > limit);
                naive.retain(|_, time| *time > limit);
            }
            choice if (choice < 70) == filling => {
                let time = i64::from(step);
                assert_eq!(map.insert(key, time), naive.insert(key, time));
            }
            _ => assert_eq!(map.remove(key), naive.remove(&key)),
        }
        map.validate();
        assert_eq!(map.len(), naive.len());
        assert_eq!(map.get(key), naive.get(&key).copied());
    }
    let mut entries: Vec<(u64, i64)> = map.iter().collect();
    entries.sort_unstable();
    assert!(entries.iter().copied().eq(naive));
}

#[test]
fn memory_is_a_function_of_the_content() {
    let mut random = ChaCha8Rng::seed_from_u64(22);
    for _ in 0..200 {
        let mut keys: Vec<u64> = (0..150).map(|_| draw_key(&mut random)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (kept, dropped) = keys.split_at(keys.len() * 3 / 4);
        let mut straight = PodMap::<u32>::default();
        for &key in kept {
            straight.insert(key, key as u32);
        }
        let mut roundabout = PodMap::<u32>::default();
        for &key in dropped.iter().chain(kept.iter().rev()) {
            roundabout.insert(key, key as u32);
        }
        for &key in dropped {
            roundabout.remove(key);
        }
        if straight.bytes() == roundabout.bytes() {
            assert_eq!(words_of(&straight), words_of(&roundabout));
        }
        let mut retained = PodMap::<u32>::default();
        for &key in &keys {
            retained.insert(key, key as u32);
        }
        retained.retain(|key, _| kept.binary_search(&key).is_ok());
        if straight.bytes() == retained.bytes() {
            assert_eq!(words_of(&straight), words_of(&retained));
        }
    }
}

#[test]
fn a_map_grows_and_shrinks_with_its_content() {
    let mut map = PodMap::<u32>::default();
    assert_eq!(map.bytes(), 0);
    for value in 0..100_000 {
        map.insert(hash_of(value), 0);
    }
    map.validate();
    assert_eq!(map.bytes(), (1 << 18) * 12);
    for value in 0..100_000 {
        map.remove(hash_of(value));
    }
    map.validate();
    assert_eq!((map.len(), map.bytes()), (0, 8 * 12));
    map.clear();
    assert_eq!(map.bytes(), 0);
    assert_eq!(map.get(1), None);
}

#[test]
fn counts_follow_a_sliding_window() {
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let mut table = Table::default();
    let mut entropy = Entropy::default();
    let mut window = VecDeque::new();
    let mut naive = BTreeMap::<u64, u32>::new();
    for step in 0..12_000 {
        // 0 is no value; squares make some values frequent.
        let kinds = if step < 6_000 { 40 } else { 2_000 };
        let drawn = random.random_range(0..kinds * kinds) / kinds;
        let hash = if drawn == 0 {
            0
        } else {
            hash_of(drawn % (1 + drawn / 3))
        };
        let count = table.enter(hash);
        entropy.enter(hash);
        window.push_back(hash);
        if hash != 0 {
            *naive.entry(hash).or_default() += 1;
        }
        assert_eq!(count, naive.get(&hash).copied().unwrap_or(0));
        while window.len() > 700 || (window.len() > 1 && random.random_bool(0.3)) {
            let old = window.pop_front().unwrap();
            let count = table.leave(old);
            entropy.leave(old);
            if let Some(left) = naive.get_mut(&old) {
                *left -= 1;
                assert_eq!(count, *left);
            }
            naive.retain(|_, count| *count != 0);
        }
        assert_eq!(table.len(), naive.len());
        let own = hash_of(random.random_range(0..50));
        assert_eq!(table.get(own), naive.get(&own).copied().unwrap_or(0));
        if step % 16 == 0 {
            table.validate();
            entropy.validate();
            check_entropy(&entropy, window.make_contiguous(), own);
        }
    }
}

fn check_entropy(entropy: &Entropy, window: &[u64], own: u64) {
    let mut list = window.to_vec();
    let wanted = naive_entropy(&list);
    let got = entropy.read(None);
    assert!(
        (got - wanted).abs() < 1e-7 || (got.is_nan() && wanted.is_nan()),
        "{got} {wanted}"
    );
    assert_eq!(entropy_of(&mut list).to_bits(), got.to_bits());
    assert_eq!(entropy.read(Some(0)).to_bits(), got.to_bits());
    list.push(own);
    assert_eq!(
        entropy_of(&mut list).to_bits(),
        entropy.read(Some(own)).to_bits()
    );
}

fn naive_entropy(hashes: &[u64]) -> f64 {
    let mut counts = BTreeMap::<u64, u32>::new();
    for &hash in hashes.iter().filter(|&&hash| hash != 0) {
        *counts.entry(hash).or_default() += 1;
    }
    let n: f64 = counts.values().map(|&count| f64::from(count)).sum();
    if counts.is_empty() {
        return f64::NAN;
    }
    let shares = counts.values().map(|&count| f64::from(count) / n);
    shares.map(|p| -p * libm::log2(p)).sum()
}

#[test]
fn entropy_is_exact_where_it_is_whole() {
    let mut entropy = Entropy::default();
    assert!(entropy.read(None).is_nan());
    assert_eq!(entropy.read(Some(hash_of(1))).to_bits(), 0);
    for round in 1..=1_000 {
        for value in 0..8 {
            entropy.enter(hash_of(value));
        }
        assert!((entropy.read(None) - 3.0).abs() < 1e-7, "{round}");
    }
    for _ in 0..1_000 {
        for value in 1..8 {
            entropy.leave(hash_of(value));
        }
    }
    assert_eq!(entropy.read(None), 0.0);
    entropy.validate();
    entropy.clear();
    assert!(entropy.read(None).is_nan());
    assert_eq!(entropy.bytes(), 0);
}

/// The definition of the estimate.
fn naive_distinct(hashes: &[u64]) -> f64 {
    let mut distinct: Vec<u64> = hashes.iter().copied().filter(|&hash| hash != 0).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let mut level = 0u32;
    loop {
        let kept = distinct
            .iter()
            .filter(|hash| hash.trailing_zeros() >= level);
        let kept = kept.count();
        if kept <= 2_048 {
            return kept as f64 * 2f64.powi(level.cast_signed());
        }
        level += 1;
    }
}

#[test]
fn distinct_values_depend_on_the_window_alone() {
    let mut random = ChaCha8Rng::seed_from_u64(24);
    let mut distinct = Distinct::default();
    let mut window = VecDeque::new();
    let mut rebuilt = 0;
    for phase in [
        1_000, 2_049, 2_047, 9_000, 60_000, 5_000, 30_000, 1_500, 7_168, 0,
    ] {
        while window.len() != phase {
            for _ in 0..window
                .len()
                .abs_diff(phase)
                .min(random.random_range(1..3_000))
            {
                if window.len() < phase {
                    let hash = match random.random_range(0..10) {
                        0 => 0,
                        1 => hash_of(random.random_range(0..50)),
                        _ => hash_of(random.next_u64() >> 1),
                    };
                    window.push_back(hash);
                    distinct.enter(hash);
                } else {
                    distinct.leave(window.pop_front().unwrap());
                }
                if distinct.is_thin() {
                    distinct.rebuild(window.iter().copied());
                    rebuilt += 1;
                }
            }
            distinct.validate();
            let wanted = naive_distinct(window.make_contiguous());
            assert_eq!(distinct.read(None), wanted);
            let mut list: Vec<u64> = window.iter().copied().collect();
            assert_eq!(distinct_of(&mut list), wanted);
            for own in [
                0,
                1 << 12,
                1 << 40,
                hash_of(3),
                hash_of(random.next_u64() >> 1),
            ] {
                let mut list: Vec<u64> = window.iter().copied().collect();
                list.push(own);
                assert_eq!(distinct.read(Some(own)), distinct_of(&mut list));
            }
        }
    }
    assert!((4..40).contains(&rebuilt), "rebuilt {rebuilt} times");
}

#[test]
fn few_records_tell_of_every_window_that_ends_after_them() {
    const RECORDS: usize = 60_000;
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let hashes: Vec<u64> = (0..RECORDS)
        .map(|_| match random.random_range(0..10) {
            0 => 0,
            1..4 => hash_of(random.random_range(0..50)),
            _ => hash_of(random.random_range(0..100_000)),
        })
        .collect();
    let mut newest = Newest::default();
    let mut needed: Vec<bool> = hashes.iter().rev().map(|h| newest.needs(*h)).collect();
    needed.reverse();
    let left = needed.iter().filter(|is_needed| **is_needed).count();
    assert!(left < 2_048 * 4, "{left} of {RECORDS}");
    for start in (0..RECORDS).step_by(997).chain(RECORDS - 50..RECORDS) {
        let rows = hashes.iter().zip(&needed).skip(start);
        let mut thinned: Vec<u64> = rows.filter(|row| *row.1).map(|row| *row.0).collect();
        let mut whole = hashes[start..].to_vec();
        assert_eq!(
            distinct_of(&mut thinned),
            distinct_of(&mut whole),
            "{start}"
        );
    }
}

#[test]
fn one_more_than_exact_is_an_estimate() {
    let mut distinct = Distinct::default();
    for value in 0..2_048 {
        distinct.enter(hash_of(value));
        distinct.enter(hash_of(value));
    }
    assert_eq!(distinct.read(None), 2_048.0);
    assert_eq!(distinct.read(Some(hash_of(7))), 2_048.0);
    let mut all: Vec<u64> = (0..2_049).map(hash_of).collect();
    let estimate = distinct_of(&mut all);
    assert_ne!(estimate, 2_049.0);
    assert_eq!(distinct.read(Some(hash_of(2_048))), estimate);
}

#[test]
fn hashes_without_zeros_still_count_as_defined() {
    let mut distinct = Distinct::default();
    let hashes = (0..20_000).map(|value| hash_of(value) | 1);
    distinct.rebuild(hashes.clone());
    assert_eq!(
        distinct.read(None),
        naive_distinct(&hashes.clone().collect::<Vec<_>>())
    );
    hashes.for_each(|hash| distinct.leave(hash));
    assert_eq!(distinct.read(None), 0.0);
    distinct.clear();
    assert_eq!(distinct.bytes(), 0);
}

#[test]
fn the_standard_error_of_distinct_values_is_small() {
    let mut random = ChaCha8Rng::seed_from_u64(25);
    for (size, rounds) in [(3_000, 100), (4_100, 100), (20_000, 60), (200_000, 12)] {
        let mut squares = 0.0;
        for _ in 0..rounds {
            let mut distinct = Distinct::default();
            for _ in 0..size {
                distinct.enter(random.next_u64().max(1));
            }
            let error = distinct.read(None) / f64::from(size) - 1.0;
            squares += error * error;
        }
        let error = (squares / f64::from(rounds)).sqrt();
        println!("{size} values: standard error {error:.4}");
        // What so few rounds measure has a relative standard deviation of 1/sqrt(2·rounds).
        let most = 0.032 * (1.0 + 3.0 / f64::from(2 * rounds).sqrt());
        assert!(error < most, "{size} values: {error}");
        assert!(
            error > 0.001,
            "{size} values: {error} is too good to be true"
        );
    }
}

#[test]
fn the_most_frequent_value_is_found_after_any_change() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut frequent, mut window) = (Frequent::default(), VecDeque::new());
    assert!(frequent.top_share(None).is_nan());
    for step in 0..6_000 {
        // The window grows, then shrinks to nothing, and its values differ more or less.
        let grows = step % 2_000 < 1_200;
        if grows || window.is_empty() {
            let kinds = [1, 3, 40][step / 2_000];
            let hash = match random.random_range(0..10) {
                0 => 0,
                _ => hash_of(random.random_range(0..kinds)),
            };
            window.push_back(hash);
            frequent.enter(hash);
        } else {
            for _ in 0..2 {
                let left = window.pop_front().unwrap_or(0);
                frequent.leave(left);
            }
        }
        frequent.validate();
        let own = hash_of(random.random_range(0..3));
        for own in [None, Some(own)] {
            let mut hashes: Vec<u64> = window.iter().copied().chain(own).collect();
            let found = frequent.top_share(own);
            assert_eq!(found.to_bits(), top_share_of(&mut hashes).to_bits());
            let counted: Vec<u64> = hashes.into_iter().filter(|h| *h != 0).collect();
            let count = |hash: &u64| counted.iter().filter(|h| *h == hash).count();
            let most = counted.iter().map(count).max();
            if step % 97 == 0 {
                let share = most.map(|most| most as f64 / counted.len() as f64);
                assert_eq!(share, Some(found).filter(|found| !found.is_nan()));
            }
        }
        if step % 50 == 0 {
            let mut written = vec![];
            frequent.write(&mut written);
            let mut rest = written.as_slice();
            let restored = Frequent::read_from(&mut rest).unwrap();
            assert!(rest.is_empty());
            restored.validate();
            assert_eq!(restored.bytes(), frequent.bytes());
            written[0] = u32::MAX;
            assert!(Frequent::read_from(&mut written.as_slice()).is_none());
        }
    }
}
