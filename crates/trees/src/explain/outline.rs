//! What attribution knows of a tree before any row: shares of records and repeated features.

use crate::error::TreeError;
use crate::forest::Forest;
use crate::tree::{Child, Tree};

/// Shares of records are at most this: 1 but for rounding and for covers that were estimated.
const SHARE_MAX: f64 = 2.0;

/// A branch: twice the position of its node, plus 1 if it is the right one.
pub(super) type Edge = u32;

/// A tree, seen from its covers.
#[derive(Debug)]
pub(super) struct Outline {
    /// Per node, the shares of its records that go left and right.
    pub ratios: Vec<[f64; 2]>,
    /// Per node, the last branch on the way to it that splits on the same feature.
    pub before: Vec<Option<Edge>>,
    /// Per branch, the product of the shares of all branches on the way to and with it that split on
    /// the same feature.
    pub shares: Vec<f64>,
    /// Features on the way to the leaf that has most of them.
    pub degree: usize,
    /// Mean of the leaves, weighted with the shares of records that end there.
    pub expected: f64,
}

/// What is left to do while walking a tree.
enum Step {
    /// Go down this branch of the node.
    Down(u32, usize),
    /// Everything below the node is done.
    Up(u32),
}

impl Outline {
    /// Outlines all trees of `forest`.
    pub fn all(forest: &Forest) -> Result<Vec<Self>, TreeError> {
        let features = forest.features().len();
        let trees = forest.trees().iter().enumerate();
        trees
            .map(|(position, tree)| Self::new(tree, position, features))
            .collect()
    }

    /// Outlines the tree at `position` of a forest over `features`.
    fn new(tree: &Tree, position: usize, features: usize) -> Result<Self, TreeError> {
        let nodes = tree.nodes();
        let mut outline = Self {
            ratios: ratios(tree, position)?,
            before: vec![None; nodes.len()],
            shares: vec![1.0; 2 * nodes.len()],
            degree: 0,
            expected: 0.0,
        };
        let Some(root) = nodes.first() else {
            outline.expected = tree.leaves()[0].value;
            return Ok(outline);
        };
        debug_assert!(root.cover > 0.0, "refused by `ratios`");

        let mut reach = vec![1.0; nodes.len()];
        let mut last: Vec<Option<Edge>> = vec![None; features];
        let mut degree = 1;
        let mut steps = vec![Step::Up(0), Step::Down(0, 1), Step::Down(0, 0)];
        while let Some(step) = steps.pop() {
            let (at, side) = match step {
                Step::Down(at, side) => (at as usize, side),
                Step::Up(at) => {
                    let before = outline.before[at as usize];
                    degree -= usize::from(before.is_none());
                    last[nodes[at as usize].feature as usize] = before;
                    continue;
                }
            };
            let edge = 2 * at + side;
            let before = outline.before[at];
            let share = before.map_or(1.0, |before| outline.shares[before as usize]);
            let ratio = outline.ratios[at][side];
            outline.shares[edge] = share * ratio;
            last[nodes[at].feature as usize] = Some(edge as Edge);
            let child_reach = reach[at] * ratio;
            let is_share = |share: f64| (0.0..=SHARE_MAX).contains(&share);
            if !is_share(child_reach) || !is_share(outline.shares[edge]) {
                return Err(TreeError::Structure {
                    tree: position,
                    fault: format!(
                        "more records reach a child of node {at} than the covers above it say"
                    ),
                });
            }
            match [nodes[at].left, nodes[at].right][side] {
                Child::Leaf(leaf) => {
                    outline.expected += child_reach * tree.leaves()[leaf as usize].value;
                    outline.degree = outline.degree.max(degree);
                }
                Child::Node(child) => {
                    let before = last[nodes[child as usize].feature as usize];
                    outline.before[child as usize] = before;
                    degree += usize::from(before.is_none());
                    reach[child as usize] = child_reach;
                    let below = [Step::Up(child), Step::Down(child, 1), Step::Down(child, 0)];
                    steps.extend(below);
                }
            }
        }
        Ok(outline)
    }
}

/// The expected raw score of `forest`, whose trees are expected to say `expected`.
pub(super) fn bias(forest: &Forest, expected: impl Iterator<Item = f64>) -> f64 {
    let sum = expected.fold(forest.sum().start, |sum, of| sum + of);
    sum / forest.sum().divisor.unwrap_or(1.0)
}

/// Per node, the shares of its records that go left and right; halves where no record came.
fn ratios(tree: &Tree, position: usize) -> Result<Vec<[f64; 2]>, TreeError> {
    if tree.nodes().first().is_some_and(|root| root.cover == 0.0) {
        return Err(TreeError::Unsupported {
            what: format!("attribution with tree {position}, which has no cover at its root"),
            instead: "a model is explained if it holds the counts or sums of Hessians of its nodes"
                .to_owned(),
        });
    }
    let cover = |child| match child {
        Child::Node(node) => tree.nodes()[node as usize].cover,
        Child::Leaf(leaf) => tree.leaves()[leaf as usize].cover,
    };
    let ratio = |child, parent: f64| match parent > 0.0 {
        true => cover(child) / parent,
        false => 0.5,
    };
    let ratios = tree.nodes().iter();
    Ok(ratios
        .map(|node| [ratio(node.left, node.cover), ratio(node.right, node.cover)])
        .collect())
}
