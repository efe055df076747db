//! Integers, times and doubles.

use std::cmp::Ordering;

use super::bits::{bits, each_bit};
use super::block::{Block, Evaluate};
use super::choose::{case, coalesce, extreme};
use super::compare::{compare_constant, compare_lanes};
use super::lanes::{LANES, LINEAR_SEARCH_MAX, Logic, empty_lanes};
use super::memo::Memo;
use super::shared;
use crate::node::{Arithmetic, Comparison, FloatNode, IntNode, TextNode};
use crate::scalar;

/// The values of a plain column; any other node has none.
fn int_column<'a>(node: &IntNode, block: &Block<'a>) -> Option<(&'a [i64], u64)> {
    match node {
        IntNode::Column(slot) => block.ints(*slot),
        IntNode::TimeColumn(slot) => block.times(*slot),
        _ => None,
    }
}

fn float_column<'a>(node: &FloatNode, block: &Block<'a>) -> Option<(&'a [f64], u64)> {
    match node {
        FloatNode::Column(slot) => block.floats(*slot),
        _ => None,
    }
}

pub(super) fn compare_ints<'a>(
    op: Comparison,
    l: &'a IntNode,
    r: &'a IntNode,
    block: &Block<'a>,
) -> Logic {
    let IntNode::Const(Some(constant)) = r else {
        return compare_pair(op, l, r, block);
    };
    if let Some((values, known)) = int_column(l, block) {
        let truth = compare_constant(op, values, *constant) & known;
        return Logic { truth, known };
    }
    let mut lanes = empty_lanes();
    let known = l.evaluate(block, &mut lanes);
    Logic {
        truth: compare_constant(op, &lanes[..block.len], *constant) & known,
        known,
    }
}

pub(super) fn compare_floats<'a>(
    op: Comparison,
    l: &'a FloatNode,
    r: &'a FloatNode,
    block: &Block<'a>,
) -> Logic {
    let FloatNode::Const(Some(constant)) = r else {
        return compare_pair(op, l, r, block);
    };
    if let Some((values, known)) = float_column(l, block) {
        let truth = compare_constant(op, values, *constant) & known;
        return Logic { truth, known };
    }
    let mut lanes = empty_lanes();
    let known = l.evaluate(block, &mut lanes);
    Logic {
        truth: compare_constant(op, &lanes[..block.len], *constant) & known,
        known,
    }
}

/// Two nodes whose known values have the order of their operators.
fn compare_pair<'a, T: Evaluate>(op: Comparison, l: &'a T, r: &'a T, block: &Block<'a>) -> Logic {
    let (mut left, mut right) = (empty_lanes(), empty_lanes());
    let mut known = l.evaluate(block, &mut left);
    if known != 0 {
        known &= r.evaluate(block, &mut right);
    }
    Logic {
        truth: compare_lanes(op, &left[..block.len], &right[..block.len]) & known,
        known,
    }
}

pub(super) fn in_ints<'a>(operand: &'a IntNode, list: &[i64], block: &Block<'a>) -> Logic {
    let mut lanes = empty_lanes();
    let known = operand.evaluate(block, &mut lanes);
    let values = &lanes[..block.len];
    let truth = if list.len() <= LINEAR_SEARCH_MAX {
        bits(values, |value| list.contains(&value))
    } else {
        bits(values, |value| list.binary_search(&value).is_ok())
    };
    Logic {
        truth: truth & known,
        known,
    }
}

pub(super) fn in_floats<'a>(operand: &'a FloatNode, list: &[f64], block: &Block<'a>) -> Logic {
    let mut lanes = empty_lanes();
    let known = operand.evaluate(block, &mut lanes);
    let values = &lanes[..block.len];
    let truth = if list.len() <= LINEAR_SEARCH_MAX {
        bits(values, |value| list.contains(&value))
    } else {
        let order = |a: &f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        bits(values, |value| {
            !value.is_nan() && list.binary_search_by(|item| order(item, value)).is_ok()
        })
    };
    Logic {
        truth: truth & known,
        known,
    }
}

impl Evaluate for IntNode {
    type Item<'a> = i64;
    fn evaluate<'a>(&'a self, block: &Block<'a>, lanes: &mut [i64; LANES]) -> u64 {
        match self {
            Self::Const(None) => 0,
            Self::Const(Some(value)) => {
                lanes[..block.len].fill(*value);
                block.all
            }
            Self::Column(_) | Self::TimeColumn(_) => match int_column(self, block) {
                Some((values, known)) => {
                    lanes[..values.len()].copy_from_slice(values);
                    known
                }
                None => 0,
            },
            Self::Negate(operand) => {
                let known = operand.evaluate(block, lanes);
                checked(known, lanes, i64::checked_neg)
            }
            Self::Abs(operand) => {
                let known = operand.evaluate(block, lanes);
                checked(known, lanes, i64::checked_abs)
            }
            Self::Arithmetic(op, l, r) => {
                let mut right = empty_lanes();
                let known = l.evaluate(block, lanes) & r.evaluate(block, &mut right);
                match op {
                    Arithmetic::Add => checked_pairs(known, lanes, &right, i64::checked_add),
                    Arithmetic::Subtract => checked_pairs(known, lanes, &right, i64::checked_sub),
                    Arithmetic::Multiply => checked_pairs(known, lanes, &right, i64::checked_mul),
                    Arithmetic::Divide => 0,
                    Arithmetic::Remainder => checked_pairs(known, lanes, &right, remainder),
                    Arithmetic::BitAnd => checked_pairs(known, lanes, &right, |l, r| Some(l & r)),
                }
            }
            Self::Length(operand) => of_text(operand, block, lanes, |text| {
                Some(text.chars().count() as i64)
            }),
            Self::Hex(operand) => of_text(operand, block, lanes, scalar::hex),
            Self::Clock(part, time, offset) => {
                let mut offsets = empty_lanes();
                let known = time.evaluate(block, lanes) & offset.evaluate(block, &mut offsets);
                let part = *part;
                checked_pairs(known, lanes, &offsets, |time, offset| {
                    scalar::clock(part, time, offset)
                })
            }
            Self::Case(choice) => case(choice, block, lanes),
            Self::Coalesce(operands) => coalesce(operands, block, lanes),
            Self::Greatest(operands) => extreme(operands, Ordering::Greater, block, lanes),
            Self::Least(operands) => extreme(operands, Ordering::Less, block, lanes),
            Self::Shared(shared) => shared::lanes(shared, Memo::ints, block, lanes),
        }
    }
}

fn of_text<'a>(
    operand: &'a TextNode,
    block: &Block<'a>,
    lanes: &mut [i64; LANES],
    f: impl Fn(&str) -> Option<i64>,
) -> u64 {
    let mut texts = empty_lanes();
    let known = operand.evaluate(block, &mut texts);
    let mut result = known;
    each_bit(known, |lane| match f(texts[lane]) {
        Some(value) => lanes[lane] = value,
        None => result &= !(1 << lane),
    });
    result
}

/// By zero NULL; the smallest integer by −1 is 0, not an overflow.
fn remainder(l: i64, r: i64) -> Option<i64> {
    (r != 0).then(|| l.wrapping_rem(r))
}

fn checked(known: u64, lanes: &mut [i64; LANES], f: impl Fn(i64) -> Option<i64>) -> u64 {
    let mut result = known;
    each_bit(known, |lane| match f(lanes[lane]) {
        Some(value) => lanes[lane] = value,
        None => result &= !(1 << lane),
    });
    result
}

#[inline(always)]
fn checked_pairs(
    known: u64,
    left: &mut [i64; LANES],
    right: &[i64; LANES],
    f: impl Fn(i64, i64) -> Option<i64>,
) -> u64 {
    let mut result = known;
    each_bit(known, |lane| match f(left[lane], right[lane]) {
        Some(value) => left[lane] = value,
        None => result &= !(1 << lane),
    });
    result
}

impl Evaluate for FloatNode {
    type Item<'a> = f64;
    fn evaluate<'a>(&'a self, block: &Block<'a>, lanes: &mut [f64; LANES]) -> u64 {
        match self {
            Self::Const(None) => 0,
            Self::Const(Some(value)) => {
                lanes[..block.len].fill(*value);
                block.all
            }
            Self::Column(_) => match float_column(self, block) {
                Some((values, known)) => {
                    lanes[..values.len()].copy_from_slice(values);
                    known
                }
                None => 0,
            },
            Self::FromInt(operand) => {
                let mut ints = empty_lanes();
                let known = operand.evaluate(block, &mut ints);
                for (lane, int) in lanes.iter_mut().zip(&ints).take(block.len) {
                    *lane = *int as f64;
                }
                known
            }
            Self::FromBool(operand) => {
                let logic = operand.logic(block);
                for (lane, value) in lanes.iter_mut().enumerate().take(block.len) {
                    *value = if logic.truth >> lane & 1 == 1 {
                        1.0
                    } else {
                        0.0
                    };
                }
                logic.known
            }
            Self::Negate(operand) => {
                let known = operand.evaluate(block, lanes);
                each_value(lanes, block, |value| -value);
                known
            }
            Self::Abs(operand) => {
                let known = operand.evaluate(block, lanes);
                each_value(lanes, block, f64::abs);
                known
            }
            Self::Ln(operand) => {
                let known = operand.evaluate(block, lanes);
                let positive = known & bits(&lanes[..block.len], |value| value > 0.0);
                each_bit(positive, |lane| lanes[lane] = libm::log(lanes[lane]));
                positive
            }
            Self::Floor(operand) => {
                let known = operand.evaluate(block, lanes);
                each_value(lanes, block, f64::floor);
                known
            }
            Self::Round(operand) => {
                let known = operand.evaluate(block, lanes);
                each_value(lanes, block, f64::round);
                known
            }
            Self::HaversineKm(places) => haversine_km(places, block, lanes),
            Self::Arithmetic(op, l, r) => arithmetic(*op, l, r, block, lanes),
            Self::Case(choice) => case(choice, block, lanes),
            Self::Coalesce(operands) => coalesce(operands, block, lanes),
            Self::Greatest(operands) => extreme(operands, Ordering::Greater, block, lanes),
            Self::Least(operands) => extreme(operands, Ordering::Less, block, lanes),
            Self::Shared(shared) => shared::lanes(shared, Memo::floats, block, lanes),
        }
    }
}

#[inline(always)]
fn each_value(lanes: &mut [f64; LANES], block: &Block<'_>, f: impl Fn(f64) -> f64) {
    for value in &mut lanes[..block.len] {
        *value = f(*value);
    }
}

fn haversine_km<'a>(
    places: &'a [FloatNode; 4],
    block: &Block<'a>,
    lanes: &mut [f64; LANES],
) -> u64 {
    let mut degrees = [[0.0; LANES]; 4];
    let mut known = block.all;
    for (node, lanes) in places.iter().zip(&mut degrees) {
        known &= node.evaluate(block, lanes);
    }
    let mut result = known;
    each_bit(known, |lane| {
        let [lat1, lon1, lat2, lon2] = degrees.each_ref().map(|lanes| lanes[lane]);
        lanes[lane] = scalar::haversine_km(lat1, lon1, lat2, lon2);
        if lanes[lane].is_nan() {
            result &= !(1 << lane);
        }
    });
    result
}

fn arithmetic<'a>(
    op: Arithmetic,
    l: &'a FloatNode,
    r: &'a FloatNode,
    block: &Block<'a>,
    lanes: &mut [f64; LANES],
) -> u64 {
    let mut right = empty_lanes();
    let mut known = l.evaluate(block, lanes) & r.evaluate(block, &mut right);
    if matches!(op, Arithmetic::Divide | Arithmetic::Remainder) {
        known &= bits(&right[..block.len], |value| value != 0.0);
    }
    let pairs = lanes[..block.len].iter_mut().zip(&right);
    match op {
        Arithmetic::Add => pairs.for_each(|(l, r)| *l += r),
        Arithmetic::Subtract => pairs.for_each(|(l, r)| *l -= r),
        Arithmetic::Multiply => pairs.for_each(|(l, r)| *l *= r),
        Arithmetic::Divide => pairs.for_each(|(l, r)| *l /= r),
        Arithmetic::Remainder => pairs.for_each(|(l, r)| *l %= r),
        Arithmetic::BitAnd => return 0,
    }
    known & bits(&lanes[..block.len], |value| !value.is_nan())
}
