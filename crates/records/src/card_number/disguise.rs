//! Card numbers where a token should be: the whole text is one, whatever it is dressed up as.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::issuers::passes_luhn;
use super::search::{DIGITS, find, is_word_before_one, may_hold_one, starts_with_date};

/// Whether `text`, which stands where a token of a card should, is or holds a card number in clear. Besides
/// what [`find`] finds, it is one of no known range where nothing but its digits and separators is there:
/// alone, as the beginning of track 1 or 2, or written as a number with a point or an exponent. Digits of
/// full width, hexadecimal codes of digits and base64 of digits are seen through.
///
/// A token of 16 hexadecimal digits passes for one by chance once in about 20,000; one of 32 does not.
#[inline]
pub fn is_clear(text: &[u8]) -> bool {
    // A letter in the first 13 bytes is in most tokens, and in few disguises.
    (may_hold_one(text) || may_be_coded(text)) && is_clear_in_detail(text)
}

/// The digits of `text` where it is a number of a card in clear, whole and alone: 8 to 19 digits (ISO/IEC
/// 7812-1), grouped by whatever is no letter or not, with `F` or zeros to fill it up, as the beginning of a
/// track, or written as a number with a point or an exponent. `None` for anything else, as a token or a
/// number of which digits are hidden.
pub fn whole_digits(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS_MIN: usize = 8;
    let text = plain(text);
    let digits = of_exponent(&text).or_else(|| alone(&text))?;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    (DIGITS_MIN..=*DIGITS.end())
        .contains(&digits.len())
        .then(|| digits.to_vec())
}

#[cold]
fn is_clear_in_detail(text: &[u8]) -> bool {
    let text = plain(text);
    if is_named_token(&text) {
        return false;
    }
    let passes = |digits: Vec<u8>| {
        DIGITS.contains(&digits.len()) && digits[0] != b'0' && passes_luhn(&digits)
    };
    find(&text, 0).is_some()
        || of_exponent(&text).is_some_and(passes)
        || alone(&text).is_some_and(passes)
        || decoded(&text).is_some_and(|digits| find(&digits, 0).is_some())
}

/// Whether a word says that the rest is something else, as in `tok_4111111111111111`.
fn is_named_token(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| *byte == b'_') else {
        return false;
    };
    let word = &text[..at];
    let is_word = word.first().is_some_and(u8::is_ascii_alphabetic)
        && word.iter().all(u8::is_ascii_alphanumeric);
    is_word && !is_word_before_one(word)
}

/// Whether the first bytes are those of digits in hexadecimal (`3` before each), in base64 (`M`, `N` or `O`
/// first), or the text has characters beyond ASCII or the exponent of a number.
#[inline]
fn may_be_coded(text: &[u8]) -> bool {
    match text {
        [b'3', _, b'3', _, b'3', ..] | [b'M'..=b'O', ..] => true,
        [b'0'..=b'9', b'.', ..] => true,
        _ => !text.is_ascii(),
    }
}

/// `text` with ASCII digits for those of full width, and blanks for blanks and marks beyond ASCII.
fn plain(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return text.into();
    }
    let Ok(text) = str::from_utf8(text) else {
        return text.into();
    };
    let plain = text.chars().filter_map(|c| match c {
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10),
        '\u{200b}' | '\u{2060}' | '\u{feff}' => None,
        _ if c.is_ascii() => Some(c),
        _ if c.is_alphanumeric() => Some('x'),
        _ => Some(' '),
    });
    plain.collect::<String>().into_bytes().into()
}

/// The digits of a text that has nothing but digits and what may group, fill up or follow them.
fn alone(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let text = [&b";"[..], b"%B", b"%b", b"B", b"b", b"'", b"\""]
        .iter()
        .find_map(|start| text.strip_prefix(*start))
        .unwrap_or(text);
    let mut digits = Vec::new();
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if digits.len() < *DIGITS.end() => digits.push(*byte),
            b'.' if text[position + 1..].iter().all(|byte| *byte == b'0') => break,
            b'^' | b'\'' | b'"' => break,
            b'=' | b'D' | b'd' if starts_with_date(&text[position + 1..]) => break,
            b'F' | b'f' if text[position + 1..].is_empty() => break,
            _ if !byte.is_ascii_alphanumeric() && *byte != b'*' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some(digits)
}

/// The digits of a whole number that is written with an exponent, as `4.111111111111111e15`. Spreadsheets
/// write `4.11111E+15`, of which the other digits are lost.
fn of_exponent(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    let exponent = exponent.strip_prefix(b"+").unwrap_or(exponent);
    let exponent: usize = str::from_utf8(exponent).ok()?.parse().ok()?;
    let (first, fraction) = match mantissa {
        [first, b'.', fraction @ ..] => (first, fraction),
        [first] => (first, &[][..]),
        _ => return None,
    };
    const WRITTEN_DIGITS_MIN: usize = 12;
    let is_whole = exponent >= fraction.len() && exponent < *DIGITS.end();
    let is_whole = is_whole && fraction.len() + 1 >= WRITTEN_DIGITS_MIN;
    let are_digits = first.is_ascii_digit() && fraction.iter().all(u8::is_ascii_digit);
    (is_whole && are_digits).then(|| {
        let mut digits = vec![*first];
        digits.extend_from_slice(fraction);
        digits.resize(exponent + 1, b'0');
        digits
    })
}

/// The digits that `text` is the hexadecimal form or the base64 form of.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digits = hexadecimal(text).or_else(|| base64(text))?;
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let pairs = text.chunks_exact(2);
    let is_whole = pairs.remainder().is_empty();
    let digits = pairs.map(|pair| (pair[0] == b'3').then_some(pair[1]));
    digits.collect::<Option<Vec<u8>>>().filter(|_| is_whole)
}

/// RFC 4648, section 4. Texts of more bytes than a card number has are left alone.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const BYTES_MAX: usize = 28;
    let is_short = text.len() <= BYTES_MAX;
    is_short.then(|| STANDARD.decode(text).ok()).flatten()
}
