//! The fast engine: raw scores of a batch, bit for bit those of [`Forest::raw_score`].
//!
//! # How
//! A block of up to 256 rows goes through four steps; the descendants of QuickScorer
//! (<https://doi.org/10.1145/2766462.2767733>) share the idea of deciding at all nodes for many rows at
//! once in place of walking from node to node.
//!
//! 1. **Encode** (`rank`, `columns`). Each value becomes its rank among all bounds of its feature, as a
//!    byte. This is done once per row and feature, however many trees there are; where missing values go
//!    is part of the byte.
//! 2. **Decide** (`program`). Each *distinct* condition of a segment of trees, "code above c", is one
//!    comparison of bytes and yields a row of bits, one for each row of the block. Trees share
//!    conditions: 500 trees on 40 features of 255 bins have some ten thousand, not a hundred thousand.
//!    A set of categories is the exclusive or of the rows of its members.
//! 3. **Select**. In each tree, from the bottom up, bit `b` of the number of the leaf where a row ends is
//!    `condition ? bit b on the right : bit b on the left`: one operation for 256 rows. Leaves are
//!    numbered so that most bits are constant in most subtrees, and nothing is to be done there.
//! 4. **Add**. Numbers are written out, leaves looked up and added in tree order, in the precision that
//!    the model sums in.
//!
//! Every step is exact: comparisons of ranks are those of values (`rank` has the proof for where bounds
//! are lowered to singles), and additions are those of the definition in its order. So the scores depend
//! neither on the batch's size nor on the instruction set.
//!
//! # What is chosen
//! Per tree: one with more than 1,024 leaves or very large sets is walked (`walk`), as evaluating it
//! whole costs more. Leaf numbers are paths where that takes no more bits than counting, which suits
//! balanced trees, and otherwise counts.
//!
//! Per batch: rows that would fill little of a block go one after the other, in one of three forms
//! (`rows`). Leaves of small trees are looked up by feature (`masks`); other trees are walked in lockstep,
//! comparing codes of one byte (`code_walk`) or, with sets of categories or hundreds of columns, the
//! values themselves (`walk`). Only the form that a forest needs is made.
//!
//! # Instructions
//! The steps are loops over arrays, compiled for every [`InstructionSet`]. With AVX-512, ranks are
//! searched in registers, comparisons yield bits directly, leaves are looked up byte by byte, and walks on
//! codes are vectors of sixteen (`simd`, the one module here with `unsafe`; `scripts/sanitize.sh` runs it
//! under Miri and AddressSanitizer). On 64-bit Arm the portable loops are NEON, part of the baseline.

#![cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "some tables are read by AVX-512 alone")
)]

mod bits;
mod code_walk;
mod columns;
mod isa;
mod kernel;
mod masks;
mod nodes;
mod number;
mod numbering;
mod program;
mod rank;
mod rows;
mod scratch;
mod search;
mod segment;
#[cfg(target_arch = "x86_64")]
mod simd;
mod walk;

pub use scratch::Scratch;

use crate::forest::{Forest, Precision, Sum};
use crate::instructions::{InstructionSet, Kernel};
use crate::tree::{Test, Tree};
use bits::BLOCK_ROWS;
use isa::{Isa, Portable};
use kernel::block;
use number::Number;
use program::{Conditions, Program};
use rows::Rows;

/// A forest compiled to score batches. Immutable, to be shared by threads.
#[derive(Debug)]
pub struct Predictor {
    engine: Engine,
    sum: Sum,
    features: usize,
    instructions: InstructionSet,
}

#[derive(Debug)]
enum Engine {
    /// Sums are single, and so is everything that is compared.
    Single(Compiled<f32, f32>),
    /// Sums are single.
    Mixed(Compiled<f32, f64>),
    Double(Compiled<f64, f64>),
}

/// A forest in the forms that rows go through; sums are `S`, and walks compare `T`.
#[derive(Debug)]
struct Compiled<S, T> {
    program: Program<S>,
    rows: Rows<S, T>,
}

impl<S: Number, T: Number> Compiled<S, T> {
    fn new(forest: &Forest, has_avx512: bool) -> Self {
        let conditions = Conditions::new(forest);
        Self {
            rows: Rows::new(forest, &conditions, has_avx512),
            program: Program::new(forest, conditions, has_avx512),
        }
    }
}

impl Predictor {
    /// Compiles `forest` for the widest instructions of this machine.
    pub fn new(forest: &Forest) -> Self {
        Self::with_instruction_set(forest, InstructionSet::widest())
    }

    /// Compiles `forest` for `instructions`.
    pub fn with_instruction_set(forest: &Forest, instructions: InstructionSet) -> Self {
        #[cfg(target_arch = "x86_64")]
        let has_avx512 = instructions.avx512().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        let has_avx512 = false;
        let nodes = || forest.trees().iter().flat_map(Tree::nodes);
        let has_sets = nodes().any(|node| matches!(node.test, Test::OneOf { .. }));
        let engine = match (forest.sum().precision, forest.input()) {
            (Precision::Double, _) => Engine::Double(Compiled::new(forest, has_avx512)),
            (Precision::Single, Precision::Single) if !has_sets => {
                Engine::Single(Compiled::new(forest, has_avx512))
            }
            (Precision::Single, _) => Engine::Mixed(Compiled::new(forest, has_avx512)),
        };
        Self {
            engine,
            sum: forest.sum(),
            features: forest.features().len(),
            instructions,
        }
    }

    /// Writes the raw score of each row into `out`. `columns` has one slice per feature, in the forest's
    /// order, of as many values as `out` has; NaN is a missing value.
    ///
    /// # Panics
    /// If a column that the forest looks at is not there or too short.
    pub fn predict(&self, columns: &[&[f64]], out: &mut [f64], scratch: &mut Scratch) {
        debug_assert_eq!(columns.len(), self.features, "one column per feature");
        debug_assert!(columns.iter().all(|column| column.len() == out.len()));
        match &self.engine {
            Engine::Single(compiled) => self.run(compiled, columns, out, scratch),
            Engine::Mixed(compiled) => self.run(compiled, columns, out, scratch),
            Engine::Double(compiled) => self.run(compiled, columns, out, scratch),
        }
        if let Some(divisor) = self.sum.divisor {
            for out in out {
                *out = self.sum.precision.round(*out / divisor);
            }
        }
    }

    fn run<S: Number, T: Number>(
        &self,
        compiled: &Compiled<S, T>,
        columns: &[&[f64]],
        out: &mut [f64],
        scratch: &mut Scratch,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(isa) = self.instructions.avx512() {
            return self.instructions.run(Batch {
                isa,
                compiled,
                columns,
                out,
                scratch,
            });
        }
        self.instructions.run(Batch {
            isa: Portable,
            compiled,
            columns,
            out,
            scratch,
        });
    }
}

/// A call of [`Predictor::predict`].
struct Batch<'a, I, S, T> {
    isa: I,
    compiled: &'a Compiled<S, T>,
    columns: &'a [&'a [f64]],
    out: &'a mut [f64],
    scratch: &'a mut Scratch,
}

impl<I: Isa, S: Number, T: Number> Kernel for Batch<'_, I, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Compiled { program, rows } = self.compiled;
        let mut first = 0;
        while first < self.out.len() {
            let left = self.out.len() - first;
            let count = if left > rows.rows_max::<I>() {
                let count = left.min(BLOCK_ROWS);
                let out = &mut self.out[first..first + count];
                let engine = (program, rows.walker());
                block(self.isa, engine, self.columns, first, out, self.scratch);
                count
            } else {
                let sum = rows.sum(self.isa, program.start, self.columns, first, self.scratch);
                self.out[first] = sum.double();
                1
            };
            first += count;
        }
    }
}
