//! Numbers that are counted from an instant.

use super::error::TimeError;
use crate::settings::TimeUnit;
use crate::value::number::{Excess, NumberError, scaled};

/// What is counted, and from when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offset {
    /// Milliseconds since 1970, UTC.
    pub(super) base_ms: i64,
    /// Decimals of the unit that are looked at.
    scale: i64,
    /// Milliseconds of the unit.
    unit_ms: i64,
    /// 10^`scale` where the unit is no decimal number of milliseconds, else 1.
    parts: i64,
}

impl Offset {
    pub(super) fn new(base_ms: i64, unit: TimeUnit) -> Self {
        let (scale, unit_ms) = match unit {
            TimeUnit::Ns => (-6, 1),
            TimeUnit::Us => (-3, 1),
            TimeUnit::Ms => (0, 1),
            TimeUnit::S => (3, 1),
            // Far finer than a millisecond, and 64 bits still hold a thousand years.
            TimeUnit::Min => (10, 60_000),
            TimeUnit::H => (12, 3_600_000),
            TimeUnit::D => (12, 86_400_000),
        };
        let parts = match unit_ms {
            1 => 1,
            _ => 10_i64.pow(scale as u32),
        };
        Self {
            base_ms,
            scale,
            unit_ms,
            parts,
        }
    }

    /// Milliseconds since 1970 of `text`. Decimals of minutes, hours and days are rounded, since hardly any
    /// number of milliseconds is a whole number of them; of the others what is finer is cut off.
    pub(super) fn milliseconds(&self, text: &[u8]) -> Result<i64, TimeError> {
        let counted = scaled(text, self.scale, Excess::Cut)?;
        let (unit_ms, parts) = (i128::from(self.unit_ms), i128::from(self.parts));
        let ms = (i128::from(counted) * unit_ms + parts / 2).div_euclid(parts);
        let ms = ms + i128::from(self.base_ms);
        i64::try_from(ms).map_err(|_| TimeError::OutOfRange)
    }

    /// How many units lie between the base and `ms`, in decimals that are read as `ms` again.
    pub(super) fn written(&self, ms: i64) -> String {
        let (unit_ms, parts) = (i128::from(self.unit_ms), i128::from(self.parts));
        let since_ms = i128::from(ms) - i128::from(self.base_ms);
        let counted = (since_ms * parts + unit_ms / 2).div_euclid(unit_ms);
        let one = 10_u128.pow(self.scale.unsigned_abs() as u32);
        let (sign, counted) = (if counted < 0 { "-" } else { "" }, counted.unsigned_abs());
        match usize::try_from(self.scale) {
            Ok(decimals @ 1..) => {
                let (whole, rest) = (counted / one, counted % one);
                let text = format!("{sign}{whole}.{rest:0decimals$}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            _ => format!("{sign}{}", counted * one),
        }
    }
}

impl From<NumberError> for TimeError {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::TooLarge => Self::OutOfRange,
            NumberError::NotANumber | NumberError::TooPrecise => Self::BadFormat,
        }
    }
}
