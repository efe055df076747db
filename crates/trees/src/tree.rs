//! One decision tree.

use crate::limits::LEAVES_MAX;

/// A decision tree. Every node but the first, and every leaf, is the child of exactly one node that
/// stands before it: a walk from node 0 ends at a leaf. Without nodes the only leaf is the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
    sets: Vec<CategorySet>,
}

/// An inner node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Position of the feature that is looked at, below the forest's number of features.
    pub feature: u32,
    /// How it decides.
    pub test: Test,
    /// Where values that pass the test go.
    pub left: Child,
    /// Where the others go.
    pub right: Child,
    /// Weight of the training records that came here: a count or a sum of Hessians, 0 or more. Only
    /// attribution reads it.
    pub cover: f64,
}

/// A leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaf {
    /// What is added to the sum, finite.
    pub value: f64,
    /// As [`Node::cover`].
    pub cover: f64,
}

/// Where a branch leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// To the inner node at this position.
    Node(u32),
    /// To the leaf at this position.
    Leaf(u32),
}

/// How a node decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// Left if the value is at most this; a bound that is NaN sends every number right.
    AtMost {
        /// The bound.
        bound: f64,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// Whether a value within [`ZERO_BOUND`] of zero counts as missing.
        zero_is_missing: bool,
    },
    /// Looks the value up in a set of categories.
    OneOf {
        /// Position of the set in its tree.
        set: u32,
        /// Whether members go left and all other numbers right, or the other way round.
        members_left: bool,
        /// Whether a missing value goes left.
        missing_left: bool,
        /// Whether a value in (−1, 0) counts as category 0; otherwise it is in no set.
        cut_towards_zero: bool,
    },
}

/// Values this near zero are missing where zero is: `kZeroThreshold` of LightGBM, a float.
pub const ZERO_BOUND: f64 = 1e-35_f32 as f64;

/// A set of categories, numbers from 0 on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CategorySet {
    /// Bit `c % 64` of word `c / 64` is set if `c` is a member.
    words: Vec<u64>,
}

impl CategorySet {
    /// The set whose bits are `words`.
    pub fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    /// Its bits; see [`CategorySet::from_words`].
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether `value`, cut to an integer, is a member. NaN is none.
    pub fn contains(&self, value: f64, cut_towards_zero: bool) -> bool {
        let is_number = if cut_towards_zero {
            value > -1.0
        } else {
            value >= 0.0
        };
        // Saturates far past any set; what lies in (−1, 0) becomes 0.
        let category = value as u64;
        is_number
            && usize::try_from(category / 64)
                .ok()
                .and_then(|word| self.words.get(word))
                .is_some_and(|word| word >> (category % 64) & 1 == 1)
    }
}

impl Tree {
    /// A tree of these parts.
    ///
    /// # Errors
    /// Says which child, number or set is wrong.
    pub fn new(
        nodes: Vec<Node>,
        leaves: Vec<Leaf>,
        sets: Vec<CategorySet>,
    ) -> Result<Self, String> {
        if leaves.len() != nodes.len() + 1 || leaves.len() > LEAVES_MAX {
            return Err(format!(
                "has {} nodes and {} leaves; there is one leaf more than nodes, and {LEAVES_MAX} \
                 leaves at most",
                nodes.len(),
                leaves.len()
            ));
        }
        let mut has_parent = vec![false; nodes.len() + leaves.len()];
        for (position, node) in nodes.iter().enumerate() {
            for child in [node.left, node.right] {
                let slot = match child {
                    Child::Node(index) if index as usize > position => index as usize,
                    Child::Leaf(index) if (index as usize) < leaves.len() => {
                        nodes.len() + index as usize
                    }
                    _ => nodes.len() + leaves.len(),
                };
                let in_nodes = matches!(child, Child::Node(_)) && slot >= nodes.len();
                match has_parent.get_mut(slot) {
                    Some(seen) if !*seen && !in_nodes => *seen = true,
                    _ => {
                        return Err(format!(
                            "node {position} has a child that is not after it, not there, or another's"
                        ));
                    }
                }
            }
            if let Test::OneOf { set, .. } = node.test
                && set as usize >= sets.len()
            {
                return Err(format!(
                    "node {position} names category set {set}, which is not there"
                ));
            }
        }
        // As many links as there are slots but the root, none twice: every slot has its parent.
        let is_weight = |cover: f64| cover >= 0.0 && cover.is_finite();
        let sound = |leaf: &Leaf| leaf.value.is_finite() && is_weight(leaf.cover);
        if let Some(position) = leaves.iter().position(|leaf| !sound(leaf)) {
            return Err(format!(
                "leaf {position} has a value or weight that is not a finite number"
            ));
        }
        if let Some(position) = nodes.iter().position(|node| !is_weight(node.cover)) {
            return Err(format!(
                "node {position} has a weight that is not a finite number from 0 on"
            ));
        }
        Ok(Self {
            nodes,
            leaves,
            sets,
        })
    }

    /// Inner nodes, parents before children.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Leaves, one more than nodes.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Sets that the nodes name.
    pub fn sets(&self) -> &[CategorySet] {
        &self.sets
    }

    /// Whether `value` goes left at `node`, NaN being a missing value. This is the definition.
    pub fn goes_left(&self, node: &Node, value: f64) -> bool {
        match node.test {
            Test::AtMost {
                bound,
                missing_left,
                zero_is_missing,
            } => {
                if value.is_nan() || (zero_is_missing && value.abs() <= ZERO_BOUND) {
                    missing_left
                } else {
                    value <= bound
                }
            }
            Test::OneOf {
                set,
                members_left,
                missing_left,
                cut_towards_zero,
            } => {
                if value.is_nan() {
                    missing_left
                } else {
                    self.sets[set as usize].contains(value, cut_towards_zero) == members_left
                }
            }
        }
    }

    /// The position of the leaf where a row ends; `value` gives a feature's value, NaN if missing.
    pub fn leaf_of(&self, value: impl Fn(u32) -> f64) -> u32 {
        let mut at = match self.nodes.first() {
            Some(_) => Child::Node(0),
            None => Child::Leaf(0),
        };
        loop {
            match at {
                Child::Leaf(leaf) => return leaf,
                Child::Node(node) => {
                    let node = &self.nodes[node as usize];
                    let left = self.goes_left(node, value(node.feature));
                    at = if left { node.left } else { node.right };
                }
            }
        }
    }
}
