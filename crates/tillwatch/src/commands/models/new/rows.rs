//! Rows around which a model decides, the same ones every time.

/// Share of missing values: one in so many.
const MISSING_ONE_IN: u64 = 16;

/// `count` rows: one with every value missing, one of zeros, then rows of values just below, at and just
/// above those of `values`, which has one list per input.
pub fn spread(values: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
    let inputs = values.len();
    let row = |row: usize| -> Vec<f64> {
        match row {
            0 => vec![f64::NAN; inputs],
            1 => vec![0.0; inputs],
            _ => (0..inputs)
                .map(|input| value(&values[input], mix((row * inputs + input) as u64)))
                .collect(),
        }
    };
    (0..count).map(row).collect()
}

/// A value that `bits` choose.
fn value(values: &[f64], bits: u64) -> f64 {
    if bits.is_multiple_of(MISSING_ONE_IN) {
        return f64::NAN;
    }
    let choice = bits / MISSING_ONE_IN;
    let Some(length) = std::num::NonZeroU64::new(values.len() as u64) else {
        // The model does not look at it.
        return (choice % 5) as f64;
    };
    let value = values[(choice % length) as usize];
    match (choice / length) % 3 {
        0 => value.next_down(),
        1 => value,
        _ => value.next_up(),
    }
}

/// SplitMix64's output function (Steele, Lea and Flood 2014).
fn mix(position: u64) -> u64 {
    let z = position.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_on_both_sides_of_every_bound() {
        let values = [vec![1.0, 2.5], vec![], vec![-3.0]];
        let rows = spread(&values, 200);
        assert!(rows[0].iter().all(|value| value.is_nan()));
        assert_eq!(rows[1], [0.0; 3]);
        for (input, bounds) in values.iter().enumerate() {
            let has = |wanted: f64| rows.iter().any(|row| row[input] == wanted);
            for bound in bounds {
                assert!(has(bound.next_down()) && has(*bound) && has(bound.next_up()));
            }
            assert!(rows[2..].iter().any(|row| row[input].is_nan()));
        }
        let bits = |rows: &[Vec<f64>]| {
            rows.concat()
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&rows), bits(&spread(&values, 200)));
    }
}
