//! What is expected of a value, and how near a computed one must be.

use std::fmt;

/// One expected value.
#[derive(Debug, Clone, PartialEq)]
pub enum OracleValue {
    /// These bits, or no value.
    Exact(Option<f64>),
    /// A number at most `error` away, or no value.
    Near {
        /// The expected number.
        value: Option<f64>,
        /// Largest absolute difference.
        error: f64,
    },
    /// No value, because a number on the way to it does not fit.
    Overflow,
    /// Any of these: where rounding decides between neighbours.
    AnyOf(Vec<OracleValue>),
}

impl OracleValue {
    /// `value` within `relative` of itself.
    pub fn relative(value: Option<f64>, relative: f64) -> Self {
        Self::Near {
            value,
            error: value
                .filter(|value| value.is_finite())
                .map_or(0.0, |value| value.abs() * relative),
        }
    }

    /// Whether `got` will do.
    pub fn admits(&self, got: Option<f64>) -> bool {
        match self {
            Self::Exact(value) => value.map(f64::to_bits) == got.map(f64::to_bits),
            Self::Near { value, error } => match (value, got) {
                (None, None) => true,
                // Equal infinities differ by NaN.
                (Some(value), Some(got)) => *value == got || (value - got).abs() <= *error,
                _ => false,
            },
            Self::Overflow => got.is_none(),
            Self::AnyOf(values) => values.iter().any(|value| value.admits(got)),
        }
    }
}

impl fmt::Display for OracleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |f: &mut fmt::Formatter<'_>, value: &Option<f64>| match value {
            Some(value) => write!(f, "{value:?}"),
            None => write!(f, "null"),
        };
        match self {
            Self::Exact(value) => number(f, value),
            Self::Overflow => f.write_str("null, since it does not fit"),
            Self::Near { value, error } => {
                number(f, value)?;
                write!(f, " ± {error:e}")
            }
            Self::AnyOf(values) => {
                for (position, value) in values.iter().enumerate() {
                    let separator = if position == 0 { "" } else { " or " };
                    write!(f, "{separator}{value}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_compared_where_they_are_defined() {
        let zero = OracleValue::Exact(Some(0.0));
        assert!(zero.admits(Some(0.0)));
        assert!(!zero.admits(Some(-0.0)));
        assert!(!zero.admits(None));
        assert!(OracleValue::Exact(None).admits(None));
        assert!(!OracleValue::Exact(None).admits(Some(0.0)));
    }

    #[test]
    fn distance_is_compared_elsewhere() {
        let near = OracleValue::relative(Some(-200.0), 1e-9);
        assert!(near.admits(Some(-200.000_000_1)));
        assert!(!near.admits(Some(-200.000_000_3)));
        assert!(!near.admits(None));
        assert!(!near.admits(Some(f64::NAN)));
        assert!(!OracleValue::relative(None, 1e-9).admits(Some(0.0)));
        let infinite = OracleValue::relative(Some(f64::INFINITY), 1e-9);
        assert!(infinite.admits(Some(f64::INFINITY)) && !infinite.admits(Some(1.0)));
        let either = OracleValue::AnyOf(vec![near, OracleValue::Exact(None)]);
        assert!(either.admits(None) && either.admits(Some(-200.0)) && !either.admits(Some(1.0)));
        assert_eq!(either.to_string(), "-200.0 ± 2.0000000000000002e-7 or null");
    }
}
