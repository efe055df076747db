//! Card numbers anywhere in a text.

use std::ops::{Range, RangeInclusive};

use super::issuers::{is_issued, lengths, passes_luhn};

/// Digits of a card number. ISO/IEC 7812-1 allows 8 to 19; shorter ones than 13 are no longer issued.
pub const DIGITS: RangeInclusive<usize> = 13..=19;

/// How the digits of a card number are grouped where they are: as on the card.
const GROUPINGS: [&[usize]; 6] = [
    &[4, 4, 4, 4],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 3],
    &[4, 6, 5],
    &[4, 6, 4],
];

/// Whether `text` may hold a card number: it has as many bytes in a row that are no letters. Nearly all texts
/// that hold none are told by a few bytes.
#[inline]
pub fn may_hold_one(text: &[u8]) -> bool {
    const STRIDE: usize = *DIGITS.start();
    // A row of 13 bytes covers one of every 13th.
    let mut at = STRIDE - 1;
    while let Some(byte) = text.get(at) {
        if !byte.is_ascii_alphabetic() && is_long_row(text, at) {
            return true;
        }
        at += STRIDE;
    }
    false
}

/// Whether the bytes around `at` that are no letters are as many as a card number has digits.
#[inline]
fn is_long_row(text: &[u8], at: usize) -> bool {
    let is_inner = |byte: &&u8| !byte.is_ascii_alphabetic();
    let before = text[..at].iter().rev().take_while(is_inner).count();
    let after = text[at..].iter().take_while(is_inner).count();
    before + after >= *DIGITS.start()
}

/// Where the first card number at or after `from` stands in `text`, with its groups and without what is
/// around it. It is of an issuer's range, has the right check digit, and is no part of a word, as hexadecimal
/// numbers and ids with a letter before them are. It is a whole row of digits, zeros in front or not, or
/// begins one in which something like an expiry date, an audit number or a time follows.
pub fn find(text: &[u8], from: usize) -> Option<Range<usize>> {
    find_by(text, from, in_row)
}

/// Where all card numbers stand in a whole record, each with what belongs to the same track behind it: what
/// [`find`] finds, and those behind their own length, as in messages of ISO 8583. Other rows of digits have
/// such a one by chance, so this is for what nobody reads any more.
pub fn find_all(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    ranges(text, |text, row| {
        in_row(text, row.clone()).or_else(|| behind_its_length(text, row))
    })
}

/// Writes `*` over the digits of every card number in `text`, and over those behind it that belong to the
/// same track. How many card numbers there were.
pub fn mask(text: &mut [u8]) -> usize {
    let found: Vec<_> = ranges(text, in_row).collect();
    for range in &found {
        hide_digits(&mut text[range.clone()]);
    }
    found.len()
}

/// Writes `*` over all digits of `text`.
pub fn hide_digits(text: &mut [u8]) {
    let digits = text.iter_mut().filter(|byte| byte.is_ascii_digit());
    digits.for_each(|byte| *byte = b'*');
}

/// What finds a card number in a row of digits.
type InRow = fn(&[u8], Range<usize>) -> Option<Range<usize>>;

fn ranges(text: &[u8], in_row: InRow) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = find_by(text, from, in_row)?;
        from = track_end(text, found.end);
        Some(found.start..from)
    })
}

fn find_by(text: &[u8], from: usize, in_row: InRow) -> Option<Range<usize>> {
    let mut at = from;
    while let Some(start) = next_digit(text, at) {
        let row = start..row_end(text, start);
        let found = grouped(text, start)
            .filter(|found| !is_of_word(text, found))
            .or_else(|| in_row(text, row.clone()).filter(|_| !is_of_word(text, &row)));
        if found.is_some() {
            return found;
        }
        at = row.end;
    }
    None
}

fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    let found = text.get(from..)?.iter().position(u8::is_ascii_digit);
    found.map(|found| from + found)
}

fn row_end(text: &[u8], start: usize) -> usize {
    let row = text[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    start + row.count()
}

/// A card number in groups from `start` on, where a row of digits begins. One separator is between them all.
fn grouped(text: &[u8], start: usize) -> Option<Range<usize>> {
    let first_end = row_end(text, start);
    let separator = *text.get(first_end)?;
    if first_end - start != 4 || separator.is_ascii_alphanumeric() || !separator.is_ascii() {
        return None;
    }
    let mut digits = text[start..first_end].to_vec();
    let mut lengths = vec![4];
    let mut end = first_end;
    while lengths.len() < 5 && text.get(end) == Some(&separator) {
        let group_end = row_end(text, end + 1);
        if group_end == end + 1 {
            break;
        }
        lengths.push(group_end - end - 1);
        digits.extend_from_slice(&text[end + 1..group_end]);
        end = group_end;
        if GROUPINGS.contains(&lengths.as_slice()) && is_issued(&digits) {
            // A group more may belong to it.
            let longer = grouped_tail(text, end, separator, &digits);
            return Some(start..longer.unwrap_or(end));
        }
    }
    None
}

/// The end of the card number that `digits` and the group behind `end` make, if they make one.
fn grouped_tail(text: &[u8], end: usize, separator: u8, digits: &[u8]) -> Option<usize> {
    let next = (text.get(end) == Some(&separator)).then(|| row_end(text, end + 1))?;
    let mut all = digits.to_vec();
    all.extend_from_slice(&text[end + 1..next]);
    (next > end + 1 && all.len() <= *DIGITS.end() && is_issued(&all)).then_some(next)
}

/// A card number in a row of digits.
fn in_row(text: &[u8], row: Range<usize>) -> Option<Range<usize>> {
    let digits = &text[row.clone()];
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    // Zeros fill up a field that holds nothing else. Other rows that begin with one, as DE90, begin with
    // none.
    let length = match zeros {
        0 => at_beginning(digits)?,
        _ => Some(digits.len() - zeros).filter(|_| is_issued(&digits[zeros..]))?,
    };
    let start = row.start + zeros;
    Some(start..start + length)
}

/// The length of the card number that `digits` begin with.
fn at_beginning(digits: &[u8]) -> Option<usize> {
    if digits.len() < *DIGITS.start() {
        return None;
    }
    if is_issued(digits) {
        return Some(digits.len());
    }
    let mut shorter = lengths(digits).filter(|length| *length < digits.len());
    shorter.find(|length| {
        let (number, rest) = digits.split_at(*length);
        passes_luhn(number) && may_follow(rest)
    })
}

/// Whether digits may follow a card number without a separator: an expiry date (YYMM), or as many as an audit
/// number or more.
fn may_follow(rest: &[u8]) -> bool {
    const AUDIT_NUMBER_DIGITS: usize = 6;
    let is_date =
        rest.len() == 4 && matches!(rest, [_, _, b'0', b'1'..=b'9'] | [_, _, b'1', b'0'..=b'2']);
    is_date || rest.len() >= AUDIT_NUMBER_DIGITS
}

/// A card number behind the two digits that say how many it has (LLVAR of ISO 8583).
fn behind_its_length(text: &[u8], row: Range<usize>) -> Option<Range<usize>> {
    let digits = &text[row.clone()];
    let starts = 0..digits.len().saturating_sub(*DIGITS.start() + 1);
    let mut found = starts.filter_map(|start| {
        let length = usize::from(digits[start] - b'0') * 10 + usize::from(digits[start + 1] - b'0');
        let start = start + 2;
        let number = digits.get(start..start + length)?;
        (DIGITS.contains(&length) && is_issued(number)).then_some(start..start + length)
    });
    let found = found.next()?;
    Some(row.start + found.start..row.start + found.end)
}

/// Words that stand before a card number without a separator.
const WORDS: [&[u8]; 6] = [b"pan", b"card", b"cc", b"no", b"nr", b"0x"];

/// Whether letters are beside the digits at `found`, so that they are a part of an id or of a hexadecimal
/// number. The D of track 2, the F that fills up the last byte of tag 5A and the B of track 1 are none.
fn is_of_word(text: &[u8], found: &Range<usize>) -> bool {
    let (before, after) = (&text[..found.start], &text[found.end..]);
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    is_letter(before.last()) && !is_known_before(before, after)
        || is_letter(after.first()) && !is_known_after(after)
}

fn is_known_before(before: &[u8], after: &[u8]) -> bool {
    let is_track_1 = matches!(before, [.., b'B' | b'b']) && after.first() == Some(&b'^');
    let letters = before.iter().rev();
    let word = letters
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let word = &before[before.len() - word..];
    is_track_1 || is_word_before_one(word)
}

/// Whether `word` announces a card number.
pub(super) fn is_word_before_one(word: &[u8]) -> bool {
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn is_known_after(after: &[u8]) -> bool {
    match after {
        [b'F' | b'f', rest @ ..] => !rest.first().is_some_and(u8::is_ascii_alphanumeric),
        [b'D' | b'd', rest @ ..] => starts_with_date(rest),
        _ => false,
    }
}

/// Whether `text` starts with four digits, as `YYMM`.
pub(super) fn starts_with_date(text: &[u8]) -> bool {
    text.first_chunk::<4>()
        .is_some_and(|date| date.iter().all(u8::is_ascii_digit))
}

/// Where the track ends whose card number ends at `end`; `end` where it is no track.
fn track_end(text: &[u8], end: usize) -> usize {
    if !matches!(text.get(end), Some(b'=' | b'^' | b'D' | b'd')) {
        return end;
    }
    let is_of_track = |byte: &u8| !matches!(byte, b'?' | b'"' | b'\'' | b'<' | b',' | b'\n');
    end + text[end..]
        .iter()
        .take_while(|byte| is_of_track(byte))
        .count()
}
