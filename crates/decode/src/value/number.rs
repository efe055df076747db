//! Decimal text to integers, digit by digit: no amount goes through binary floating point.

use std::ops::Range;

/// Why a text is no such integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// Not `[+-]digits[.digits][e[+-]digits]`.
    NotANumber,
    /// Something other than zeros would be cut off.
    TooPrecise,
    /// Beyond 64 bits.
    TooLarge,
}

/// What becomes of digits that the result has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// They must be zeros.
    Refuse,
    /// They are cut off, towards zero.
    Cut,
}

/// A decimal number taken apart.
struct Decimal {
    negative: bool,
    /// Positions of the digits before the point.
    whole: Range<usize>,
    /// Positions of the digits after it.
    fraction: Range<usize>,
    exponent: i64,
}

/// Exponents beyond this are all the same: the number is zero or far too large.
const EXPONENT_MAX: i64 = 1 << 32;

/// Magnitude of the smallest integer: the largest is one less.
const MAGNITUDE_MAX: i128 = i64::MIN.unsigned_abs() as i128;

/// `text` × 10^`scale` as an integer. `text` is a JSON number, or one with leading zeros, a plus sign
/// or no digits on one side of its point.
pub(crate) fn scaled(text: &[u8], scale: i64, excess: Excess) -> Result<i64, NumberError> {
    if scale == 0
        && let Some(value) = short_integer(text)
    {
        return Ok(value);
    }
    let decimal = take_apart(text)?;
    let digits = || {
        text[decimal.whole.clone()]
            .iter()
            .chain(&text[decimal.fraction.clone()])
            .map(|byte| i128::from(byte - b'0'))
    };
    let count = decimal.whole.len() + decimal.fraction.len();
    // The value is (all digits as one integer) × 10^shift.
    let shift = scale + decimal.exponent - decimal.fraction.len() as i64;
    let kept = (count as i64 + shift.min(0)).max(0) as usize;
    if excess == Excess::Refuse && digits().skip(kept).any(|digit| digit != 0) {
        return Err(NumberError::TooPrecise);
    }
    let mut value: i128 = 0;
    for digit in digits().take(kept) {
        value = value * 10 + digit;
        if value > MAGNITUDE_MAX {
            return Err(NumberError::TooLarge);
        }
    }
    if value != 0 && shift > 0 {
        let power = u32::try_from(shift)
            .ok()
            .and_then(|s| 10_i128.checked_pow(s));
        value = power
            .and_then(|power| value.checked_mul(power))
            .ok_or(NumberError::TooLarge)?;
    }
    let signed = if decimal.negative { -value } else { value };
    i64::try_from(signed).map_err(|_| NumberError::TooLarge)
}

/// An amount: `text` × 10^`scale` as an integer. Where something would be cut off, it is first rounded to the
/// 15 significant digits that a double keeps: what lies beyond is the noise of binary arithmetic, as
/// five times 17.13 is 85.64999999999999.
pub(crate) fn money_scaled(text: &[u8], scale: i64) -> Result<i64, NumberError> {
    match scaled(text, scale, Excess::Refuse) {
        Err(NumberError::TooPrecise) => match rounded(text) {
            Some(rounded) => scaled(&rounded, scale, Excess::Refuse),
            None => Err(NumberError::TooPrecise),
        },
        other => other,
    }
}

/// Significant digits that every double keeps.
const EXACT_DIGITS: usize = f64::DIGITS as usize;

/// `text` rounded to [`EXACT_DIGITS`] significant digits, half away from zero; `None` where it has no more.
#[cold]
fn rounded(text: &[u8]) -> Option<Vec<u8>> {
    let decimal = take_apart(text).ok()?;
    let whole = text[decimal.whole.clone()].iter();
    let digits = whole.chain(&text[decimal.fraction.clone()]).copied();
    let digits: Vec<u8> = digits.skip_while(|digit| *digit == b'0').collect();
    let (kept, cut) = digits.split_at_checked(EXACT_DIGITS)?;
    let mut value = kept
        .iter()
        .fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    value += u64::from(*cut.first()? >= b'5');
    let exponent = decimal.exponent - decimal.fraction.len() as i64 + cut.len() as i64;
    let sign = if decimal.negative { "-" } else { "" };
    Some(format!("{sign}{value}e{exponent}").into_bytes())
}

/// The usual case: up to 18 digits and nothing else.
fn short_integer(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

fn take_apart(text: &[u8]) -> Result<Decimal, NumberError> {
    let digits_from = |start: usize| {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        start..start + length
    };
    let sign = text.first().filter(|byte| matches!(byte, b'+' | b'-'));
    let whole = digits_from(usize::from(sign.is_some()));
    let mut end = whole.end;
    let mut fraction = end..end;
    if text.get(end) == Some(&b'.') {
        fraction = digits_from(end + 1);
        end = fraction.end;
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::NotANumber);
    }
    let mut exponent = 0;
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = text.get(end + 1).filter(|byte| matches!(byte, b'+' | b'-'));
        let digits = digits_from(end + 1 + usize::from(sign.is_some()));
        if digits.is_empty() {
            return Err(NumberError::NotANumber);
        }
        end = digits.end;
        for byte in &text[digits] {
            exponent = (exponent * 10 + i64::from(byte - b'0')).min(EXPONENT_MAX);
        }
        if sign == Some(&b'-') {
            exponent = -exponent;
        }
    }
    if end != text.len() {
        return Err(NumberError::NotANumber);
    }
    Ok(Decimal {
        negative: sign == Some(&b'-'),
        whole,
        fraction,
        exponent,
    })
}

/// `text` as a finite double. Same grammar as [`scaled`].
pub(crate) fn double(text: &[u8]) -> Result<f64, NumberError> {
    take_apart(text)?;
    let text = std::str::from_utf8(text).map_err(|_| NumberError::NotANumber)?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::TooLarge),
        Err(_) => Err(NumberError::NotANumber),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scales_exactly() {
        let exact = |text: &str, scale| scaled(text.as_bytes(), scale, Excess::Refuse);
        for (text, scale, value) in [
            ("57.16", 2, 5716),
            ("5.716e1", 2, 5716),
            ("5716E-2", 2, 5716),
            ("57", 2, 5700),
            ("57.1600", 2, 5716),
            ("0.1", 2, 10),
            ("1.005", 3, 1005),
            ("-3", 0, -3),
            ("+3", 0, 3),
            ("000012", 0, 12),
            ("0e99999999999999999999", 2, 0),
            (".5", 1, 5),
            ("5.", 0, 5),
            ("9223372036854775807", 0, i64::MAX),
            ("-9223372036854775807", 0, -i64::MAX),
            ("-9223372036854775808", 0, i64::MIN),
            ("-9223372036854775808.00", 0, i64::MIN),
            ("-92233720368547758.08", 2, i64::MIN),
            ("-922337203685477580800e-2", 0, i64::MIN),
            ("1000000000000000000000000000000000000000000e-42", 0, 1),
        ] {
            assert_eq!(exact(text, scale), Ok(value), "{text}");
        }
        assert_eq!(exact("57.165", 2), Err(NumberError::TooPrecise));
        assert_eq!(exact("1e-999999999999", 2), Err(NumberError::TooPrecise));
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "-9223372036854775808e1",
        ] {
            assert_eq!(exact(text, 0), Err(NumberError::TooLarge), "{text}");
        }
        assert_eq!(exact("1e400", 2), Err(NumberError::TooLarge));
        assert_eq!(
            exact("1e99999999999999999999", 2),
            Err(NumberError::TooLarge)
        );
        for text in [
            "", ".", "-", "1e", "1e+", "1x", " 1", "1 ", "0x10", "1_000", "1,5", "NaN",
        ] {
            assert_eq!(exact(text, 0), Err(NumberError::NotANumber), "{text}");
        }
    }

    #[test]
    fn cuts_towards_zero() {
        assert_eq!(
            scaled(b"1522540831.2599", 3, Excess::Cut),
            Ok(1_522_540_831_259)
        );
        assert_eq!(scaled(b"1522540831999", -3, Excess::Cut), Ok(1_522_540_831));
        assert_eq!(scaled(b"999", -6, Excess::Cut), Ok(0));
    }

    #[test]
    fn doubles_are_finite() {
        assert_eq!(double(b"-0.125"), Ok(-0.125));
        assert_eq!(double(b"1e999"), Err(NumberError::TooLarge));
        assert_eq!(double(b"inf"), Err(NumberError::NotANumber));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            ..ProptestConfig::with_cases(512)
        })]

        #[test]
        fn major_and_minor_agree(minor in 0_i64..1_000_000_000_000, scale in 0_u32..5) {
            let unit = 10_i64.pow(scale);
            let text = if scale == 0 {
                format!("{minor}")
            } else {
                format!("{}.{:0width$}", minor / unit, minor % unit, width = scale as usize)
            };
            prop_assert_eq!(scaled(text.as_bytes(), i64::from(scale), Excess::Refuse), Ok(minor));
        }
    }
}
