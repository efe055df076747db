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
//! neither on the batch's size nor on the backend.
//!
//! # What is chosen
//! Per tree: one with more than 1,024 leaves or very large sets is walked (`walk`), as evaluating it
//! whole costs more. Per batch: rows that would fill little of a block are walked through all trees,
//! eight trees in lockstep; where walks are dear, as with sets of categories, and trees are small, their
//! leaves are looked up by feature instead (`masks`). Leaf numbers are paths where that takes no more bits than counting, which
//! suits balanced trees, and otherwise counts.
//!
//! # Instructions
//! The steps are loops over arrays, compiled for every [`InstructionSet`]. With AVX-512, ranks are
//! searched in registers, comparisons yield bits directly, and leaves are looked up byte by byte
//! (`simd`, the one module with `unsafe`). On 64-bit Arm the portable loops are NEON, which is part of
//! the baseline.

mod columns;
mod kernel;
mod masks;
mod number;
mod program;
mod rank;
#[cfg(target_arch = "x86_64")]
mod simd;
mod walk;

use crate::forest::{Forest, Precision, Sum};
use crate::predict::kernel::{BLOCK_ROWS, Bits, Isa, Portable, block};
use crate::predict::masks::Masks;
use crate::predict::number::Number;
use crate::predict::program::{Program, ROWS};
use crate::predict::walk::{GROUP, Walker};
use crate::simd::{InstructionSet, Kernel};
use crate::tree::{Test, Tree};

/// A forest compiled to score batches. Immutable, to be shared by threads.
#[derive(Debug)]
pub struct Predictor {
    engine: Engine,
    sum: Sum,
    features: usize,
    backend: Backend,
    instructions: Instructions,
}

/// What a backend comes to on this CPU.
#[derive(Debug, Clone, Copy)]
enum Instructions {
    /// Loops compiled for a set.
    Loops(InstructionSet),
    /// And parts of its own.
    #[cfg(target_arch = "x86_64")]
    Avx512(InstructionSet, simd::Avx512),
}

/// The instructions that a [`Predictor`] uses. The scores are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Whatever every CPU of the architecture has.
    Portable,
    /// x86-64 with AVX2: 2013 and later.
    Avx2,
    /// x86-64 with AVX-512 as of Ice Lake and Zen 4 (VBMI).
    Avx512,
    /// 64-bit Arm.
    Neon,
}

/// Memory that predictions work in. One for each thread; any predictor can use any of them.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Rows of bits, preceded by what aligns them.
    bits: Vec<u8>,
    /// [`BLOCK_ROWS`] codes of each column.
    codes: Vec<i8>,
    /// Values of a feature in a block that is not full.
    padded: Vec<f64>,
    ranks: Vec<u32>,
    /// Codes of one row.
    inputs: Vec<u32>,
    values: Values,
}

/// What walks look at, row after row.
#[derive(Debug, Default)]
struct Values {
    singles: Vec<f32>,
    doubles: Vec<f64>,
}

/// Rows that are walked at most: with more, a quarter of a block is faster.
const WALKED_ROWS: usize = 16;

/// Alignment of rows of bits: a cache line.
const ALIGNMENT: usize = 64;

#[derive(Debug)]
enum Engine {
    /// Sums are single, and so is everything that is compared.
    Single(Compiled<f32, f32>),
    /// Sums are single.
    Mixed(Compiled<f32, f64>),
    Double(Compiled<f64, f64>),
}

/// A forest in all forms that rows go through; sums are `S`, and walks compare `T`.
#[derive(Debug)]
struct Compiled<S, T> {
    program: Program<S>,
    walker: Walker<T>,
    /// Where they cost less than walks.
    masks: Option<Masks<S>>,
}

impl<S: Number, T: Number> Compiled<S, T> {
    fn new(forest: &Forest, sliced: bool) -> Self {
        Self {
            program: Program::new(forest, sliced),
            walker: Walker::new(forest),
            masks: Masks::new(forest),
        }
    }
}

impl Predictor {
    /// Compiles `forest` for the best backend of this CPU.
    pub fn new(forest: &Forest) -> Self {
        let best = [Backend::Avx512, Backend::Avx2, Backend::Neon];
        let found = |backend: Backend| Some((backend, backend.instructions()?));
        let portable = (
            Backend::Portable,
            Instructions::Loops(InstructionSet::BASELINE),
        );
        let (backend, instructions) = best.into_iter().find_map(found).unwrap_or(portable);
        Self::compile(forest, backend, instructions)
    }

    /// Compiles `forest` for `backend`; `None` where the CPU lacks it.
    pub fn with_backend(forest: &Forest, backend: Backend) -> Option<Self> {
        let instructions = backend.instructions()?;
        Some(Self::compile(forest, backend, instructions))
    }

    /// The instructions that it uses.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    fn compile(forest: &Forest, backend: Backend, instructions: Instructions) -> Self {
        let sliced = backend == Backend::Avx512;
        let nodes = || forest.trees().iter().flat_map(Tree::nodes);
        let has_sets = nodes().any(|node| matches!(node.test, Test::OneOf { .. }));
        let engine = match (forest.sum().precision, forest.input()) {
            (Precision::Double, _) => Engine::Double(Compiled::new(forest, sliced)),
            (Precision::Single, Precision::Single) if !has_sets => {
                Engine::Single(Compiled::new(forest, sliced))
            }
            (Precision::Single, _) => Engine::Mixed(Compiled::new(forest, sliced)),
        };
        Self {
            engine,
            sum: forest.sum(),
            features: forest.features().len(),
            backend,
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
        match self.instructions {
            Instructions::Loops(set) => set.run(Batch {
                isa: Portable,
                compiled,
                columns,
                out,
                scratch,
            }),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(set, isa) => set.run(Batch {
                isa,
                compiled,
                columns,
                out,
                scratch,
            }),
        }
    }
}

impl Backend {
    /// What it comes to; `None` where the CPU lacks it.
    fn instructions(self) -> Option<Instructions> {
        match self {
            Self::Portable => Some(Instructions::Loops(InstructionSet::BASELINE)),
            Self::Avx2 => InstructionSet::avx2().map(Instructions::Loops),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                let set = InstructionSet::avx512()?;
                Some(Instructions::Avx512(set, simd::Avx512::detect()?))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 => None,
            // Every 64-bit Arm has it, and the compiler uses it throughout.
            Self::Neon => cfg!(target_arch = "aarch64")
                .then_some(Instructions::Loops(InstructionSet::BASELINE)),
        }
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
        let engine = (&self.compiled.program, &self.compiled.walker);
        let mut first = 0;
        while first < self.out.len() {
            let left = self.out.len() - first;
            let rows = if left > BLOCK_ROWS / 2 {
                let rows = left.min(BLOCK_ROWS);
                let out = &mut self.out[first..first + rows];
                block::<I, S, T, 32>(self.isa, engine, self.columns, first, out, self.scratch);
                rows
            } else if left > WALKED_ROWS {
                let rows = left.min(BLOCK_ROWS / 4);
                let out = &mut self.out[first..first + rows];
                block::<I, S, T, 8>(self.isa, engine, self.columns, first, out, self.scratch);
                rows
            } else {
                self.out[first] = score_row(self.compiled, self.columns, first, self.scratch);
                1
            };
            first += rows;
        }
    }
}

/// The sum of one row.
#[inline(always)]
fn score_row<S: Number, T: Number>(
    compiled: &Compiled<S, T>,
    columns: &[&[f64]],
    row: usize,
    scratch: &mut Scratch,
) -> f64 {
    let (program, walker) = (&compiled.program, &compiled.walker);
    if let Some(masks) = &compiled.masks {
        let sum = masks.sum(program.start, columns, row, &mut scratch.inputs);
        return sum.double();
    }
    let values = T::buffer(&mut scratch.values);
    values.resize(walker.width(), T::NAN);
    walker.fill(columns, row, values);
    let mut sum = program.start;
    for first in (0..walker.trees()).step_by(GROUP) {
        let leaves = walker.leaves_of_trees(first, values);
        for leaf in &leaves[..GROUP.min(walker.trees() - first)] {
            sum += S::of(leaf.double());
        }
    }
    sum.double()
}

impl Scratch {
    /// Makes room for a block of `columns`.
    fn reserve(&mut self, columns: usize) {
        // Only rows that are used become memory: fresh zeros are not written.
        if self.bits.is_empty() {
            self.bits = vec![0; ROWS * BLOCK_ROWS / 8 + ALIGNMENT];
        }
        self.codes
            .resize(self.codes.len().max(columns * BLOCK_ROWS), 0);
        self.padded.resize(BLOCK_ROWS, 0.0);
        self.ranks.resize(BLOCK_ROWS, 0);
    }

    /// Codes, bits and what walks look at.
    fn parts<T: Number, const B: usize>(&mut self) -> (&[i8], &mut Bits<B>, &[T]) {
        let start = self.bits.as_ptr().align_offset(ALIGNMENT);
        let rows = self.bits[start..].as_chunks_mut::<B>().0;
        let Some(bits) = rows.first_chunk_mut::<ROWS>() else {
            unreachable!("room for all rows is reserved")
        };
        (&self.codes, bits, T::buffer(&mut self.values))
    }
}
