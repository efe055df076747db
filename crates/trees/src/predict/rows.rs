//! Rows that are too few to be worth a block, one after the other: what finds their leaves.

use crate::forest::Forest;
use crate::predict::code_walk::CodeWalker;
use crate::predict::isa::Isa;
use crate::predict::masks::Masks;
use crate::predict::number::Number;
use crate::predict::program::{Conditions, is_walked};
use crate::predict::scratch::Scratch;
use crate::predict::walk::Walker;
use crate::tree::{Test, Tree};

/// A forest in the form that is fastest for it; sums are `S`, and walks compare `T`.
#[derive(Debug)]
pub(super) enum Rows<S, T> {
    /// Small trees.
    Masks(Masks<S>),
    /// Trees without sets that need few columns.
    Codes(CodeWalker<S>),
    /// All others, and whatever a block walks.
    Values(Walker<T>),
}

/// What a step of 64 walks costs, in tenths of a nanosecond. Measured; only ratios to the costs of
/// [`Masks`] matter.
struct StepCosts {
    codes: usize,
    values: usize,
    /// Where some node of the forest looks up a set.
    sets: usize,
}

const LOOPS: StepCosts = StepCosts {
    codes: 1040,
    values: 1040,
    sets: 2720,
};

const GATHERS: StepCosts = StepCosts {
    codes: 300,
    ..LOOPS
};

impl<S: Number, T: Number> Rows<S, T> {
    /// Chooses for `forest`, whose nodes ask `conditions`; `gathers` says whether walks on codes are
    /// vectors.
    pub(super) fn new(forest: &Forest, conditions: &Conditions, gathers: bool) -> Self {
        let trees = forest.trees();
        if trees.iter().any(is_walked) {
            return Self::Values(Walker::new(forest));
        }
        let mut nodes = trees.iter().flat_map(Tree::nodes);
        let has_sets = nodes.any(|node| matches!(node.test, Test::OneOf { .. }));
        let costs = if gathers { GATHERS } else { LOOPS };
        let fits = CodeWalker::<S>::fits(&conditions.columns);
        let step_cost = match (fits, has_sets) {
            (true, _) => costs.codes,
            (false, false) => costs.values,
            (false, true) => costs.sets,
        };
        if let Some(masks) = Masks::new(forest, step_cost) {
            return Self::Masks(masks);
        }
        match fits {
            true => Self::Codes(CodeWalker::new(forest, conditions)),
            false => Self::Values(Walker::new(forest)),
        }
    }

    /// What walks the trees that blocks do not evaluate; there may be some if there is a walker.
    pub(super) fn walker(&self) -> Option<&Walker<T>> {
        match self {
            Self::Values(walker) => Some(walker),
            _ => None,
        }
    }

    /// More rows than these are faster in a block.
    pub(super) fn rows_max<I: Isa>(&self) -> usize {
        match self {
            Self::Masks(_) => I::ROWS_MAX.masks,
            Self::Codes(_) => I::ROWS_MAX.codes,
            Self::Values(_) => I::ROWS_MAX.values,
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
        scratch: &mut Scratch,
    ) -> S {
        match self {
            Self::Masks(masks) => masks.sum(isa, start, columns, row, &mut scratch.inputs),
            Self::Codes(walker) => walker.sum(isa, start, columns, row, &mut scratch.row_codes),
            Self::Values(walker) => walker.sum(start, columns, row, T::buffer(&mut scratch.values)),
        }
    }
}
