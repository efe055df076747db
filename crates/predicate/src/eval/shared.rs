//! Nodes that several members of a set share, each evaluated once.

use super::block::{Block, Evaluate};
use super::lanes::{LANES, Logic};
use super::memo::{Kept, Memo};
use crate::node::{BoolNode, Shared};

/// The truth values of a shared node.
pub(super) fn logic<'a>(shared: &'a Shared<BoolNode>, block: &Block<'a>) -> Logic {
    let slot = block
        .memo
        .and_then(|memo| Some((memo.block.get(), memo.logics.get(shared.slot)?)));
    let Some((number, kept)) = slot else {
        return shared.node.logic(block);
    };
    let (of, logic) = kept.get();
    if of == number {
        return logic;
    }
    let logic = shared.node.logic(block);
    kept.set((number, logic));
    logic
}

/// The values of a shared node, into `lanes`; `slots` says where its type is kept.
pub(super) fn lanes<'a, T>(
    shared: &'a Shared<T>,
    slots: fn(&'a Memo, usize) -> Option<&'a Kept<T::Item<'a>>>,
    block: &Block<'a>,
    lanes: &mut [T::Item<'a>; LANES],
) -> u64
where
    T: Evaluate,
{
    let kept = block
        .memo
        .and_then(|memo| Some((memo, slots(memo, shared.slot)?)));
    let Some((memo, kept)) = kept else {
        return shared.node.evaluate(block, lanes);
    };
    if kept.block.get() == memo.block.get() {
        for (lane, value) in lanes.iter_mut().zip(&kept.lanes).take(block.len) {
            *lane = value.get();
        }
        return kept.known.get();
    }
    let (known, _) = kept.get_or(memo, |kept| {
        let known = shared.node.evaluate(block, lanes);
        for (kept, lane) in kept.iter().zip(&*lanes).take(block.len) {
            kept.set(*lane);
        }
        known
    });
    known
}
