//! Truth values of boolean nodes, and which rows have a value at all.

use super::block::{Block, Evaluate};
use super::choose::{case_logic, coalesce_logic};
use super::compare::{compare_exact, compare_nodes};
use super::lanes::{Logic, empty_lanes};
use super::{code, number, shared, text};
use crate::node::{AnyNode, BoolNode, FloatNode, TextNode};

impl BoolNode {
    /// The truth values of the block's rows.
    pub(crate) fn logic<'a>(&'a self, block: &Block<'a>) -> Logic {
        match self {
            Self::Const(None) => Logic::NULL,
            Self::Const(Some(value)) => block.certain(if *value { block.all } else { 0 }),
            Self::Column(slot) => block.bools(*slot).unwrap_or(Logic::NULL),
            Self::Not(operand) => {
                let logic = operand.logic(block);
                Logic {
                    truth: logic.falsity(),
                    known: logic.known,
                }
            }
            Self::All(operands) => all(operands, block),
            Self::Any(operands) => any(operands, block),
            Self::Known(operand) => block.certain(operand.known(block)),
            Self::Is(operand, value) => {
                let logic = operand.logic(block);
                let truth = if *value { logic.truth } else { logic.falsity() };
                block.certain(truth)
            }
            Self::CompareInt(op, l, r) => number::compare_ints(*op, l, r, block),
            Self::CompareFloat(op, l, r) => number::compare_floats(*op, l, r, block),
            Self::CompareMixed(op, l, r) => {
                compare_nodes(*op, (l, r), block, |l, r| Some(compare_exact(l, r)))
            }
            Self::CompareText(op, l, r) => text::compare(*op, l, r, block),
            Self::EqualBool(l, r) => {
                let (l, r) = (l.logic(block), r.logic(block));
                let known = l.known & r.known;
                Logic {
                    truth: !(l.truth ^ r.truth) & known,
                    known,
                }
            }
            Self::InInt(operand, values) => number::in_ints(operand, values, block),
            Self::InFloat(operand, values) => number::in_floats(operand, values, block),
            Self::InText(operand, values) => text::in_texts(operand, values, block),
            Self::Like(operand, pattern) => text::like(operand, pattern, block),
            Self::TestTexts(test, l, r) => text::test_pair(*test, l, r, block),
            Self::Case(choice) => case_logic(choice, block),
            Self::Coalesce(operands) => coalesce_logic(operands, block),
            Self::InCodes(operand, codes) => code::in_codes(operand, codes, block),
            Self::Shared(shared) => shared::logic(shared, block),
        }
    }
}

/// False where any is false, true where all are true, else NULL.
fn all<'a>(operands: &'a [BoolNode], block: &Block<'a>) -> Logic {
    let (mut truth, mut falsity) = (block.all, 0);
    for operand in operands {
        let logic = operand.logic(block);
        truth &= logic.truth;
        falsity |= logic.falsity();
        if falsity == block.all {
            break;
        }
    }
    Logic {
        truth,
        known: truth | falsity,
    }
}

/// True where any is true, false where all are false, else NULL.
fn any<'a>(operands: &'a [BoolNode], block: &Block<'a>) -> Logic {
    let (mut truth, mut falsity) = (0, block.all);
    for operand in operands {
        let logic = operand.logic(block);
        truth |= logic.truth;
        falsity &= logic.falsity();
        if truth == block.all {
            break;
        }
    }
    Logic {
        truth,
        known: truth | falsity,
    }
}

impl AnyNode {
    /// Which rows have a value.
    fn known<'a>(&'a self, block: &Block<'a>) -> u64 {
        match self {
            Self::Bool(node) => node.logic(block).known,
            Self::Int(node) => node.evaluate(block, &mut empty_lanes()),
            Self::Float(FloatNode::Column(slot)) => {
                block.floats(*slot).map_or(0, |(_, known)| known)
            }
            Self::Float(node) => node.evaluate(block, &mut empty_lanes()),
            Self::Text(TextNode::Column(slot)) => {
                block.texts(*slot).map_or(0, |(_, _, known)| known)
            }
            Self::Text(node) => node.evaluate(block, &mut empty_lanes()),
        }
    }
}
