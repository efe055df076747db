//! From raw features of any scale to positions between 0 and 1.

use serde::{Deserialize, Serialize};

use crate::error::DetectorError;
use crate::limits::INPUTS_MAX;
use crate::random::Fingerprint;

/// One input of a detector, as a model file describes it.
///
/// A value is cut to `low` to `high`; its position is 0 at `low` and 1 at `high`. Infinities are cut as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the feature.
    pub name: String,
    /// How positions are spread between the ends.
    #[serde(default)]
    pub scale: Scale,
    /// What has position 0, in the unit of the feature.
    pub low: f64,
    /// What has position 1; above `low`.
    pub high: f64,
    /// Position of a missing value, 0 to 1.
    #[serde(default = "middle")]
    pub missing: f64,
}

/// How positions are spread over a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By ln(1 + value): for amounts and counts, where what matters is how many times more. `low`
    /// is above −1.
    Log1p,
}

/// Says nothing for either side.
fn middle() -> f64 {
    0.5
}

impl Input {
    /// An input of `name` that is spread evenly from `low` to `high` and missing in the middle.
    pub fn linear(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self {
            name: name.into(),
            scale: Scale::Linear,
            low,
            high,
            missing: middle(),
        }
    }
}

/// Scaling of all inputs of a detector.
#[derive(Debug, Clone)]
pub(crate) struct Scaling {
    inputs: Vec<Compiled>,
}

#[derive(Debug, Clone, Copy)]
struct Compiled {
    scale: Scale,
    low: f64,
    high: f64,
    missing: f64,
    /// What the scale makes of `low`.
    origin: f64,
    /// One divided by what the scale makes of `high` less `origin`; positive and finite.
    factor: f64,
}

impl Scaling {
    /// Refuses no inputs, too many, and ranges without extent.
    pub(crate) fn new(inputs: &[Input]) -> Result<Self, DetectorError> {
        crate::error::within(
            "number of inputs",
            inputs.len() as f64,
            1.0,
            INPUTS_MAX as f64,
        )?;
        let inputs: Result<_, _> = inputs.iter().map(Compiled::new).collect();
        Ok(Self { inputs: inputs? })
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The position of each input of `row`, in order, 0 to 1 and never NaN.
    pub(crate) fn positions(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        let missing = std::iter::repeat(f64::NAN);
        let values = row.iter().copied().chain(missing);
        self.inputs
            .iter()
            .zip(values)
            .map(|(input, value)| input.position(value))
    }

    pub(crate) fn add_to(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add(self.inputs.len() as u64);
        for input in &self.inputs {
            fingerprint.add(u64::from(input.scale == Scale::Log1p));
            for number in [input.low, input.high, input.missing] {
                fingerprint.add(number.to_bits());
            }
        }
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.inputs.capacity() * size_of::<Compiled>()
    }
}

impl Compiled {
    fn new(input: &Input) -> Result<Self, DetectorError> {
        let refuse = |fault| {
            Err(DetectorError::Input {
                name: input.name.clone(),
                fault,
            })
        };
        let Input {
            scale,
            low,
            high,
            missing,
            ..
        } = *input;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return refuse("low and high are not two numbers in this order; give its usual range");
        }
        if scale == Scale::Log1p && low <= -1.0 {
            return refuse("there is no logarithm at or below -1; raise low or scale it linearly");
        }
        if !(0.0..=1.0).contains(&missing) {
            return refuse("missing is a position; use 0 to 1");
        }
        let origin = scale.apply(low);
        let factor = 1.0 / (scale.apply(high) - origin);
        if !(factor.is_finite() && factor > 0.0) {
            return refuse(
                "low and high are too close or too far from each other; widen the range",
            );
        }
        Ok(Self {
            scale,
            low,
            high,
            missing,
            origin,
            factor,
        })
    }

    #[inline]
    fn position(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.missing;
        }
        let value = self.scale.apply(value.clamp(self.low, self.high));
        ((value - self.origin) * self.factor).clamp(0.0, 1.0)
    }
}

impl Scale {
    #[inline]
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log1p => libm::log1p(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(input: Input, values: &[f64]) -> Vec<f64> {
        let scaling = Scaling::new(&[input]).unwrap();
        let of = |value: &f64| scaling.positions(&[*value]).next().unwrap();
        values.iter().map(of).collect()
    }

    #[test]
    fn a_range_is_spread_evenly_and_cut() {
        let values = [
            -1.0,
            10.0,
            15.0,
            30.0,
            99.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let input = Input::linear("x", 10.0, 30.0);
        assert_eq!(
            positions(input, &values),
            [0.0, 0.0, 0.25, 1.0, 1.0, 1.0, 0.0]
        );
    }

    #[test]
    fn the_unit_range_changes_nothing() {
        let values = [0.0, 0.1, 1.0 / 3.0, 0.999_999_9, 1.0];
        assert_eq!(positions(Input::linear("x", 0.0, 1.0), &values), values);
    }

    #[test]
    fn logarithms_spread_multiples() {
        let input = Input {
            scale: Scale::Log1p,
            ..Input::linear("x", 0.0, 999.0)
        };
        let found = positions(input, &[0.0, 9.0, 99.0, 999.0, -5.0]);
        for (found, wanted) in found.iter().zip([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
    }

    #[test]
    fn missing_values_have_their_position() {
        let input = Input {
            missing: 0.25,
            ..Input::linear("x", 0.0, 4.0)
        };
        assert_eq!(positions(input, &[f64::NAN, -f64::NAN]), [0.25, 0.25]);
    }

    #[test]
    fn senseless_ranges_are_refused() {
        let log = |low, high| Input {
            scale: Scale::Log1p,
            ..Input::linear("x", low, high)
        };
        let misplaced = Input {
            missing: 1.5,
            ..Input::linear("x", 0.0, 1.0)
        };
        for input in [
            Input::linear("x", 1.0, 1.0),
            Input::linear("x", 2.0, 1.0),
            Input::linear("x", f64::NAN, 1.0),
            Input::linear("x", 0.0, f64::INFINITY),
            Input::linear("x", -f64::MAX, f64::MAX),
            Input::linear("x", 0.0, f64::from_bits(1)),
            log(-1.0, 1.0),
            misplaced,
        ] {
            let error = Scaling::new(std::slice::from_ref(&input)).unwrap_err();
            assert!(
                error.to_string().starts_with("input x: "),
                "{input:?}: {error}"
            );
        }
        assert!(Scaling::new(&[]).is_err());
        let many = vec![Input::linear("x", 0.0, 1.0); INPUTS_MAX + 1];
        assert!(Scaling::new(&many).is_err());
    }
}
