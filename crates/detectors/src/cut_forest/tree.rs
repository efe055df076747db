//! One random cut tree.

use super::boxes::{LANES, extend, growth, range};
use super::room::clone_with_room;

/// A binary tree over at most as many points as it was made for.
///
/// Rows that are equal share a leaf. Below a node, rows with a position of at most the cut are left
/// and others right, and both sides have rows, so the way to any row follows from its positions.
#[derive(Debug)]
pub(super) struct Tree {
    inputs: usize,
    /// Length of a point: `inputs` and zeros behind, up to a multiple of the lanes.
    stride: usize,
    root: Link,
    nodes: Vec<Node>,
    /// Per node the low and then the high corner of the smallest box around the rows below it.
    boxes: Vec<f32>,
    vacant_nodes: Vec<u16>,
    /// Per leaf its positions.
    points: Vec<f32>,
    /// Per leaf how many rows it stands for; 0 if it is vacant.
    copies: Vec<u16>,
    vacant_leaves: Vec<u16>,
    /// Scratch for one box.
    scratch: Vec<f32>,
}

/// A node in 16 bytes: the way of a row touches one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) cut: f32,
    /// Sum of the extents of its box.
    pub(super) range: f32,
    pub(super) dimension: u16,
    /// Rows below.
    pub(super) mass: u16,
    pub(super) left: Link,
    pub(super) right: Link,
}

/// Number of a node, or of a leaf with the highest bit set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(u16);

/// Where a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Node(u16),
    Leaf(u16),
}

impl Link {
    const LEAF_BIT: u16 = 1 << 15;

    /// More leaves than there may be.
    pub(super) const NOTHING: Self = Self(u16::MAX);

    #[inline]
    pub(super) fn node(number: u16) -> Self {
        Self(number)
    }

    #[inline]
    pub(super) fn leaf(number: u16) -> Self {
        Self(number | Self::LEAF_BIT)
    }

    #[inline]
    pub(super) fn place(self) -> Place {
        if self.0 & Self::LEAF_BIT == 0 {
            Place::Node(self.0)
        } else {
            Place::Leaf(self.0 & !Self::LEAF_BIT)
        }
    }
}

impl Place {
    pub(super) fn link(self) -> Link {
        match self {
            Self::Node(number) => Link::node(number),
            Self::Leaf(number) => Link::leaf(number),
        }
    }
}

impl Tree {
    pub(super) fn new(inputs: usize, rows_max: usize) -> Self {
        let stride = inputs.next_multiple_of(LANES);
        Self {
            inputs,
            stride,
            root: Link::NOTHING,
            nodes: Vec::with_capacity(rows_max),
            boxes: Vec::with_capacity(rows_max * 2 * stride),
            vacant_nodes: Vec::with_capacity(rows_max),
            points: Vec::with_capacity(rows_max * stride),
            copies: Vec::with_capacity(rows_max),
            vacant_leaves: Vec::with_capacity(rows_max),
            scratch: vec![0.0; 2 * stride],
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn root(&self) -> Link {
        self.root
    }

    #[inline]
    pub(super) fn node(&self, number: u16) -> &Node {
        &self.nodes[usize::from(number)]
    }

    pub(super) fn node_mut(&mut self, number: u16) -> &mut Node {
        &mut self.nodes[usize::from(number)]
    }

    pub(super) fn set_root(&mut self, root: Link) {
        self.root = root;
    }

    /// Nodes, vacant ones included.
    pub(super) fn nodes_ever(&self) -> usize {
        self.nodes.len()
    }

    /// Leaves, vacant ones included.
    pub(super) fn leaves_ever(&self) -> usize {
        self.copies.len()
    }

    /// Rows in a leaf.
    pub(super) fn copies(&self, leaf: u16) -> u16 {
        self.copies[usize::from(leaf)]
    }

    pub(super) fn copies_mut(&mut self, leaf: u16) -> &mut u16 {
        &mut self.copies[usize::from(leaf)]
    }

    /// Rows below a link that leads somewhere.
    pub(super) fn mass(&self, link: Link) -> u16 {
        match link.place() {
            Place::Node(node) => self.node(node).mass,
            Place::Leaf(leaf) => self.copies(leaf),
        }
    }

    /// Low and high corner of the box around the rows below a link.
    #[inline]
    pub(super) fn corners(&self, link: Link) -> (&[f32], &[f32]) {
        match link.place() {
            Place::Node(node) => {
                let start = usize::from(node) * 2 * self.stride;
                self.boxes[start..start + 2 * self.stride].split_at(self.stride)
            }
            Place::Leaf(leaf) => {
                let start = usize::from(leaf) * self.stride;
                let point = &self.points[start..start + self.stride];
                (point, point)
            }
        }
    }

    /// Follows the cuts from the root to a leaf, if there is any; `path` becomes the nodes on the way.
    #[inline]
    pub(super) fn descend(&self, point: &[f32], path: &mut Vec<u16>) -> Option<u16> {
        path.clear();
        if self.root == Link::NOTHING {
            return None;
        }
        let mut link = self.root;
        loop {
            match link.place() {
                Place::Leaf(leaf) => return Some(leaf),
                Place::Node(number) => {
                    path.push(number);
                    link = self.node(number).side(point);
                }
            }
        }
    }

    /// AWS's score of a point, not yet normalised: 0 to 1, and 0 if the tree is empty. `path` is scratch.
    pub(super) fn score(&self, point: &[f32], path: &mut Vec<u16>) -> f64 {
        let Some(leaf) = self.descend(point, path) else {
            return 0.0;
        };
        let mut score = score_at(path.len());
        let mut is_in_all = true;
        for (depth, number) in path.iter().enumerate().rev() {
            let (low, high) = self.corners(Link::node(*number));
            let growth = f64::from(growth(low, high, point));
            if growth <= 0.0 {
                // It is in this box, so it is in those above.
                break;
            }
            let chance = growth / (growth + f64::from(self.node(*number).range));
            score = (1.0 - chance) * score + chance * score_at(depth);
            is_in_all = false;
        }
        // Looked at last, because a row that is in the leaf is in all boxes, and few are.
        if is_in_all && self.corners(Link::leaf(leaf)).0 == point {
            return self.score_of_held(leaf, path.len());
        }
        score
    }

    /// Score of a row that is held in a leaf at some depth: the more there are of it, the less.
    pub(super) fn score_of_held(&self, leaf: u16, depth: usize) -> f64 {
        let copies = f64::from(self.copies(leaf));
        let damping = 1.0 - copies / (2.0 * f64::from(self.mass(self.root)));
        damping / (depth as f64 + libm::log2(copies + 1.0))
    }

    /// Adds a leaf that nothing leads to yet.
    pub(super) fn add_leaf(&mut self, point: &[f32], copies: u16) -> u16 {
        if let Some(leaf) = self.vacant_leaves.pop() {
            let start = usize::from(leaf) * self.stride;
            self.points[start..start + self.stride].copy_from_slice(point);
            self.copies[usize::from(leaf)] = copies;
            return leaf;
        }
        self.points.extend_from_slice(point);
        self.copies.push(copies);
        (self.copies.len() - 1) as u16
    }

    /// Adds a node that nothing leads to yet, without its box.
    pub(super) fn add_node(&mut self, node: Node) -> u16 {
        if let Some(number) = self.vacant_nodes.pop() {
            self.nodes[usize::from(number)] = node;
            return number;
        }
        self.nodes.push(node);
        self.boxes.resize(self.nodes.len() * 2 * self.stride, 0.0);
        (self.nodes.len() - 1) as u16
    }

    /// Lets the place of a leaf that nothing leads to be taken by another. Its positions are there
    /// until then.
    pub(super) fn vacate_leaf(&mut self, leaf: u16) {
        self.vacant_leaves.push(leaf);
    }

    /// As [`Self::vacate_leaf`].
    pub(super) fn vacate_node(&mut self, number: u16) {
        self.vacant_nodes.push(number);
    }

    /// Makes the box of a node hold `point`.
    pub(super) fn extend(&mut self, number: u16, point: &[f32]) {
        let start = usize::from(number) * 2 * self.stride;
        let corners = &mut self.boxes[start..start + 2 * self.stride];
        let (low, high) = corners.split_at_mut(self.stride);
        extend(low, high, point, point);
        self.nodes[usize::from(number)].range = range(low, high);
    }

    /// Makes the box of a node the smallest around those of its children.
    pub(super) fn fit(&mut self, number: u16) {
        let Node { left, right, .. } = *self.node(number);
        let mut corners = std::mem::take(&mut self.scratch);
        let (low, high) = corners.split_at_mut(self.stride);
        let (left_low, left_high) = self.corners(left);
        low.copy_from_slice(left_low);
        high.copy_from_slice(left_high);
        let (right_low, right_high) = self.corners(right);
        extend(low, high, right_low, right_high);
        self.nodes[usize::from(number)].range = range(low, high);
        let start = usize::from(number) * 2 * self.stride;
        self.boxes[start..start + 2 * self.stride].copy_from_slice(&corners);
        self.scratch = corners;
    }

    pub(super) fn state_bytes(&self) -> usize {
        let floats = self.boxes.capacity() + self.points.capacity() + self.scratch.capacity();
        let numbers =
            self.vacant_nodes.capacity() + self.vacant_leaves.capacity() + self.copies.capacity();
        self.nodes.capacity() * size_of::<Node>()
            + floats * size_of::<f32>()
            + numbers * size_of::<u16>()
    }
}

impl Clone for Tree {
    fn clone(&self) -> Self {
        Self {
            inputs: self.inputs,
            stride: self.stride,
            root: self.root,
            nodes: clone_with_room(&self.nodes),
            boxes: clone_with_room(&self.boxes),
            vacant_nodes: clone_with_room(&self.vacant_nodes),
            points: clone_with_room(&self.points),
            copies: clone_with_room(&self.copies),
            vacant_leaves: clone_with_room(&self.vacant_leaves),
            scratch: self.scratch.clone(),
        }
    }
}

impl Node {
    /// A cut of which nothing below is known yet.
    pub(super) fn open(dimension: u16, cut: f32) -> Self {
        Self {
            cut,
            range: 0.0,
            dimension,
            mass: 0,
            left: Link::NOTHING,
            right: Link::NOTHING,
        }
    }

    /// The child that a row goes to.
    #[inline]
    pub(super) fn side(&self, point: &[f32]) -> Link {
        if point[usize::from(self.dimension)] <= self.cut {
            self.left
        } else {
            self.right
        }
    }
}

/// AWS's score of a row that is cut off at a depth.
#[inline]
pub(super) fn score_at(depth: usize) -> f64 {
    1.0 / (depth as f64 + 1.0)
}
