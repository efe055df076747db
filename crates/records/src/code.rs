//! Codes: columns whose values have a width and an alphabet. A code is the same however it was typed (text,
//! an integer that has lost its zeros, a double) and filled up, so every value is brought to one form.

mod edition;
mod entry_mode;
mod response;
#[cfg(test)]
mod tests;
mod word;

use std::ops::AddAssign;

pub use self::edition::Edition;
use self::word::{Word, are_digits, padded, whole};
use crate::column::Column;
use crate::money;

/// What the values of a column look like. Zeros in front come and go with the width; letters are upper-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// As many digits.
    Digits(u8),
    /// As many hexadecimal digits: a binary data object of fixed length.
    Hexadecimal(u8),
    /// One or two digits or letters; a single digit has a zero in front.
    Short,
    /// EMV tag 8A: two digits or letters, which some systems log as the four hexadecimal digits of their
    /// bytes.
    AuthorisationResponse,
    /// DE39: two digits or letters as of 1987; the three digits of 1993 and the four of 2003 are brought to
    /// them where their meaning is the same.
    Response,
    /// DE3: six digits. One or two digits are the kind of transaction alone, the first two of the six.
    Processing,
    /// DE22: the two digits that say how the card was read, of the list that the networks share. Three
    /// digits have the PIN entry capability behind them; twelve characters are the point-of-service data
    /// code of 1993 and 2003.
    EntryMode,
    /// ISO 3166: three digits, or two or three letters.
    Country,
    /// ISO 4217: three digits or letters, of a currency that there is.
    Currency,
}

/// Every column of codes and its form.
pub const TABLE: &[(Column, CodeForm)] = &[
    (Column::SpecVersion, CodeForm::Digits(4)),
    (Column::Mti, CodeForm::Digits(4)),
    (Column::Mcc, CodeForm::Digits(4)),
    (Column::AcquirerCountry, CodeForm::Country),
    (Column::Psn, CodeForm::Digits(3)),
    (Column::IssuerCountry, CodeForm::Country),
    (Column::Last4, CodeForm::Digits(4)),
    (Column::ProcessingCode, CodeForm::Processing),
    (Column::Currency, CodeForm::Currency),
    (Column::EntryMode, CodeForm::EntryMode),
    (Column::PinCapability, CodeForm::Digits(1)),
    (Column::PosCondition, CodeForm::Digits(2)),
    (Column::ResponseCode, CodeForm::Response),
    (Column::Arc, CodeForm::AuthorisationResponse),
    (Column::Aip, CodeForm::Hexadecimal(4)),
    (Column::Tvr, CodeForm::Hexadecimal(10)),
    (Column::CvmResults, CodeForm::Hexadecimal(6)),
    (Column::Cid, CodeForm::Hexadecimal(2)),
    (Column::UnpredictableNumber, CodeForm::Hexadecimal(8)),
    (Column::TerminalCapabilities, CodeForm::Hexadecimal(6)),
    (Column::TerminalType, CodeForm::Digits(2)),
    (Column::FraudType, CodeForm::Short),
];

/// A value in the form of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// Whether the value is of that form, and on the list of its column where there is one. Otherwise it was
    /// kept as it is, or brought to the form of a code that nobody knows.
    pub is_known: bool,
    /// The PIN entry capability that an entry mode said besides, a digit.
    pub pin_capability: Option<u8>,
}

/// How many values of each column of codes were no known code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownCodes([u64; TABLE.len()]);

/// Position of `column` in [`TABLE`], if it has codes.
pub fn position(column: Column) -> Option<usize> {
    TABLE.iter().position(|(other, _)| *other == column)
}

impl CodeForm {
    /// The form of the values of `column`, if they are codes.
    pub fn of(column: Column) -> Option<Self> {
        position(column).map(|at| TABLE[at].1)
    }

    /// Whether `text` is a known code in its form already, as nearly all are. Always inlined: the call costs
    /// as much as the answer.
    #[inline(always)]
    pub fn fits(self, text: &[u8]) -> bool {
        let are_all = |is_one: fn(&u8) -> bool| text.iter().all(is_one);
        match self {
            Self::Digits(width) => text.len() == usize::from(width) && are_digits(text),
            Self::Hexadecimal(width) => text.len() == usize::from(width) && are_all(is_upper_hex),
            Self::Short | Self::AuthorisationResponse | Self::Response => {
                text.len() == 2 && are_all(is_upper_alphanumeric)
            }
            Self::Processing => text.len() == 6 && are_digits(text),
            Self::EntryMode => entry_mode::is_known(text),
            Self::Country => match text.len() {
                2 => are_all(u8::is_ascii_uppercase),
                3 => are_all(u8::is_ascii_uppercase) || are_all(u8::is_ascii_digit),
                _ => false,
            },
            Self::Currency => money::exponent(text).is_some(),
        }
    }

    /// Appends `text` to `out` in the form of its column. `text` has no blanks around it and is UTF-8, and so
    /// is what is appended.
    pub fn mend(self, text: &[u8], edition: Edition, out: &mut Vec<u8>) -> Mended {
        let mut mended = Mended {
            is_known: false,
            pin_capability: None,
        };
        let code = Word::upper(whole(text)).and_then(|upper| match self {
            Self::EntryMode => {
                let (mode, pin) = entry_mode::split(&upper)?;
                mended.pin_capability = pin;
                Some(mode)
            }
            _ => self.code(&upper, edition),
        });
        match code {
            None => out.extend_from_slice(text),
            Some(code) => {
                mended.is_known = self != Self::Currency || money::exponent(&code).is_some();
                out.extend_from_slice(&code);
            }
        }
        mended
    }

    /// The code that `upper` is, but for entry modes.
    fn code(self, upper: &Word, edition: Edition) -> Option<Word> {
        let as_it_is = || self.fits(upper).then_some(*upper);
        match self {
            Self::Digits(width) => padded(upper, width.into()),
            Self::Hexadecimal(width) => hexadecimal(upper, width.into()),
            Self::Short => padded(upper, 2).or_else(as_it_is).or_else(|| {
                let is_letter = upper.len() == 1 && is_upper_alphanumeric(&upper[0]);
                is_letter.then_some(*upper)
            }),
            Self::AuthorisationResponse => hex_of_text(upper)
                .or_else(|| padded(upper, 2))
                .or_else(as_it_is),
            Self::Response => response::brought_to_1987(upper, edition).or_else(as_it_is),
            Self::Processing => processing(upper),
            Self::EntryMode => None,
            Self::Country => padded(upper, 3).or_else(as_it_is),
            Self::Currency => padded(upper, 3).or_else(|| {
                let is_code = upper.len() == 3 && upper.iter().all(u8::is_ascii_uppercase);
                is_code.then_some(*upper)
            }),
        }
    }
}

impl UnknownCodes {
    /// Counts a value of the column at `position` in [`TABLE`]; one beyond it is not counted.
    pub fn count(&mut self, position: usize) {
        if let Some(count) = self.0.get_mut(position) {
            *count += 1;
        }
    }

    /// The columns of [`TABLE`] and their counts, in its order.
    pub fn iter(&self) -> impl Iterator<Item = (Column, u64)> {
        let columns = TABLE.iter().map(|(column, _)| *column);
        columns.zip(self.0)
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl AddAssign<&Self> for UnknownCodes {
    fn add_assign(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

/// Hexadecimal digits without the prefix `0x`. Only what may have been typed as a number, decimal digits of
/// which the first is no zero, has lost zeros in front.
fn hexadecimal(upper: &[u8], width: usize) -> Option<Word> {
    let digits = upper.strip_prefix(b"0X").unwrap_or(upper);
    if digits.len() == width && digits.iter().all(is_upper_hex) {
        return Word::new(digits);
    }
    let has_lost_zeros = upper == b"0" || upper.first().is_some_and(|first| *first != b'0');
    padded(upper, width).filter(|_| has_lost_zeros && upper.len() < width)
}

/// Two digits or letters whose bytes are written as four hexadecimal digits.
fn hex_of_text(upper: &[u8]) -> Option<Word> {
    let [a, b, c, d] = *upper else {
        return None;
    };
    let byte = |high: u8, low: u8| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(high)? << 4 | digit(low)?).ok()
    };
    let text = [byte(a, b)?, byte(c, d)?].map(|byte| byte.to_ascii_uppercase());
    let is_text = text.iter().all(is_upper_alphanumeric);
    Word::new(&text).filter(|_| is_text)
}

fn processing(text: &[u8]) -> Option<Word> {
    if text.len() > 2 {
        return padded(text, 6);
    }
    let mut code = padded(text, 2)?;
    code.push(b"0000")?;
    Some(code)
}

fn is_upper_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

fn is_upper_alphanumeric(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z')
}
