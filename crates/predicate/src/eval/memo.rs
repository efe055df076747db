//! What the shared nodes of a set gave for a block, so that each is evaluated once.

use std::cell::Cell;

use super::lanes::{LANES, Logic};

/// How many inputs, and shared nodes of each type, a set has: the slots of its [`Memo`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slots {
    pub(crate) inputs: usize,
    pub(crate) logics: usize,
    pub(crate) ints: usize,
    pub(crate) floats: usize,
    pub(crate) codes: usize,
}

/// The values of shared nodes in the block at hand.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Number of the block, from 1: what was kept in another one is worth nothing.
    pub(super) block: Cell<usize>,
    pub(super) logics: Vec<Cell<(usize, Logic)>>,
    /// Per input, of a column of doubles, which values are numbers.
    numbers: Vec<Cell<(usize, u64)>>,
    ints: Vec<Kept<i64>>,
    floats: Vec<Kept<f64>>,
    codes: Vec<Kept<u64>>,
}

/// The values of one shared node.
#[derive(Debug)]
pub(crate) struct Kept<T: Copy> {
    /// The block that they are of; 0 before the first.
    pub(super) block: Cell<usize>,
    pub(super) known: Cell<u64>,
    pub(super) lanes: [Cell<T>; LANES],
}

impl Memo {
    pub(crate) fn new(slots: Slots) -> Self {
        Self {
            block: Cell::new(0),
            logics: vec![Cell::default(); slots.logics],
            numbers: vec![Cell::default(); slots.inputs],
            ints: Kept::slots(slots.ints),
            floats: Kept::slots(slots.floats),
            codes: Kept::slots(slots.codes),
        }
    }

    pub(super) fn next_block(&self) {
        self.block.set(self.block.get() + 1);
    }

    /// Which values of the block in column `slot` are numbers; `find` says so the first time.
    pub(super) fn numbers(&self, slot: usize, find: impl FnOnce() -> u64) -> u64 {
        let Some(kept) = self.numbers.get(slot) else {
            return find();
        };
        let (of, numbers) = kept.get();
        if of == self.block.get() {
            return numbers;
        }
        let numbers = find();
        kept.set((self.block.get(), numbers));
        numbers
    }

    pub(super) fn ints(&self, slot: usize) -> Option<&Kept<i64>> {
        self.ints.get(slot)
    }

    pub(super) fn floats(&self, slot: usize) -> Option<&Kept<f64>> {
        self.floats.get(slot)
    }

    pub(super) fn codes(&self, slot: usize) -> Option<&Kept<u64>> {
        self.codes.get(slot)
    }
}

impl<T: Copy + Default> Kept<T> {
    fn slots(count: usize) -> Vec<Self> {
        let empty = || Self {
            block: Cell::new(0),
            known: Cell::new(0),
            lanes: std::array::from_fn(|_| Cell::default()),
        };
        std::iter::repeat_with(empty).take(count).collect()
    }

    /// Which lanes are known, and the lanes; `fill` writes them and says so the first time that a
    /// block asks.
    pub(super) fn get_or(
        &self,
        memo: &Memo,
        fill: impl FnOnce(&[Cell<T>; LANES]) -> u64,
    ) -> (u64, &[Cell<T>; LANES]) {
        let block = memo.block.get();
        if self.block.get() != block {
            self.known.set(fill(&self.lanes));
            self.block.set(block);
        }
        (self.known.get(), &self.lanes)
    }
}
