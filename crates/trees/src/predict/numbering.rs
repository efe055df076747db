//! Numbers of leaves, and the selections that make them bit by bit.

use crate::predict::bits::{ONES, ZEROS};
use crate::predict::segment::{LEAVES_MAX, Segment, Selection};
use crate::tree::{Child, Tree};

/// Bits of a number at most.
const BITS_MAX: usize = LEAVES_MAX.ilog2() as usize;

/// A number for every leaf of a tree.
pub(super) struct Numbering {
    pub(super) bits: usize,
    /// By position of the leaf.
    pub(super) leaves: Vec<u16>,
}

impl Numbering {
    pub(super) fn new(tree: &Tree) -> Self {
        let dense_bits = (usize::BITS - (tree.leaves().len() - 1).leading_zeros()) as usize;
        Self::by_path(tree, dense_bits).unwrap_or_else(|| Self::dense(tree, dense_bits))
    }

    /// From 0 on without gaps, the larger subtree of a node before the smaller: most bits are then the
    /// same throughout most subtrees.
    fn dense(tree: &Tree, bits: usize) -> Self {
        let mut sizes = vec![1_usize; tree.nodes().len()];
        let size = |sizes: &[usize], child| match child {
            Child::Node(node) => sizes[node as usize],
            Child::Leaf(_) => 1,
        };
        for (position, node) in tree.nodes().iter().enumerate().rev() {
            sizes[position] = size(&sizes, node.left) + size(&sizes, node.right);
        }
        let mut numbers = Numbers::new(tree);
        for (position, node) in tree.nodes().iter().enumerate() {
            let number = numbers.nodes[position];
            let (left, right) = (size(&sizes, node.left), size(&sizes, node.right));
            let (first, second, offset) = match left >= right {
                true => (node.left, node.right, left),
                false => (node.right, node.left, right),
            };
            numbers.set(first, number);
            numbers.set(second, number + offset as u16);
        }
        Self {
            bits,
            leaves: numbers.leaves,
        }
    }

    /// One bit for every level: fewest selections. `None` where that needs more than `bits_max`.
    fn by_path(tree: &Tree, bits_max: usize) -> Option<Self> {
        let mut depths = Numbers::new(tree);
        let mut numbers = Numbers::new(tree);
        for (position, node) in tree.nodes().iter().enumerate() {
            let (depth, number) = (depths.nodes[position], numbers.nodes[position]);
            if depth as usize >= bits_max {
                return None;
            }
            for child in [node.left, node.right] {
                depths.set(child, depth + 1);
            }
            numbers.set(node.left, number);
            numbers.set(node.right, number | 1 << depth);
        }
        Some(Self {
            bits: depths.leaves.iter().copied().max().unwrap_or(0) as usize,
            leaves: numbers.leaves,
        })
    }

    /// Adds to `segment` the selections that give the bits of the number of the leaf where each row ends,
    /// and the rows of these bits, lowest first.
    pub(super) fn select<S>(
        &self,
        tree: &Tree,
        conditions: &[u16],
        free_row: usize,
        segment: &mut Segment<S>,
    ) {
        let bits = self.bits;
        let first = segment.selections.len();
        let mut rows = vec![[ZEROS; BITS_MAX]; tree.nodes().len()];
        let rows_of = |rows: &[[u16; BITS_MAX]], child| match child {
            Child::Node(node) => rows[node as usize],
            Child::Leaf(leaf) => {
                let number = self.leaves[leaf as usize];
                std::array::from_fn(|bit| [ZEROS, ONES][usize::from(number >> bit & 1)])
            }
        };
        // Children stand after parents, so all of a node's are done when its turn comes.
        for (position, node) in tree.nodes().iter().enumerate().rev() {
            let condition = conditions[position];
            let (left, right) = (rows_of(&rows, node.left), rows_of(&rows, node.right));
            for bit in 0..bits.min(BITS_MAX) {
                rows[position][bit] = match (left[bit], right[bit]) {
                    (left, right) if left == right => left,
                    (ZEROS, ONES) => condition,
                    (left, right) => {
                        let to = (free_row + segment.selections.len() - first) as u16;
                        segment.selections.push(Selection {
                            to,
                            condition,
                            right,
                            left,
                        });
                        to
                    }
                };
            }
        }
        let root = rows.first().map_or(&[][..], |rows| &rows[..bits]);
        segment.planes.extend(root);
    }
}

/// A number for every node and leaf of a tree.
struct Numbers {
    nodes: Vec<u16>,
    leaves: Vec<u16>,
}

impl Numbers {
    fn new(tree: &Tree) -> Self {
        Self {
            nodes: vec![0; tree.nodes().len()],
            leaves: vec![0; tree.leaves().len()],
        }
    }

    fn set(&mut self, child: Child, number: u16) {
        match child {
            Child::Node(node) => self.nodes[node as usize] = number,
            Child::Leaf(leaf) => self.leaves[leaf as usize] = number,
        }
    }
}
