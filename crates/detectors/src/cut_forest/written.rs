//! A tree as bytes: its nodes and leaves, each node before what is left and then what is right
//! below it. Boxes and masses follow from these, so they are not written.

use super::boxes::LANES;
use super::tree::{Link, Node, Place, Tree};
use crate::error::DetectorError;
use crate::snapshot::{Reader, damaged};

/// In place of a cut's dimension: a leaf.
const LEAF: u16 = u16::MAX;

impl Tree {
    /// Appends the tree.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.visit(|place| match place {
            Place::Node(number) => {
                let Node {
                    cut,
                    dimension,
                    // These follow from what is below.
                    range: _,
                    mass: _,
                    // What is below is written behind.
                    left: _,
                    right: _,
                } = self.node(number);
                out.extend(dimension.to_le_bytes());
                out.extend(cut.to_le_bytes());
            }
            Place::Leaf(_) => {
                out.extend(LEAF.to_le_bytes());
                let point = self.corners(place.link()).0;
                let positions = point[..self.inputs()].iter();
                positions.for_each(|position| out.extend(position.to_le_bytes()));
            }
        });
    }

    /// For every leaf which one it is in the written tree, from 0.
    pub(super) fn leaf_order(&self) -> Vec<u16> {
        let mut order = vec![0; self.leaves_ever()];
        let mut next = 0;
        self.visit(|place| {
            if let Place::Leaf(leaf) = place {
                order[usize::from(leaf)] = next;
                next += 1;
            }
        });
        order
    }

    /// Reads a tree with room for `rows_max` rows whose leaves, in the order in which they come,
    /// stand for so many rows each: for `rows_max` at most in all, and for at least one each.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        inputs: usize,
        rows_max: usize,
        copies: &[u16],
    ) -> Result<Self, DetectorError> {
        let mut tree = Self::new(inputs, rows_max);
        let mut copies = copies.iter();
        if copies.len() == 0 {
            return Ok(tree);
        }
        let nodes_max = copies.len() - 1;
        let mut point = vec![0.0; inputs.next_multiple_of(LANES)];
        // Nodes on the way to what is read next.
        let mut open: Vec<u16> = Vec::new();
        loop {
            let dimension = reader.u16()?;
            if dimension != LEAF {
                if tree.nodes_ever() == nodes_max {
                    return Err(damaged("a tree has more cuts than its rows need"));
                }
                let cut = reader.f32()?;
                if usize::from(dimension) >= inputs {
                    return Err(damaged("a tree cuts an input that there is not"));
                }
                open.push(tree.add_node(Node::open(dimension, cut)));
                continue;
            }
            for position in &mut point[..inputs] {
                *position = reader.f32()?;
                if !(0.0..=1.0).contains(position) {
                    return Err(damaged("a row's position is outside of its range"));
                }
            }
            // With a leaf less than cuts the tree is complete, so no leaf is left over.
            let copies = copies
                .next()
                .ok_or(damaged("a tree has more leaves than rows"))?;
            let leaf = Link::leaf(tree.add_leaf(&point, *copies));
            if tree.close(leaf, &mut open)? {
                break;
            }
        }
        if copies.len() > 0 {
            return Err(damaged("a tree has fewer leaves than its rows"));
        }
        Ok(tree)
    }

    /// Hangs up what is complete; whether that is all.
    fn close(&mut self, complete: Link, open: &mut Vec<u16>) -> Result<bool, DetectorError> {
        let mut complete = complete;
        while let Some(number) = open.last().copied() {
            let node = self.node_mut(number);
            if node.left == Link::NOTHING {
                node.left = complete;
                return Ok(false);
            }
            node.right = complete;
            let Node {
                left,
                right,
                cut,
                dimension,
                ..
            } = *node;
            let dimension = usize::from(dimension);
            // A NaN separates nothing.
            let is_between =
                self.corners(left).1[dimension] <= cut && cut < self.corners(right).0[dimension];
            if !is_between {
                return Err(damaged("a cut does not separate the rows below it"));
            }
            let mass = self.mass(left) + self.mass(right);
            self.node_mut(number).mass = mass;
            self.fit(number);
            complete = Link::node(number);
            open.pop();
        }
        self.set_root(complete);
        Ok(true)
    }

    /// Goes through all nodes and leaves in the order in which they are written.
    fn visit(&self, mut visitor: impl FnMut(Place)) {
        if self.root() == Link::NOTHING {
            return;
        }
        let mut open = vec![self.root()];
        while let Some(link) = open.pop() {
            let place = link.place();
            visitor(place);
            if let Place::Node(number) = place {
                let node = self.node(number);
                open.extend([node.right, node.left]);
            }
        }
    }
}
