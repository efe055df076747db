//! How much of a raw score each feature accounts for.
//!
//! [`Explainer`] computes Shapley values, exactly: Lundberg et al., Consistent Individualized Feature
//! Attribution for Tree Ensembles, 2018, in the path-dependent form, which is what `pred_contrib` of
//! LightGBM and `pred_contribs` of XGBoost give. A feature that is not known sends a record both ways,
//! in the shares in which the training records went. [`PathExplainer`] is cheaper and credits every
//! split on the record's way with the change of the expectation.
//!
//! # Method
//!
//! A leaf with value v says v × Π (oₖ, or zₖ where feature k is not known), k being the features that
//! its way splits on: oₖ is whether the record follows all these splits on k, zₖ the share of training
//! records that do. The Shapley value of j in this game is
//!
//! > v (oⱼ − zⱼ) ∫₀¹ Π_{k≠j} fₖ(y) dy, fₖ(y) = zₖ (1 − y) + oₖ y
//!
//! since the weight of a set of s out of d − 1 other features is the integral of yˢ (1 − y)^(d−1−s). The
//! integrand is a polynomial of degree d − 1, so Gauss-Legendre quadrature with d / 2 positions is exact.
//!
//! At one position y, let P be the product of the factors of all features above a node and A(node) the
//! sum of the leaves below it, each times its factors over P. A node splits on j, its branches take
//! shares r of its records, h is the branch that the record takes and c the other one. With z and o of j
//! above the node (1 if nothing there splits on j):
//!
//! > α = z (1 − y) / f and γ = z / f², f = z (1 − y) + y, or α = 1 and γ = 0 if o = 0
//! > P(h) = P − P α (1 − r_h), P(c) = P α r_c
//! > T = (1 − r_h) A(h) − r_c A(c)
//! > A = A(h) − α T
//! > contribution of j: P γ T
//!
//! The latter is what the leaves below say of j now, less what they would say had the node not been:
//! that is in the contribution of the nodes above. Nothing is divided by what may be 0, so branches
//! without records need no care.
//!
//! A chunk of trees goes down once for P and up once for A. Many rows go together, in the lanes of
//! vectors, while a single row has quadrature positions there; every row takes the same operations in the
//! same order either way, so results depend neither on batches nor on the machine.

mod aligned;
mod cheap;
mod chunk;
mod decide;
mod kernel;
mod outline;
mod parts;
mod quadrature;
mod row_lanes;
mod single;

use crate::error::TreeError;
use crate::forest::{Forest, Precision};
use crate::instructions::InstructionSet;
pub use cheap::PathExplainer;
use chunk::Chunk;
use kernel::{Buffers, Contributions};
use outline::{Outline, bias};

/// Exact contributions of features to raw scores: Shapley values (Lundberg et al., 2018), a feature that
/// is not known sending a record both ways in the shares in which the training records went. They are
/// what LightGBM's `pred_contrib` and XGBoost's `pred_contribs` give.
///
/// Contributions are of the raw score before the link: log-odds of a classifier, and of an
/// isolation forest the mean path length over its expectation. There a contribution below 0 says
/// that the feature made the path shorter, that is the record stranger.
#[derive(Debug)]
pub struct Explainer {
    features: usize,
    bias: f64,
    divisor: f64,
    input: Precision,
    chunks: Vec<Chunk>,
    set: InstructionSet,
    /// What contributions are checked against.
    #[cfg(debug_assertions)]
    forest: Forest,
}

/// Intermediate results of [`Explainer::contributions`], to be used again, with any forest.
#[derive(Debug, Default)]
pub struct ExplainScratch(Buffers);

impl ExplainScratch {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl Explainer {
    /// Compiles `forest` for the widest instruction set that the machine has.
    ///
    /// # Errors
    /// Refuses a forest without covers, and covers of which some are more than twice what those above
    /// them leave.
    pub fn new(forest: &Forest) -> Result<Self, TreeError> {
        Self::with_instruction_set(forest, InstructionSet::widest())
    }

    /// As [`Explainer::new`], for a given instruction set. All give the same bits.
    ///
    /// # Errors
    /// As [`Explainer::new`].
    pub fn with_instruction_set(forest: &Forest, set: InstructionSet) -> Result<Self, TreeError> {
        let features = forest.features().len();
        let outlines = Outline::all(forest)?;
        let divisor = forest.sum().divisor.unwrap_or(1.0);
        Ok(Self {
            features,
            bias: bias(forest, outlines.iter().map(|outline| outline.expected)),
            divisor,
            input: forest.input(),
            chunks: chunk::chunks(forest.trees(), &outlines),
            set,
            #[cfg(debug_assertions)]
            forest: forest.clone(),
        })
    }

    /// The raw score to expect of a record of which nothing is known: the mean over the training
    /// records, as the covers count them.
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// Writes what each feature contributes to the raw score of each row: `rows` × features numbers, row
    /// by row. They and [`Explainer::bias`] add up to the raw score, but for rounding: sums here are of
    /// doubles, also where the model's are of singles.
    ///
    /// `columns` has one slice per feature of the forest, each with `rows` values or more, NaN where
    /// there is none; `out` has exactly as many numbers as are written.
    pub fn contributions(
        &self,
        columns: &[&[f64]],
        rows: usize,
        out: &mut [f64],
        scratch: &mut ExplainScratch,
    ) {
        debug_assert_eq!(columns.len(), self.features);
        debug_assert_eq!(out.len(), rows * self.features);
        self.set.run(Contributions {
            chunks: &self.chunks,
            features: self.features,
            input: self.input,
            divisor: self.divisor,
            columns,
            rows,
            out,
            buffers: &mut scratch.0,
        });
        #[cfg(debug_assertions)]
        self.check(columns, out);
    }

    /// Whether contributions add up, to 1e-9 of all that is added.
    #[cfg(debug_assertions)]
    fn check(&self, columns: &[&[f64]], out: &[f64]) {
        for (row, contributions) in out.chunks(self.features.max(1)).enumerate() {
            let value = |feature: u32| self.input.round(columns[feature as usize][row]);
            let leaves = self.forest.trees().iter();
            let leaves = leaves.map(|tree| tree.leaves()[tree.leaf_of(value) as usize].value);
            let (mut raw, mut scale) = (self.forest.sum().start, self.bias.abs() * self.divisor);
            for leaf in leaves {
                raw += leaf;
                scale += leaf.abs();
            }
            let sum = self.bias + contributions.iter().sum::<f64>();
            let off = (sum - raw / self.divisor).abs();
            scale =
                (scale / self.divisor).abs() + contributions.iter().map(|c| c.abs()).sum::<f64>();
            debug_assert!(
                off <= 1e-9 * scale,
                "contributions of row {row} are off by {off:e}"
            );
        }
    }
}
