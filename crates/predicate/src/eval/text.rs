//! Text.

use std::cmp::Ordering;

use arrow::array::StringArray;

use super::bits::each_bit;
use super::block::{Block, Evaluate};
use super::choose::{case, coalesce, extreme};
use super::compare::compare_nodes;
use super::lanes::{LANES, LINEAR_SEARCH_MAX, Logic, empty_lanes};
use crate::like::LikePattern;
use crate::node::{Comparison, TextNode, TextTest};
use crate::scalar;

pub(super) fn compare<'a>(
    op: Comparison,
    l: &'a TextNode,
    r: &'a TextNode,
    block: &Block<'a>,
) -> Logic {
    if let (TextNode::Column(slot), TextNode::Const(Some(constant))) = (l, r) {
        let equal = match op {
            Comparison::Equal => Some(true),
            Comparison::NotEqual => Some(false),
            _ => None,
        };
        if let (Some(wanted), Some((array, start, known))) = (equal, block.texts(*slot)) {
            let rows = start..start + block.len;
            let equal = equal_bits(array, rows, constant.as_bytes());
            let truth = known & if wanted { equal } else { !equal };
            return Logic { truth, known };
        }
    }
    compare_nodes(op, (l, r), block, |l, r| Some(l.cmp(r)))
}

/// Which of `rows` equal `constant`: lengths first, they differ most often.
fn equal_bits(array: &StringArray, rows: std::ops::Range<usize>, constant: &[u8]) -> u64 {
    let data = array.value_data();
    let offsets = array
        .value_offsets()
        .get(rows.start..=rows.end)
        .unwrap_or_default();
    let mut word = 0;
    for (lane, ends) in offsets.windows(2).enumerate() {
        let (from, to) = (ends[0] as usize, ends[1] as usize);
        let equal = to - from == constant.len() && data.get(from..to) == Some(constant);
        word |= u64::from(equal) << lane;
    }
    word
}

fn test<'a>(
    operand: &'a TextNode,
    block: &Block<'a>,
    mut holds: impl FnMut(&'a str) -> bool,
) -> Logic {
    let mut truth = 0;
    if let TextNode::Column(slot) = operand {
        let Some((array, start, known)) = block.texts(*slot) else {
            return Logic::NULL;
        };
        each_bit(known, |lane| {
            truth |= u64::from(holds(array.value(start + lane))) << lane;
        });
        return Logic { truth, known };
    }
    let mut lanes = empty_lanes();
    let known = operand.evaluate(block, &mut lanes);
    each_bit(known, |lane| truth |= u64::from(holds(lanes[lane])) << lane);
    Logic { truth, known }
}

pub(super) fn in_texts<'a>(operand: &'a TextNode, list: &[String], block: &Block<'a>) -> Logic {
    if list.len() <= LINEAR_SEARCH_MAX {
        return test(operand, block, |text| list.iter().any(|item| item == text));
    }
    test(operand, block, |text| {
        list.binary_search_by(|item| item.as_str().cmp(text))
            .is_ok()
    })
}

pub(super) fn like<'a>(operand: &'a TextNode, pattern: &LikePattern, block: &Block<'a>) -> Logic {
    test(operand, block, |text| pattern.matches(text))
}

pub(super) fn test_pair<'a>(
    test: TextTest,
    l: &'a TextNode,
    r: &'a TextNode,
    block: &Block<'a>,
) -> Logic {
    let (mut left, mut right) = (empty_lanes(), empty_lanes());
    let known = l.evaluate(block, &mut left) & r.evaluate(block, &mut right);
    let mut truth = 0;
    each_bit(known, |lane| {
        let holds = match test {
            TextTest::ContainsItem => scalar::contains_item(left[lane], right[lane]),
            TextTest::VersionBefore => scalar::version_before(left[lane], right[lane]),
        };
        truth |= u64::from(holds) << lane;
    });
    Logic { truth, known }
}

impl Evaluate for TextNode {
    type Item<'a> = &'a str;
    fn evaluate<'a>(&'a self, block: &Block<'a>, lanes: &mut [&'a str; LANES]) -> u64 {
        match self {
            Self::Const(None) => 0,
            Self::Const(Some(value)) => {
                lanes[..block.len].fill(value);
                block.all
            }
            Self::Column(slot) => {
                let Some((array, start, known)) = block.texts(*slot) else {
                    return 0;
                };
                each_bit(known, |lane| lanes[lane] = array.value(start + lane));
                known
            }
            Self::Substring(operand, from, length) => {
                let mut known = operand.evaluate(block, lanes);
                let mut froms = empty_lanes();
                known &= from.evaluate(block, &mut froms);
                let mut lengths = [i64::MAX; LANES];
                if let Some(length) = length {
                    known &= length.evaluate(block, &mut lengths);
                }
                each_bit(known, |lane| {
                    lanes[lane] = substring(lanes[lane], froms[lane], lengths[lane]);
                });
                known
            }
            Self::Right(operand, count) => {
                let mut counts = empty_lanes();
                let known = operand.evaluate(block, lanes) & count.evaluate(block, &mut counts);
                each_bit(known, |lane| {
                    lanes[lane] = scalar::right(lanes[lane], counts[lane]);
                });
                known
            }
            Self::Upper(operand) => {
                let known = operand.evaluate(block, lanes);
                upper(known, block, lanes);
                known
            }
            Self::Case(choice) => case(choice, block, lanes),
            Self::Coalesce(operands) => coalesce(operands, block, lanes),
            Self::Greatest(operands) => extreme(operands, Ordering::Greater, block, lanes),
            Self::Least(operands) => extreme(operands, Ordering::Less, block, lanes),
        }
    }
}

/// Upper case in place; most codes are upper case already and cost no new text.
fn upper<'a>(known: u64, block: &Block<'a>, lanes: &mut [&'a str; LANES]) {
    let (mut changed, mut texts) = (0, Vec::new());
    each_bit(known, |lane| {
        if lanes[lane]
            .chars()
            .any(|c| c.is_ascii_lowercase() || !c.is_ascii())
        {
            changed |= 1 << lane;
            texts.push(lanes[lane].to_uppercase());
        }
    });
    if changed != 0 {
        let mut texts = block.arena.keep(texts).iter();
        each_bit(changed, |lane| {
            lanes[lane] = texts.next().map_or("", String::as_str);
        });
    }
}

/// Characters `from .. from + length` of `text`, counting from 1; what lies outside is left out, as
/// the standard says. A negative length gives nothing.
fn substring(text: &str, from: i64, length: i64) -> &str {
    let end = from.saturating_add(length.max(0));
    let (skip, end) = (from.max(1) - 1, end.max(1) - 1);
    let at = |chars: i64| match usize::try_from(chars) {
        Ok(chars) if text.is_ascii() => chars.min(text.len()),
        Ok(chars) => text
            .char_indices()
            .nth(chars)
            .map_or(text.len(), |(byte, _)| byte),
        Err(_) => text.len(),
    };
    let (from, to) = (at(skip), at(end));
    text.get(from..to.max(from)).unwrap_or_default()
}
