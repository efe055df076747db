//! Short texts, without room of their own on the heap: records of some sites need them for each code.

use std::ops::Deref;

/// Longest value that may be a code: two more than a hexadecimal one of the longest form.
const WORD_BYTES_MAX: usize = 16;

/// A short text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    bytes: [u8; WORD_BYTES_MAX],
    len: usize,
}

impl Word {
    /// `text`, if it is short enough.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        let mut word = Self {
            bytes: [0; WORD_BYTES_MAX],
            len: 0,
        };
        word.push(text)?;
        Some(word)
    }

    /// `text` in upper case, if it is short enough.
    pub(super) fn upper(text: &[u8]) -> Option<Self> {
        let mut word = Self::new(text)?;
        word.bytes.make_ascii_uppercase();
        Some(word)
    }

    pub(super) fn push(&mut self, text: &[u8]) -> Option<()> {
        let place = self.bytes.get_mut(self.len..self.len + text.len())?;
        place.copy_from_slice(text);
        self.len += text.len();
        Some(())
    }
}

impl Deref for Word {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// `text` without the decimals of a whole number, as doubles are written: `5411.0` is `5411`.
pub(super) fn whole(text: &[u8]) -> &[u8] {
    let Some(point) = text.iter().position(|byte| *byte == b'.') else {
        return text;
    };
    let (digits, decimals) = text.split_at(point);
    let is_whole = are_digits(digits) && decimals[1..].iter().all(|byte| *byte == b'0');
    if is_whole { digits } else { text }
}

/// `text` with zeros in front, or without those that are too many; `None` where it is no such number.
pub(super) fn padded(text: &[u8], width: usize) -> Option<Word> {
    if !are_digits(text) {
        return None;
    }
    let (excess, digits) = text.split_at(text.len().saturating_sub(width));
    if excess.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let mut code = Word::new(&b"0000000000000000"[..width - digits.len()])?;
    code.push(digits)?;
    Some(code)
}

/// Whether `text` is digits alone, and not empty; by words, as codes are too short for a loop to pay.
#[inline]
pub(super) fn are_digits(text: &[u8]) -> bool {
    match text.len() {
        0 => false,
        1 => text[0].is_ascii_digit(),
        2 | 3 => {
            both_ends::<2>(text).is_some_and(|ends| ends.iter().flatten().all(u8::is_ascii_digit))
        }
        4..=8 => both_ends::<4>(text)
            .is_some_and(|[head, tail]| word_of_digits(head) & word_of_digits(tail)),
        _ => text.iter().all(u8::is_ascii_digit),
    }
}

/// The first `N` bytes and the last ones, which overlap where there are fewer than twice as many.
#[inline]
fn both_ends<const N: usize>(text: &[u8]) -> Option<[[u8; N]; 2]> {
    Some([*text.first_chunk()?, *text.last_chunk()?])
}

/// Whether four bytes are digits: 3 in the upper half of each, and still so when 6 is added to the lower one.
#[inline]
fn word_of_digits(bytes: [u8; 4]) -> bool {
    const UPPER: u32 = 0xf0f0_f0f0;
    const THREES: u32 = 0x3030_3030;
    let word = u32::from_le_bytes(bytes);
    word & UPPER == THREES && word.wrapping_add(0x0606_0606) & UPPER == THREES
}
