//! Where the trees split: fixed once drawn.

use crate::random::{Fingerprint, SplitMix64};

/// Share of a range at either end in which it is not split, so that no side is a sliver.
const PADDING: f64 = 0.15;

/// Trees that are walked in step: the walk down one waits for memory at every node.
const LANES: usize = 8;

/// All trees' splits, each tree complete and of the same height.
#[derive(Debug, Clone)]
pub(super) struct Planes {
    height: usize,
    /// Per tree 2^height: the root at 1, the children of node n at 2n and 2n + 1, nothing at 0. Children beyond the end
    /// are leaves.
    nodes: Vec<Plane>,
}

/// A row goes left if its `feature` is below `threshold`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) threshold: f64,
    pub(super) feature: u32,
}

impl Planes {
    /// Random trees over `inputs` positions between 0 and 1, drawn as river draws them: a feature in proportion to the
    /// extent that it still has at the node, a threshold evenly within that, but for the padding; left before right,
    /// depth first, tree after tree, feature before threshold, from one sequence.
    pub(super) fn draw(seed: u64, trees: usize, height: usize, inputs: usize) -> Self {
        let mut random = SplitMix64::new(seed);
        let nothing = Plane {
            threshold: 0.0,
            feature: 0,
        };
        let mut nodes = vec![nothing; trees << height];
        let mut ranges = vec![(0.0, 1.0); inputs];
        for tree in nodes.chunks_exact_mut(1 << height) {
            split(tree, 1, &mut ranges, &mut random);
        }
        Self { height, nodes }
    }

    /// Given trees, laid out as `nodes` is.
    #[cfg(test)]
    pub(super) fn given(height: usize, nodes: Vec<Plane>) -> Self {
        Self { height, nodes }
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> &[Plane] {
        &self.nodes
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn trees(&self) -> usize {
        self.nodes.len() >> self.height
    }

    /// The feature that a node of a tree splits.
    pub(super) fn feature(&self, tree: usize, node: usize) -> usize {
        self.nodes[(tree << self.height) + node].feature as usize
    }

    /// The leaf of every tree, counted from the left, that `row` falls into. `row` has no NaN.
    pub(super) fn walk(&self, row: &[f64], leaves: &mut [u16]) {
        let (groups, rest) = leaves.as_chunks_mut::<LANES>();
        let (in_groups, others) = self.nodes.split_at((groups.len() * LANES) << self.height);
        let nodes = in_groups.chunks_exact(LANES << self.height);
        for (nodes, leaves) in nodes.zip(groups) {
            walk_in_step(nodes, self.height, row, leaves);
        }
        for (nodes, leaf) in others.chunks_exact(1 << self.height).zip(rest) {
            walk_in_step(nodes, self.height, row, std::array::from_mut(leaf));
        }
    }

    pub(super) fn add_to(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add(self.height as u64);
        for node in &self.nodes {
            fingerprint.add(u64::from(node.feature));
            fingerprint.add(node.threshold.to_bits());
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Plane>()
    }
}

/// Draws the split of `node`, whose extent is `ranges`, and those below.
fn split(tree: &mut [Plane], node: usize, ranges: &mut [(f64, f64)], random: &mut SplitMix64) {
    if node >= tree.len() {
        return;
    }
    let whole: f64 = ranges.iter().map(|(low, high)| high - low).sum();
    let mut left = random.unit() * whole;
    let mut feature = 0;
    for (candidate, (low, high)) in ranges.iter().enumerate() {
        feature = candidate;
        left -= high - low;
        if left < 0.0 {
            break;
        }
    }
    let range = ranges[feature];
    let (low, extent) = (range.0, range.1 - range.0);
    let threshold = low + extent * (PADDING + (1.0 - 2.0 * PADDING) * random.unit());
    tree[node] = Plane {
        threshold,
        feature: feature as u32,
    };
    ranges[feature] = (range.0, threshold);
    split(tree, 2 * node, ranges, random);
    ranges[feature] = (threshold, range.1);
    split(tree, 2 * node + 1, ranges, random);
    ranges[feature] = range;
}

#[inline]
fn walk_in_step<const N: usize>(
    nodes: &[Plane],
    height: usize,
    row: &[f64],
    leaves: &mut [u16; N],
) {
    let mut at = [1_usize; N];
    for _ in 0..height {
        for (tree, at) in at.iter_mut().enumerate() {
            let node = &nodes[(tree << height) + *at];
            let goes_left = row[node.feature as usize] < node.threshold;
            *at = 2 * *at + usize::from(!goes_left);
        }
    }
    for (leaf, at) in leaves.iter_mut().zip(at) {
        // Below 2^height, which fits.
        *leaf = (at - (1 << height)) as u16;
    }
}
