//! Small ends of trees, tabulated for every way a row may go through them.

use super::outline::{Edge, FRINGE_BITS, Outline, members};
use crate::tree::{Child, Tree};

/// A node and all below it, to be tabulated.
#[derive(Debug)]
pub(super) struct Fringe<'a> {
    tree: &'a Tree,
    outline: &'a Outline,
    /// Its nodes, parents before children. The lowest bits of a code say where a row goes right.
    pub members: Vec<u32>,
    /// Branches above that matter to it. Further bits say whether a row follows all branches on the way
    /// to and with such a one that split on the same feature.
    pub outside: Vec<Edge>,
    /// Features of its nodes, each once.
    pub features: Vec<u32>,
}

/// What a fringe says for one code at one quadrature position: its value, and per feature what the
/// product of the factors above it is multiplied with.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub value: f64,
    pub parts: [f64; FRINGE_BITS],
}

/// α and γ of the method at position `y`, below a branch with share `share` that a row
/// follows, or not.
pub(super) fn alpha_gamma(share: f64, follows: bool, y: f64) -> (f64, f64) {
    if !follows {
        return (1.0, 0.0);
    }
    let factor = share * (1.0 - y) + y;
    (share * (1.0 - y) / factor, share / factor / factor)
}

impl<'a> Fringe<'a> {
    pub fn new(tree: &'a Tree, outline: &'a Outline, root: u32) -> Self {
        let members = members(tree, root);
        let mut features = Vec::new();
        for member in &members {
            let feature = tree.nodes()[*member as usize].feature;
            if !features.contains(&feature) {
                features.push(feature);
            }
        }
        Self {
            tree,
            outline,
            outside: outline.outside(&members),
            members,
            features,
        }
    }

    /// Number of codes.
    pub fn codes(&self) -> usize {
        1 << (self.members.len() + self.outside.len())
    }

    /// What it says for `code` at position `y`.
    pub fn entry(&self, code: usize, y: f64) -> Entry {
        let mut products = [1.0; FRINGE_BITS];
        let mut terms = [(0.0, 0.0); FRINGE_BITS];
        for (i, member) in self.members.iter().enumerate() {
            let (follows, share) = self.state(code, self.outline.before[*member as usize]);
            let (alpha, gamma) = alpha_gamma(share, follows, y);
            terms[i] = (alpha, gamma);
            let (hot, cold) = self.ways(code, i);
            let ratios = self.outline.ratios[*member as usize];
            let part = products[i] * alpha;
            if let Some(child) = self.member(hot.1) {
                products[child] = products[i] - part * (1.0 - ratios[hot.0]);
            }
            if let Some(child) = self.member(cold.1) {
                products[child] = part * ratios[cold.0];
            }
        }
        let mut values = [0.0; FRINGE_BITS];
        let mut entry = Entry::default();
        for (i, member) in self.members.iter().enumerate().rev() {
            let value = |child| match (child, self.member(child)) {
                (Child::Leaf(leaf), _) => self.tree.leaves()[leaf as usize].value,
                (_, member) => member.map_or(0.0, |member| values[member]),
            };
            let (hot, cold) = self.ways(code, i);
            let ratios = self.outline.ratios[*member as usize];
            let (alpha, gamma) = terms[i];
            let hot_value = value(hot.1);
            let step = (1.0 - ratios[hot.0]) * hot_value - ratios[cold.0] * value(cold.1);
            values[i] = hot_value - alpha * step;
            let feature = self.tree.nodes()[*member as usize].feature;
            for (part, of) in entry.parts.iter_mut().zip(&self.features) {
                if *of == feature {
                    *part += products[i] * gamma * step;
                }
            }
        }
        entry.value = values[0];
        entry
    }

    /// Whether a row follows all branches of one feature up to and with `edge`, and their share.
    fn state(&self, code: usize, edge: Option<Edge>) -> (bool, f64) {
        let Some(edge) = edge else {
            return (true, 1.0);
        };
        let bit = |position: usize| code >> position & 1;
        let inside = self.members.iter().position(|member| *member == edge / 2);
        let follows = match inside {
            Some(i) => {
                let before = self.outline.before[(edge / 2) as usize];
                bit(i) == (edge % 2) as usize && self.state(code, before).0
            }
            None => {
                let outside = self.outside.iter().position(|outside| *outside == edge);
                outside.is_some_and(|i| bit(self.members.len() + i) == 1)
            }
        };
        (follows, self.outline.shares[edge as usize])
    }

    /// Side and child where a row goes at member `i`, and the other side and child.
    fn ways(&self, code: usize, i: usize) -> ((usize, Child), (usize, Child)) {
        let node = &self.tree.nodes()[self.members[i] as usize];
        match code >> i & 1 {
            0 => ((0, node.left), (1, node.right)),
            _ => ((1, node.right), (0, node.left)),
        }
    }

    fn member(&self, child: Child) -> Option<usize> {
        match child {
            Child::Node(node) => self.members.iter().position(|member| *member == node),
            Child::Leaf(_) => None,
        }
    }
}
