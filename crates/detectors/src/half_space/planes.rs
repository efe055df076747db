//! Where the trees split: fixed once drawn.

use crate::limits::INPUTS_MAX;
use crate::random::{Fingerprint, SplitMix64};

/// Share of a range at either end in which it is not split, so that no side is a sliver.
const PADDING: f64 = 0.15;

/// Trees that are walked in step: the walk down one alone waits for memory at every node.
const LANES: usize = 4;

/// Positions of a row, with a place for every feature that a node can name.
pub(super) type Positions = [f64; 1 << u8::BITS];

const _: () = assert!(
    INPUTS_MAX <= 1 << u8::BITS,
    "a node names a feature by a byte"
);

/// All trees' splits, each tree complete and of the same height.
#[derive(Debug)]
pub(super) struct Planes {
    trees: usize,
    height: usize,
    /// Per group of trees 2^height times the same node of each: the root at 1, the children of node
    /// n at 2n and 2n + 1, nothing at 0. Children beyond the end are leaves. The last group may
    /// lack trees; what is there is not looked at.
    thresholds: Vec<[f64; LANES]>,
    /// Features of the same nodes, apart from the thresholds: so few bytes are always near.
    features: Vec<[u8; LANES]>,
}

/// A row goes left if its `feature` is below `threshold`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) threshold: f64,
    pub(super) feature: u8,
}

impl Planes {
    /// Random trees over `inputs` positions between 0 and 1, drawn as river draws them: a feature
    /// in proportion to the extent that it still has at the node, a threshold evenly within that,
    /// but for the padding; left before right, depth first, tree after tree, feature before
    /// threshold, from one sequence.
    pub(super) fn draw(seed: u64, trees: usize, height: usize, inputs: usize) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut planes = Self::empty(trees, height);
        let mut ranges = vec![(0.0, 1.0); inputs];
        for tree in 0..trees {
            planes.split(tree, 1, &mut ranges, &mut random);
        }
        planes
    }

    pub(super) fn empty(trees: usize, height: usize) -> Self {
        let nodes = trees.div_ceil(LANES) << height;
        Self {
            trees,
            height,
            thresholds: vec![[0.0; LANES]; nodes],
            features: vec![[0; LANES]; nodes],
        }
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn trees(&self) -> usize {
        self.trees
    }

    pub(super) fn plane(&self, tree: usize, node: usize) -> Plane {
        let at = ((tree / LANES) << self.height) + node;
        Plane {
            threshold: self.thresholds[at][tree % LANES],
            feature: self.features[at][tree % LANES],
        }
    }

    pub(super) fn place(&mut self, tree: usize, node: usize, plane: Plane) {
        let at = ((tree / LANES) << self.height) + node;
        self.thresholds[at][tree % LANES] = plane.threshold;
        self.features[at][tree % LANES] = plane.feature;
    }

    /// The leaf of every tree, counted from the left, that `row` falls into. `row` has no NaN.
    pub(super) fn walk(&self, row: &Positions, leaves: &mut [u16]) {
        let thresholds = self.thresholds.chunks_exact(1 << self.height);
        let features = self.features.chunks_exact(1 << self.height);
        let groups = thresholds.zip(features);
        for ((thresholds, features), leaves) in groups.zip(leaves.chunks_mut(LANES)) {
            let found = walk_in_step(thresholds, features, self.height, row);
            leaves.copy_from_slice(&found[..leaves.len()]);
        }
    }

    pub(super) fn add_to(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add(self.height as u64);
        for tree in 0..self.trees {
            for node in 1..1 << self.height {
                let plane = self.plane(tree, node);
                fingerprint.add(u64::from(plane.feature));
                fingerprint.add(plane.threshold.to_bits());
            }
        }
    }

    /// Draws the split of `node`, whose extent is `ranges`, and those below.
    fn split(
        &mut self,
        tree: usize,
        node: usize,
        ranges: &mut [(f64, f64)],
        random: &mut SplitMix64,
    ) {
        if node >= 1 << self.height {
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
        let plane = Plane {
            threshold,
            feature: feature as u8,
        };
        self.place(tree, node, plane);
        ranges[feature] = (range.0, threshold);
        self.split(tree, 2 * node, ranges, random);
        ranges[feature] = (threshold, range.1);
        self.split(tree, 2 * node + 1, ranges, random);
        ranges[feature] = range;
    }
}

/// Walks down a group; the walk down the next does not wait for its end.
#[inline]
fn walk_in_step(
    thresholds: &[[f64; LANES]],
    features: &[[u8; LANES]],
    height: usize,
    row: &Positions,
) -> [u16; LANES] {
    // One length, so that one check is enough for both.
    let features = &features[..thresholds.len()];
    let mut at = [1_usize; LANES];
    for _ in 0..height {
        for (lane, at) in at.iter_mut().enumerate() {
            let position = row[usize::from(features[*at][lane])];
            let goes_left = position < thresholds[*at][lane];
            *at = 2 * *at + usize::from(!goes_left);
        }
    }
    // Below 2^height, which fits.
    at.map(|at| (at - (1 << height)) as u16)
}
