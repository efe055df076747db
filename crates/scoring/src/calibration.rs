//! From a model's score to a probability that may be trusted.

use serde::Deserialize;

use crate::math::logistic;

/// Points of an isotonic table.
const POINTS_MAX: usize = 10_000;

/// The `[calibration]` table of model.toml: a non-decreasing map of the raw score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum CalibrationTable {
    /// 1 / (1 + e^−(slope × raw + intercept)), Platt 1999.
    Platt {
        /// Above 0.
        slope: f64,
        /// Any number.
        intercept: f64,
    },
    /// Straight lines between points; the first and the last probability outside of them. Zadrozny and
    /// Elkan 2002.
    Isotonic {
        /// Raw scores, increasing.
        raw: Vec<f64>,
        /// As many probabilities, never decreasing.
        probability: Vec<f64>,
    },
}

/// A checked [`CalibrationTable`].
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration(CalibrationTable);

impl Calibration {
    /// Checks a table.
    ///
    /// # Errors
    /// Says what keeps it from being a non-decreasing map to probabilities.
    pub fn new(table: CalibrationTable) -> Result<Self, String> {
        match &table {
            CalibrationTable::Platt { slope, intercept } => {
                if !(*slope > 0.0 && slope.is_finite() && intercept.is_finite()) {
                    return Err("calibration: slope is a number above 0, intercept a number".into());
                }
            }
            CalibrationTable::Isotonic { raw, probability } => {
                let pairs = (raw.len(), probability.len());
                if pairs.0 != pairs.1 || !(2..=POINTS_MAX).contains(&pairs.0) {
                    return Err(format!(
                        "calibration: {} raw scores and {} probabilities; as many of both are \
                         needed, 2 to {POINTS_MAX}",
                        pairs.0, pairs.1
                    ));
                }
                let increase = raw.windows(2).all(|pair| pair[0] < pair[1]);
                if !increase || raw.iter().any(|raw| !raw.is_finite()) {
                    return Err("calibration: raw scores do not increase".into());
                }
                let is_sorted = probability.windows(2).all(|pair| pair[0] <= pair[1]);
                if !is_sorted || probability.iter().any(|p| !(0.0..=1.0).contains(p)) {
                    return Err("calibration: probabilities are 0 to 1 and do not decrease".into());
                }
            }
        }
        Ok(Self(table))
    }

    /// The probability of a raw score; NaN for NaN.
    pub fn probability(&self, score: f64) -> f64 {
        match &self.0 {
            CalibrationTable::Platt { slope, intercept } => logistic(slope * score + intercept),
            CalibrationTable::Isotonic { raw, probability } => {
                if score.is_nan() {
                    return f64::NAN;
                }
                let above = raw.partition_point(|point| *point <= score);
                let (Some(below), true) = (above.checked_sub(1), above < raw.len()) else {
                    return probability[above.min(raw.len() - 1)];
                };
                let share = (score - raw[below]) / (raw[above] - raw[below]);
                let (from, to) = (probability[below], probability[above]);
                // Rounding must not leave the interval: the map stays monotone.
                (from + share * (to - from)).clamp(from, to)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isotonic_meets_its_points_and_never_decreases() {
        let table = CalibrationTable::Isotonic {
            raw: vec![-2.0, -1.0, 0.5, 3.0],
            probability: vec![0.01, 0.01, 0.2, 0.9],
        };
        let map = Calibration::new(table).unwrap();
        let at = [-9.0, -2.0, -1.0, 0.5, 3.0, f64::INFINITY, f64::NEG_INFINITY];
        let found = at.map(|raw| map.probability(raw));
        assert_eq!(found, [0.01, 0.01, 0.01, 0.2, 0.9, 0.9, 0.01]);
        assert!((map.probability(1.75) - 0.55).abs() < 1e-12);
        let steps: Vec<f64> = (-4000..4000)
            .map(|step| map.probability(f64::from(step) / 1000.0))
            .collect();
        assert!(steps.is_sorted());
        assert!(map.probability(f64::NAN).is_nan());
    }

    #[test]
    fn tables_that_are_no_monotone_map_are_refused() {
        let isotonic = |raw: &[f64], probability: &[f64]| {
            Calibration::new(CalibrationTable::Isotonic {
                raw: raw.to_vec(),
                probability: probability.to_vec(),
            })
        };
        assert!(isotonic(&[0.0, 1.0], &[0.0, 1.0]).is_ok());
        assert!(isotonic(&[0.0, 0.0], &[0.0, 1.0]).is_err());
        assert!(isotonic(&[0.0, f64::NAN], &[0.0, 1.0]).is_err());
        assert!(isotonic(&[0.0, 1.0], &[0.5, 0.4]).is_err());
        assert!(isotonic(&[0.0, 1.0], &[0.5, 1.5]).is_err());
        assert!(isotonic(&[0.0, 1.0], &[0.5]).is_err());
        let platt = |slope| {
            Calibration::new(CalibrationTable::Platt {
                slope,
                intercept: 0.0,
            })
        };
        assert!(platt(1.0).is_ok() && platt(0.0).is_err() && platt(f64::NAN).is_err());
    }
}
