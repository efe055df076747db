//! `CASE`, `coalesce`, `greatest` and `least`.

use std::cmp::Ordering;

use super::bits::each_bit;
use super::block::{Block, Evaluate};
use super::lanes::{LANES, Logic, empty_lanes};
use crate::node::{BoolNode, Choice};

pub(super) fn case_logic<'a>(choice: &'a Choice<BoolNode>, block: &Block<'a>) -> Logic {
    let mut result = Logic::NULL;
    let mut open = block.all;
    let mut take = |node: &'a BoolNode, chosen: u64| {
        if chosen != 0 {
            let logic = node.logic(block);
            result.truth |= logic.truth & chosen;
            result.known |= logic.known & chosen;
        }
    };
    for (condition, value) in &choice.branches {
        let chosen = open & condition.logic(block).truth;
        take(value, chosen);
        open &= !chosen;
    }
    take(&choice.otherwise, open);
    result
}

pub(super) fn coalesce_logic<'a>(operands: &'a [BoolNode], block: &Block<'a>) -> Logic {
    let mut result = Logic::NULL;
    for operand in operands {
        let logic = operand.logic(block);
        let fresh = logic.known & !result.known;
        result.truth |= logic.truth & fresh;
        result.known |= fresh;
        if result.known == block.all {
            break;
        }
    }
    result
}

/// `CASE` of any type but boolean. Only branches that some row takes are evaluated.
pub(super) fn case<'a, T: Evaluate>(
    choice: &'a Choice<T>,
    block: &Block<'a>,
    lanes: &mut [T::Item<'a>; LANES],
) -> u64 {
    let mut known = 0;
    let mut open = block.all;
    let mut scratch = empty_lanes();
    let mut take = |node: &'a T, chosen: u64| {
        if chosen != 0 {
            let fresh = node.evaluate(block, &mut scratch) & chosen;
            each_bit(fresh, |lane| lanes[lane] = scratch[lane]);
            known |= fresh;
        }
    };
    for (condition, value) in &choice.branches {
        let chosen = open & condition.logic(block).truth;
        take(value, chosen);
        open &= !chosen;
    }
    take(&choice.otherwise, open);
    known
}

pub(super) fn coalesce<'a, T: Evaluate>(
    operands: &'a [T],
    block: &Block<'a>,
    lanes: &mut [T::Item<'a>; LANES],
) -> u64 {
    let mut known = 0;
    let mut scratch = empty_lanes();
    for operand in operands {
        let fresh = operand.evaluate(block, &mut scratch) & !known;
        each_bit(fresh, |lane| lanes[lane] = scratch[lane]);
        known |= fresh;
        if known == block.all {
            break;
        }
    }
    known
}

/// The extreme of the known operands: an operand replaces the one found when its order to it is
/// `wanted`.
pub(super) fn extreme<'a, T: Evaluate>(
    operands: &'a [T],
    wanted: Ordering,
    block: &Block<'a>,
    lanes: &mut [T::Item<'a>; LANES],
) -> u64 {
    let mut known = 0;
    let mut scratch = empty_lanes();
    for operand in operands {
        let fresh = operand.evaluate(block, &mut scratch);
        each_bit(fresh, |lane| {
            let first = known >> lane & 1 == 0;
            if first || scratch[lane].partial_cmp(&lanes[lane]) == Some(wanted) {
                lanes[lane] = scratch[lane];
            }
        });
        known |= fresh;
    }
    known
}
