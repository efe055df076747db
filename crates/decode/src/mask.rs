//! Bytes of a record for a person's eyes, without card numbers and sensitive authentication data.
//!
//! It hides more than it must: what is shown was refused, so nothing is known of its fields.

use std::ops::Range;

use tillwatch_records::card_number::{DIGITS, passes_luhn};

use crate::sensitive::is_sensitive_name;

/// What stands for whatever is hidden, however long that is.
const HIDDEN: &str = "***";

/// Blanks, hyphens and points in a row that may group the digits of one number.
const SEPARATORS_MAX: usize = 3;

/// Longest field name that is looked for, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Hexadecimal digits of a PIN block: ISO 9564-1, formats 0 to 3.
const PIN_BLOCK_DIGITS: usize = 16;

/// `bytes` as text in which `***` stands for whatever may be a card number, track data or a PIN block, and
/// for the values of fields that are called so. `None` where they are not text: in binary formats digits
/// are packed in ways that nobody would recognise.
pub fn masked(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?;
    let is_layout = |c| matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(|c| c.is_control() && !is_layout(c)) {
        return None;
    }
    let text = with_plain_digits(text);
    let mut hidden = vec![false; text.len()];
    hide_named(&text, &mut hidden);
    hide_card_numbers(text.as_bytes(), &mut hidden);
    hide_pin_blocks(text.as_bytes(), &mut hidden);
    Some(shown(&text, &hidden))
}

/// `text` with digits that JSON writes as `\u0030` to `\u0039` written plainly.
fn with_plain_digits(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u003") {
        let (before, escaped) = rest.split_at(at);
        plain.push_str(before);
        let (prefix, after) = escaped.split_at(5);
        match after.bytes().next() {
            Some(digit) if digit.is_ascii_digit() => {
                plain.push(char::from(digit));
                rest = &after[1..];
            }
            _ => {
                plain.push_str(prefix);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Hides the values of fields with sensitive names, in JSON, in XML and in lists of `name=value`.
fn hide_named(text: &str, hidden: &mut [bool]) {
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        if !matches!(bytes[at], b':' | b'=' | b'>') {
            continue;
        }
        if name_before(text, at).is_some_and(is_sensitive_name) {
            let value = value_from(bytes, at + 1);
            hidden[value].fill(true);
        }
    }
}

/// The name that ends before `at`, which may stand in quotes.
fn name_before(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].trim_end();
    let unquoted = before.trim_end_matches(['"', '\'', '\\']);
    if unquoted.len() < before.len() {
        let start = unquoted.rfind(['"', '\''])? + 1;
        return Some(&unquoted[start..]).filter(|name| name.len() <= NAME_BYTES_MAX);
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let length = before.bytes().rev().take_while(|byte| is_name(byte));
    let name = &before[before.len() - length.take(NAME_BYTES_MAX).count()..];
    // Hours and minutes are no names.
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then_some(name)
}

/// Where the value lies that begins at or after `start`.
fn value_from(bytes: &[u8], start: usize) -> Range<usize> {
    let blanks = bytes[start..].iter();
    let start = start + blanks.take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = &bytes[start..];
    let length = match rest {
        [quote @ (b'"' | b'\''), ..] => quoted(rest, &[*quote]),
        [b'\\', b'"', ..] => quoted(rest, b"\\\""),
        [b'{' | b'[', ..] => nested(rest),
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;&|<>}]\"'".contains(byte);
            rest.iter().position(ends).unwrap_or(rest.len())
        }
    };
    start..start + length
}

/// Length of a value in quotes, or of everything where it does not end.
fn quoted(rest: &[u8], quote: &[u8]) -> usize {
    let mut at = quote.len();
    while at < rest.len() {
        if rest[at..].starts_with(quote) {
            return at + quote.len();
        }
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    rest.len()
}

/// Length of an object or a list, or of everything where it does not end. Brackets in texts count as well.
fn nested(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

/// Hides every row of digits that has a card number in it, with the rest of the track where it begins one.
fn hide_card_numbers(bytes: &[u8], hidden: &mut [bool]) {
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let (row, digits) = row_of_digits(bytes, at);
        at = row.end;
        if !has_card_number(&digits) {
            continue;
        }
        hidden[row.clone()].fill(true);
        // The separators of track 1 and track 2 equivalent data.
        if matches!(bytes.get(row.end), Some(b'^' | b'=' | b'D' | b'd')) {
            let ends = |byte: &u8| b"?\"'<\n".contains(byte);
            let rest = &bytes[row.end..];
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            hidden[row.end..row.end + length].fill(true);
            at = row.end + length;
        }
    }
}

/// The digits from `start` on, grouped or not: where they lie, and the digits alone.
fn row_of_digits(bytes: &[u8], start: usize) -> (Range<usize>, Vec<u8>) {
    let mut digits = Vec::new();
    let mut end = start;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        if byte.is_ascii_digit() {
            digits.push(*byte);
            end = at + 1;
        } else if !b" -.".contains(byte) || at - end >= SEPARATORS_MAX {
            break;
        }
    }
    (start..end, digits)
}

/// Whether some of `digits` in a row pass for a card number.
fn has_card_number(digits: &[u8]) -> bool {
    DIGITS.into_iter().any(|length| {
        let mut windows = digits.windows(length);
        windows.any(|window| window[0] != b'0' && passes_luhn(window))
    })
}

/// Hides words of as many hexadecimal digits as a PIN block has.
fn hide_pin_blocks(bytes: &[u8], hidden: &mut [bool]) {
    let mut start = 0;
    for word in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
        if word.len() == PIN_BLOCK_DIGITS && word.iter().all(u8::is_ascii_hexdigit) {
            hidden[start..start + word.len()].fill(true);
        }
        start += word.len() + 1;
    }
}

fn shown(text: &str, hidden: &[bool]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut was_hidden = false;
    for (at, c) in text.char_indices() {
        match (hidden[at], was_hidden) {
            (true, false) => shown.push_str(HIDDEN),
            (true, true) => {}
            (false, _) => shown.push(c),
        }
        was_hidden = hidden[at];
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        masked(text.as_bytes()).unwrap()
    }

    #[test]
    fn nothing_that_looks_like_card_data_is_shown() {
        for (text, expected) in [
            (r#"{"card":"4111111111111111"}"#, r#"{"card":"***"}"#),
            (
                r#"{"card": 4111111111111111, "a": 1}"#,
                r#"{"card": ***, "a": 1}"#,
            ),
            ("5500 0000 0000 0004 and more", "*** and more"),
            ("5500-0000-0000-0004", "***"),
            // In the middle of a fixed layout.
            ("02004111111111111111000000001000", "***"),
            (";4111111111111111=25121010000?x", ";***?x"),
            ("%B4111111111111111^DOE/J^2512101?x", "%B***?x"),
            (r#"{"x":"4111111111111111D25121010F"}"#, r#"{"x":"***"}"#),
            (r#"{"x":"\u0034111111111111111"}"#, r#"{"x":"***"}"#),
            // A PIN block that is no number, and one in a list.
            ("0412AC89ABCDEF67", "***"),
            ("pin=1234;amount=5", "pin=***;amount=5"),
            (r#"{"pin" : "12\"34", "n": 1}"#, r#"{"pin" : ***, "n": 1}"#),
            (
                r#"{"card.expiry": 2512, "n": 1}"#,
                r#"{"card.expiry": ***, "n": 1}"#,
            ),
            (
                r#"{"card number":{"first":{"a":1},"b":2},"n":1}"#,
                r#"{"card number":***,"n":1}"#,
            ),
            (
                r#"{"inner":"{\"cvv\":\"123\",\"n\":1}"}"#,
                r#"{"inner":"{\"cvv\":***,\"n\":1}"}"#,
            ),
            ("<pan>67</pan><n>1</n>", "<pan>***</pan><n>1</n>"),
            // Broken JSON: a quote is missing, and the last value does not end.
            (r#"{"a": "b, "cvv2": "12"}"#, r#"{"a": "b, "cvv2": ***}"#),
            (r#"{"track2": "41"#, r#"{"track2": ***"#),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_person_needs_is_shown() {
        for text in [
            r#"{"event_id":"e-17","event_time":"2026-11-30T03:56:12Z","amount":"12.50","stan":"000123"}"#,
            r#"{"card_token":"9f86d081884c7d659a2feaa0c55ad015","terminal_id":"T0012"}"#,
            "ä\tö\n",
            r"\u003c \u003",
            "",
        ] {
            assert_eq!(of(text), text);
        }
    }

    #[test]
    fn what_is_no_text_is_not_shown() {
        assert_eq!(masked(b"\x41\x11\x11\x11"), None);
        assert_eq!(masked(b"\xff\xfe"), None);
        assert_eq!(masked(b"4\x001\x00"), None);
    }

    proptest! {
        /// Whatever stands around a card number.
        #[test]
        fn a_card_number_is_never_shown(before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before}4111111111111111{after}");
            let shown = of(&text);
            prop_assert!(!shown.contains("411111111111"), "{shown}");
        }
    }
}
