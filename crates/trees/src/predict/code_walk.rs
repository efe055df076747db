//! Walks of one row down trees whose nodes are four bytes: for batches too small to fill a block.
//!
//! Nodes compare codes of one byte, the ones that blocks compare (`columns`). So forests of tens of
//! thousands of nodes fit into a core's own cache, a row's codes fit into two vector registers, and what
//! a step waits for is short. Trees are walked [`WALKS`] in lockstep: a step waits for memory and a
//! comparison, and those of other walks pass meanwhile.

use crate::forest::{Forest, Precision};
use crate::predict::columns::{Columns, Condition, NumberColumn};
use crate::predict::isa::Isa;
use crate::predict::nodes::{COLUMNS_MAX, Codes, Nodes, Slot, WALKS};
use crate::predict::number::Number;
use crate::predict::program::Conditions;
use crate::predict::search::{Search, Searches};
use crate::tree::{Child, Tree, ZERO_BOUND};

/// All trees of a forest without sets.
#[derive(Debug)]
pub(super) struct CodeWalker<S> {
    input: Precision,
    searches: Searches,
    inputs: Vec<Input>,
    columns: Vec<Column>,
    nodes: Nodes,
    trees: usize,
    /// By slot.
    leaves: Vec<S>,
}

/// A feature.
#[derive(Debug)]
struct Input {
    feature: u32,
    search: Search,
    /// End of its columns.
    columns_end: u32,
}

/// As [`NumberColumn`].
#[derive(Debug, Clone, Copy)]
struct Column {
    first_bound: u32,
    bounds: u32,
    /// Code of a missing value.
    missing: u8,
    zero_is_missing: bool,
}

impl<S: Number> CodeWalker<S> {
    /// Whether all trees, none of which blocks walk, look at few enough columns and at numbers alone.
    pub(super) fn fits(columns: &Columns) -> bool {
        let used = columns.numbers.iter().map(|number| number.columns.len());
        columns.categories.is_empty() && used.sum::<usize>() <= COLUMNS_MAX
    }

    /// A walker for `forest`, which [fits](Self::fits).
    pub(super) fn new(forest: &Forest, conditions: &Conditions) -> Self {
        let columns = &conditions.columns;
        let mut searches = Searches::default();
        let mut inputs = Vec::new();
        let mut used = Vec::new();
        let mut place_of = vec![0; columns.count];
        for number in &columns.numbers {
            for column in &number.columns {
                place_of[column.column] = used.len() as u8;
                used.push(Column::of(column));
            }
            inputs.push(Input {
                feature: number.feature,
                search: searches.add(number.bounds()),
                columns_end: used.len() as u32,
            });
        }
        let mut slots = Vec::new();
        let mut ends = Vec::new();
        let mut leaves = Vec::new();
        for (tree, conditions) in forest.trees().iter().zip(&conditions.of_trees) {
            let first = slots.len();
            slots.resize(first + 1 + 2 * tree.nodes().len(), Slot::Leaf);
            leaves.resize(slots.len(), S::default());
            let tests = conditions.iter().map(|condition| match condition {
                Condition::Above(key) => (place_of[*key as usize / 256], (key % 256) as u8),
                Condition::OneOf(_) => (0, 0),
            });
            fill(tree, tests, &mut slots[first..], &mut leaves[first..]);
            ends.push(slots.len());
        }
        let firsts = std::iter::once(0).chain(ends.iter().copied());
        let trees = firsts.zip(&ends).map(|(first, end)| &slots[first..*end]);
        Self {
            input: forest.input(),
            nodes: Nodes::new(trees),
            trees: forest.trees().len(),
            columns: used,
            searches,
            inputs,
            leaves,
        }
    }

    /// `start` and the leaves of one row, added in tree order.
    #[inline(always)]
    pub(super) fn sum<I: Isa>(
        &self,
        isa: I,
        start: S,
        columns: &[&[f64]],
        row: usize,
        codes: &mut Codes,
    ) -> S {
        self.encode(isa, columns, row, &mut codes.0);
        let mut sum = start;
        let mut left = self.trees;
        for group in 0..self.nodes.roots().len() {
            let mut ends = [0; WALKS];
            isa.walk(&self.nodes, group, codes, self.columns.len(), &mut ends);
            for end in &ends[..left.min(WALKS)] {
                sum += self.leaves[*end as usize];
            }
            left = left.saturating_sub(WALKS);
        }
        sum
    }

    #[inline(always)]
    fn encode<I: Isa>(
        &self,
        isa: I,
        columns: &[&[f64]],
        row: usize,
        codes: &mut [u8; COLUMNS_MAX],
    ) {
        let mut from = 0;
        for input in &self.inputs {
            let value = self.input.round(columns[input.feature as usize][row]);
            let rank = self.searches.rank(isa, &input.search, value);
            let to = input.columns_end as usize;
            for (column, code) in self.columns[from..to].iter().zip(&mut codes[from..to]) {
                let is_zero = column.zero_is_missing & (value.abs() <= ZERO_BOUND);
                let place = rank.saturating_sub(column.first_bound).min(column.bounds) + 1;
                *code = if value.is_nan() | is_zero {
                    column.missing
                } else {
                    place as u8
                };
            }
            from = to;
        }
    }
}

impl Column {
    fn of(column: &NumberColumn) -> Self {
        Self {
            first_bound: column.first_bound,
            bounds: column.bounds,
            missing: match column.missing_left {
                true => 0,
                false => column.bounds as u8 + 1,
            },
            zero_is_missing: column.zero_is_missing,
        }
    }
}

/// Writes the slots of a tree, whose nodes ask `tests`, and its leaves by slot.
fn fill<S: Number>(
    tree: &Tree,
    tests: impl Iterator<Item = (u8, u8)>,
    slots: &mut [Slot],
    leaves: &mut [S],
) {
    let leaf = |leaf: u32| S::of(tree.leaves()[leaf as usize].value);
    if tree.nodes().is_empty() {
        leaves[0] = leaf(0);
    }
    let mut slot_of = vec![0; tree.nodes().len()];
    for (position, (node, (column, code))) in tree.nodes().iter().zip(tests).enumerate() {
        let left = 1 + 2 * position;
        slots[slot_of[position]] = Slot::Node {
            column,
            code,
            left: left as u16,
        };
        for (child, slot) in [(node.left, left), (node.right, left + 1)] {
            match child {
                Child::Node(node) => slot_of[node as usize] = slot,
                Child::Leaf(child) => leaves[slot] = leaf(child),
            }
        }
    }
}
