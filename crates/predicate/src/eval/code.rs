//! Short texts as integers: texts of up to seven bytes have a code, and two of them are equal when
//! their codes are. Most columns that filters test hold nothing else.

use std::cell::Cell;

use arrow::array::StringArray;

use super::bits::{BITS, each_bit};
use super::block::{Block, Evaluate};
use super::lanes::{LANES, LINEAR_SEARCH_MAX, Logic, empty_lanes};
use crate::node::{IntNode, Shared, TextNode};

/// Longest text that has a code, in bytes: the eighth byte of the code is the length.
const CODE_BYTES_MAX: usize = 7;

/// In place of a code where text is longer: its length byte is none that a code has.
const NO_CODE: u64 = u64::MAX;

/// The code of `text`, if it is short enough: its bytes from the lowest, its length in the highest.
pub(crate) fn of(text: &str) -> Option<u64> {
    Some(of_bytes(text.as_bytes())).filter(|code| *code != NO_CODE)
}

/// The text of a code.
pub(crate) fn text(code: u64) -> String {
    let bytes = code.to_le_bytes();
    let len = usize::from(bytes[CODE_BYTES_MAX]).min(CODE_BYTES_MAX);
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

fn of_bytes(bytes: &[u8]) -> u64 {
    if bytes.len() > CODE_BYTES_MAX {
        return NO_CODE;
    }
    let mut code = [0; 8];
    for (to, from) in code.iter_mut().zip(bytes) {
        *to = *from;
    }
    code[CODE_BYTES_MAX] = bytes.len() as u8;
    u64::from_le_bytes(code)
}

/// The code of `data[from..to]`, read as one word where that is inside of `data`.
#[inline(always)]
fn at(data: &[u8], from: usize, to: usize) -> u64 {
    let len = to.saturating_sub(from);
    if len > CODE_BYTES_MAX {
        return NO_CODE;
    }
    match data.get(from..).and_then(<[u8]>::first_chunk::<8>) {
        Some(word) => {
            let bytes = u64::from_le_bytes(*word) & ((1 << (8 * len)) - 1);
            bytes | (len as u64) << (8 * CODE_BYTES_MAX)
        }
        None => of_bytes(data.get(from..to).unwrap_or_default()),
    }
}

/// Which rows' text has one of `codes`, which are sorted.
pub(super) fn in_codes<'a>(
    operand: &'a Shared<TextNode>,
    codes: &[u64],
    block: &Block<'a>,
) -> Logic {
    let kept = block
        .memo
        .and_then(|memo| Some((memo, memo.codes(operand.slot)?)));
    let Some((memo, kept)) = kept else {
        let lanes = [const { Cell::new(0) }; LANES];
        let known = fill(&operand.node, block, &lanes);
        return test(codes, known, &lanes[..block.len]);
    };
    let (known, lanes) = kept.get_or(memo, |lanes| fill(&operand.node, block, lanes));
    test(codes, known, &lanes[..block.len])
}

fn test(codes: &[u64], known: u64, lanes: &[Cell<u64>]) -> Logic {
    let truth = if codes.len() <= LINEAR_SEARCH_MAX {
        let each = codes
            .iter()
            .map(|code| bits_of(lanes, |value| value == *code));
        each.fold(0, |all, one| all | one)
    } else {
        bits_of(lanes, |value| codes.binary_search(&value).is_ok())
    };
    Logic {
        truth: truth & known,
        known,
    }
}

/// Bit `i` is `test` of the code in lane `i`.
#[inline(always)]
fn bits_of(lanes: &[Cell<u64>], test: impl Fn(u64) -> bool) -> u64 {
    let mut word = 0;
    for (lane, bit) in lanes.iter().zip(&BITS) {
        word |= if test(lane.get()) { *bit } else { 0 };
    }
    word
}

/// Writes the code of each row's text into `lanes` and returns which rows have text.
fn fill<'a>(node: &'a TextNode, block: &Block<'a>, lanes: &[Cell<u64>; LANES]) -> u64 {
    if let Some((slot, part)) = Part::of(node)
        && let Some((array, start, known)) = block.texts(slot)
        && fill_parts(array, start..start + block.len, part, lanes)
    {
        return known;
    }
    let mut texts = empty_lanes();
    let known = node.evaluate(block, &mut texts);
    each_bit(known, |lane| {
        lanes[lane].set(of_bytes(texts[lane].as_bytes()));
    });
    known
}

/// Which bytes of a text count, where every character is one byte.
#[derive(Debug, Clone, Copy)]
enum Part {
    All,
    /// Bytes from here to there, as far as there are any.
    Range(usize, usize),
    /// So many at the end.
    Last(usize),
}

impl Part {
    /// The column and what is taken of it, when `node` is as simple as that.
    fn of(node: &TextNode) -> Option<(usize, Self)> {
        let column = |node: &TextNode| match node {
            TextNode::Column(slot) => Some(*slot),
            _ => None,
        };
        let constant = |node: &IntNode| match node {
            IntNode::Const(value) => *value,
            _ => None,
        };
        let bytes = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
        match node {
            TextNode::Column(slot) => Some((*slot, Self::All)),
            TextNode::Substring(operand, from, length) => {
                let from = constant(from)?;
                let length = match length {
                    Some(length) => constant(length)?,
                    None => i64::MAX,
                };
                // As for text of any kind, see `substring` there.
                let end = from.saturating_add(length.max(0)).max(1) - 1;
                let part = Self::Range(bytes(from.max(1) - 1), bytes(end));
                Some((column(operand)?, part))
            }
            TextNode::Right(operand, count) => {
                let part = Self::Last(bytes(constant(count)?.max(0)));
                Some((column(operand)?, part))
            }
            _ => None,
        }
    }
}

/// The same for part of each text of `rows`; false where a character may be more than one byte.
fn fill_parts(
    array: &StringArray,
    rows: std::ops::Range<usize>,
    part: Part,
    lanes: &[Cell<u64>; LANES],
) -> bool {
    let data = array.value_data();
    let Some(offsets) = array.value_offsets().get(rows.start..=rows.end) else {
        return false;
    };
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return false;
    };
    let pairs = || {
        let ends = offsets
            .windows(2)
            .map(|ends| (ends[0] as usize, ends[1] as usize));
        lanes.iter().zip(ends)
    };
    match part {
        Part::All => pairs().for_each(|(lane, (from, to))| lane.set(at(data, from, to))),
        _ if !is_ascii(data, *first, *last) => return false,
        Part::Range(skip, end) => pairs().for_each(|(lane, (from, to))| {
            let len = to.saturating_sub(from);
            let (skip, end) = (skip.min(len), end.min(len));
            lane.set(at(data, from + skip, from + end.max(skip)));
        }),
        Part::Last(count) => pairs().for_each(|(lane, (from, to))| {
            let len = to.saturating_sub(from);
            lane.set(at(data, to - count.min(len), to));
        }),
    }
    true
}

fn is_ascii(data: &[u8], from: i32, to: i32) -> bool {
    data.get(from as usize..to as usize)
        .is_some_and(<[u8]>::is_ascii)
}
