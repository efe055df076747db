//! Histograms against the definitions.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bucket::{INFINITE, SHIFT};
use super::counts::BINS_KEPT;
use super::*;

/// Numbers of every exponent and of both signs: the bounds of each bucket, and within.
fn all_buckets() -> impl Iterator<Item = f64> {
    let magnitudes = (0..INFINITE as u64).flat_map(|bucket| {
        let low = bucket << SHIFT;
        let width = 1 << SHIFT;
        [
            low,
            low + 1,
            low + width / 3,
            low + width / 2,
            low + width - 1,
        ]
    });
    magnitudes.flat_map(|bits| [f64::from_bits(bits), -f64::from_bits(bits)])
}

#[test]
fn a_bucket_stands_for_its_numbers() {
    for number in all_buckets() {
        let bucket = bucket_of(number);
        let error = (value_of(bucket) - number).abs();
        let size = number.abs();
        if size >= f64::MIN_POSITIVE {
            assert!(error * 128.0 <= size, "{number:e}: off by {error:e}");
        } else {
            assert!(error <= f64::from_bits(1 << SHIFT), "{number:e}");
        }
        assert_eq!(bucket_of(value_of(bucket)), bucket, "{number:e}");
        assert_eq!(
            value_of(bucket_of(-number)),
            -value_of(bucket),
            "{number:e}"
        );
    }
}

#[test]
fn buckets_are_in_the_order_of_numbers() {
    let mut numbers: Vec<f64> = all_buckets().collect();
    numbers.extend([f64::INFINITY, f64::NEG_INFINITY]);
    numbers.sort_unstable_by(f64::total_cmp);
    let buckets: Vec<i32> = numbers.iter().map(|&number| bucket_of(number)).collect();
    assert!(buckets.is_sorted());
    assert!(!buckets.contains(&-1));
    let values: Vec<f64> = buckets.iter().map(|&bucket| value_of(bucket)).collect();
    assert!(values.is_sorted());
}

#[test]
fn zeros_and_infinities_are_exact() {
    for zero in [0.0, -0.0] {
        assert_eq!(bucket_of(zero), 0);
    }
    assert_eq!(value_of(0).to_bits(), 0);
    assert_eq!(value_of(-1).to_bits(), 0);
    for infinity in [f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(value_of(bucket_of(infinity)), infinity);
    }
    assert!(value_of(bucket_of(f64::MAX)).is_finite());
    assert_eq!(bucket_of(1.0), 1023 << 6);
    assert_eq!(value_of(bucket_of(1.0)), 1.0 + 1.0 / 128.0);
}

/// The definition, from the values' buckets in any order.
fn naive_quantile(buckets: &[i32], q: f64) -> f64 {
    let mut values: Vec<f64> = buckets.iter().map(|&bucket| value_of(bucket)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn naive_robust_z(buckets: &[i32], x: f64, log: bool) -> f64 {
    let scale = |value: f64| if log { libm::log(value) } else { value };
    let values = buckets.iter().map(|&bucket| scale(value_of(bucket)));
    let median_of = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values.get((values.len().max(1) - 1) / 2).copied()
    };
    let Some(median) = median_of(values.clone().collect()) else {
        return f64::NAN;
    };
    let distance = |value: f64| {
        if value == median {
            0.0
        } else {
            (value - median).abs()
        }
    };
    match median_of(values.map(distance).collect()) {
        Some(deviation) if deviation != 0.0 && !(log && x <= 0.0) => {
            (scale(x) - median) / (1.4826 * deviation)
        }
        _ => f64::NAN,
    }
}

/// Amounts of money, ratios of both signs, few different values, and every kind of number.
fn draw(random: &mut ChaCha8Rng, kind: usize) -> f64 {
    match kind {
        0 => libm::exp(random.random_range(0.0..12.0)).round(),
        1 => random.random_range(-1.0..1.0),
        2 => f64::from(random.random_range(-2..3)),
        3 => libm::exp2(random.random_range(-1074.0..1024.0)),
        _ => loop {
            let number = f64::from_bits(random.random());
            if !number.is_nan() {
                return number;
            }
        },
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn a_histogram_a_list_and_the_definition_agree_to_the_bit() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for round in 0..30 {
        let (kind, window) = (round % 5, random.random_range(1..120));
        let mut histogram = Histogram::default();
        let mut values: Vec<i32> = Vec::new();
        for _ in 0..300 {
            let x = draw(&mut random, kind);
            let log = kind == 0 || kind == 3;
            let own = random.random_bool(0.5).then(|| bucket_of(x));
            let q = [0.0, 0.05, 0.25, 0.5, 0.95, 1.0][random.random_range(0..6)];

            let mut list = values.clone();
            list.extend(own);
            let wanted = naive_quantile(&list, q);
            assert!(same(histogram.quantile(q, own), wanted), "{list:?} {q}");
            assert!(same(quantile_of(&mut list, q), wanted));
            let wanted = naive_robust_z(&list, x, log);
            let got = histogram.robust_z(x, log, own);
            assert!(same(got, wanted), "{list:?} {x}: {got} is not {wanted}");
            assert!(same(robust_z_of(&mut list, x, log), wanted));

            values.push(bucket_of(x));
            histogram.enter(bucket_of(x));
            histogram.validate();
            while values.len() > window || (random.random_bool(0.02) && !values.is_empty()) {
                histogram.leave(values.remove(0));
                histogram.validate();
            }
            assert_eq!(histogram.len() as usize, values.len());
        }
    }
}

#[test]
fn a_quantile_is_within_its_error() {
    let mut random = ChaCha8Rng::seed_from_u64(12);
    for kind in [0, 1, 2] {
        let mut values: Vec<f64> = (0..5_000).map(|_| draw(&mut random, kind)).collect();
        let mut histogram = Histogram::default();
        for &value in &values {
            histogram.enter(bucket_of(value));
        }
        values.sort_unstable_by(f64::total_cmp);
        for percent in 0..=100u32 {
            let q = f64::from(percent) / 100.0;
            let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
            let (exact, estimate) = (values[rank - 1], histogram.quantile(q, None));
            assert!(
                (estimate - exact).abs() * 128.0 <= exact.abs(),
                "{exact} {estimate}"
            );
        }
    }
}

#[test]
fn larger_weights_are_ranked_alike() {
    let mut random = ChaCha8Rng::seed_from_u64(13);
    let mut histogram = Histogram::default();
    for _ in 0..500 {
        let x = draw(&mut random, 0);
        histogram.enter(bucket_of(x));
        let bins = histogram.bins.iter();
        let heavy: Vec<[u32; 2]> = bins
            .map(|&[bucket, count]| [bucket, 1000 * count])
            .collect();
        let ranked = Ranked::new(&heavy, 1000 * u64::from(histogram.len()), None);
        for q in [0.0, 0.25, 0.5, 0.75, 1.0] {
            assert!(same(ranked.quantile(q), histogram.quantile(q, None)));
        }
        for log in [false, true] {
            let expected = histogram.robust_z(x, log, None);
            assert!(same(ranked.robust_z(x, log), expected));
        }
    }
    assert!(Ranked::<i32>::new(&[], 0, None).quantile(0.5).is_nan());
}

#[test]
fn a_histogram_comes_back_as_it_was_written() {
    let mut random = ChaCha8Rng::seed_from_u64(14);
    let mut histogram = Histogram::default();
    let mut values = Vec::new();
    for step in 0..2_000 {
        if (step / 500) % 2 == 0 || values.is_empty() {
            values.push(bucket_of(draw(&mut random, 4)));
            histogram.enter(values[values.len() - 1]);
        } else {
            histogram.leave(values.swap_remove(random.random_range(0..values.len())));
        }
        if step % 50 != 0 {
            continue;
        }
        let mut words = vec![7];
        histogram.write(&mut words);
        words.push(9);
        let mut rest = &words[1..];
        let restored = Histogram::read_from(&mut rest).unwrap();
        restored.validate();
        assert_eq!(rest, [9]);
        assert_eq!(restored.bins, histogram.bins);
        assert_eq!(
            (restored.len, restored.bytes()),
            (histogram.len, histogram.bytes())
        );
    }
}

#[test]
fn a_broken_histogram_is_refused() {
    let mut histogram = Histogram::default();
    for value in [1.0, 2.0, 2.0, 3.0] {
        histogram.enter(bucket_of(value));
    }
    let mut words = Vec::new();
    histogram.write(&mut words);
    for length in 0..words.len() {
        assert!(Histogram::read_from(&mut &words[..length]).is_none());
    }
    for (at, word) in [
        (0, u32::MAX),
        (0, 5),
        (1, 2),
        (1, u32::MAX),
        (2, words[4]),
        (2, u32::MAX),
        (2, i32::MIN.cast_unsigned()),
        (3, 0),
        (3, u32::MAX),
        (6, i32::MAX.cast_unsigned()),
    ] {
        let mut broken = words.clone();
        broken[at] = word;
        assert!(
            Histogram::read_from(&mut broken.as_slice()).is_none(),
            "{at} {word}"
        );
    }
}

#[test]
fn emptied_space_is_given_back() {
    let mut histogram = Histogram::default();
    let buckets = 65_000..69_000;
    buckets.clone().for_each(|bucket| histogram.enter(bucket));
    assert!(histogram.bytes() < 4_000 * 8 * 2);
    buckets.for_each(|bucket| histogram.leave(bucket));
    assert!(histogram.bytes() <= BINS_KEPT * 8);
    histogram.clear();
    assert_eq!(histogram.bytes(), 0);
    assert!(histogram.quantile(0.5, None).is_nan());
    assert_eq!(
        histogram.quantile(0.5, Some(bucket_of(1.0))),
        value_of(bucket_of(1.0))
    );
}
