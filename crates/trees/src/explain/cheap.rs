//! Attribution along the way that a record takes.

use super::outline::{Outline, bias};
use crate::error::TreeError;
use crate::forest::{Forest, Precision};
use crate::tree::{Child, Tree};

/// Cheap contributions of features to raw scores: at every split on a record's way, the feature that is
/// split on is credited with the change of the expectation (Saabas, Interpreting random forests, 2014).
///
/// They take a walk per tree, and features near the root get less than their Shapley values: what
/// follows from them jointly with features below is credited below.
#[derive(Debug)]
pub struct PathExplainer {
    features: usize,
    bias: f64,
    divisor: f64,
    input: Precision,
    /// Each with, per node, what going left and going right change.
    trees: Vec<(Tree, Vec<[f64; 2]>)>,
}

impl PathExplainer {
    /// Compiles `forest`.
    ///
    /// # Errors
    /// As [`Explainer::new`](super::Explainer::new).
    pub fn new(forest: &Forest) -> Result<Self, TreeError> {
        let outlines = Outline::all(forest)?;
        let trees = forest.trees().iter().zip(&outlines);
        let trees: Vec<_> = trees
            .map(|(tree, outline)| changes(tree, outline))
            .collect();
        let expected = trees.iter().map(|(_, expected)| *expected);
        Ok(Self {
            features: forest.features().len(),
            bias: bias(forest, expected),
            divisor: forest.sum().divisor.unwrap_or(1.0),
            input: forest.input(),
            trees: forest
                .trees()
                .iter()
                .cloned()
                .zip(trees.into_iter().map(|(changes, _)| changes))
                .collect(),
        })
    }

    /// As [`Explainer::bias`](super::Explainer::bias).
    pub fn bias(&self) -> f64 {
        self.bias
    }

    /// Writes contributions as [`Explainer::contributions`](super::Explainer::contributions) does; they
    /// and [`PathExplainer::bias`] add up to the raw score likewise.
    pub fn contributions(&self, columns: &[&[f64]], rows: usize, out: &mut [f64]) {
        debug_assert_eq!(columns.len(), self.features);
        debug_assert_eq!(out.len(), rows * self.features);
        out.fill(0.0);
        for (tree, changes) in &self.trees {
            if tree.nodes().is_empty() {
                continue;
            }
            for (row, out) in out.chunks_exact_mut(self.features).enumerate() {
                let mut at = Child::Node(0);
                while let Child::Node(position) = at {
                    let node = &tree.nodes()[position as usize];
                    let feature = node.feature as usize;
                    let value = self.input.round(columns[feature][row]);
                    let left = tree.goes_left(node, value);
                    out[feature] += changes[position as usize][usize::from(!left)];
                    at = if left { node.left } else { node.right };
                }
            }
        }
        if self.divisor != 1.0 {
            out.iter_mut().for_each(|of| *of /= self.divisor);
        }
    }
}

/// Per node, what going left and right changes, and what the tree is expected to say.
fn changes(tree: &Tree, outline: &Outline) -> (Vec<[f64; 2]>, f64) {
    let mut changes = vec![[0.0; 2]; tree.nodes().len()];
    let mut expected = vec![0.0; tree.nodes().len()];
    for (at, node) in tree.nodes().iter().enumerate().rev() {
        let below = [node.left, node.right].map(|child| match child {
            Child::Node(child) => expected[child as usize],
            Child::Leaf(leaf) => tree.leaves()[leaf as usize].value,
        });
        let [left, right] = outline.ratios[at];
        expected[at] = left * below[0] + right * below[1];
        changes[at] = below.map(|below| below - expected[at]);
    }
    let root = expected.first().copied();
    (changes, root.unwrap_or(outline.expected))
}
