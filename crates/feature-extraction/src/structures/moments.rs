//! Mean and standard deviation from exact integer sums.
//!
//! Cost: O(1). Space, shared by all windows of the same filter and column: 8 bytes per record for
//! the sum, 16 for the sum of squares, 4 for the count.

/// Σx / n; NaN of nothing. Rounded once per conversion and once for the division.
#[inline]
pub(crate) fn mean(count: f64, sum: i64) -> f64 {
    if count == 0.0 {
        return f64::NAN;
    }
    sum as f64 / count
}

/// part / whole, NaN of nothing; with a prior of some strength, (part + strength · prior) / (whole +
/// strength).
#[inline]
pub(crate) fn ratio(part: f64, whole: f64, prior: Option<(f64, f64)>) -> f64 {
    match prior {
        // 0 / 0 is NaN: no value.
        None => part / whole,
        Some((strength, prior)) => (part + strength * prior) / (whole + strength),
    }
}

/// Population standard deviation, √(n·Σx² − (Σx)²) / n; NaN of nothing. The difference is exact, so
/// equal values give exactly 0, whatever their size.
#[inline]
pub(crate) fn stddev(count: u32, sum: i64, squares: u128) -> f64 {
    if count == 0 {
        return f64::NAN;
    }
    let n = f64::from(count);
    let magnitude = u128::from(sum.unsigned_abs());
    // 10 million amounts of the largest size still fit; what does not is rounded.
    let Some(scaled) = u128::from(count).checked_mul(squares) else {
        let mean = sum as f64 / n;
        return (squares as f64 / n - mean * mean).max(0.0).sqrt();
    };
    let spread = scaled.saturating_sub(magnitude * magnitude);
    let spread = match u64::try_from(spread) {
        Ok(small) => small as f64,
        Err(_) => rounded(spread),
    };
    spread.sqrt() / n
}

/// Apart, since converting so wide a number takes longer than all the rest.
#[cold]
#[inline(never)]
fn rounded(wide: u128) -> f64 {
    wide as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_do_not_deviate() {
        let x = 999_999_999_999_i64;
        let squares = (x as u128) * (x as u128) * 3;
        assert_eq!(stddev(3, x * 3, squares), 0.0);
        assert_eq!(mean(3.0, x * 3), x as f64);
    }

    #[test]
    fn is_the_population_deviation() {
        assert_eq!(stddev(2, 4, 10), 1.0);
        assert_eq!(stddev(1, 7, 49), 0.0);
        assert_eq!(stddev(4, -4, 20), 2.0);
        assert!(stddev(0, 0, 0).is_nan());
        assert!(mean(0.0, 0).is_nan());
    }
}
