//! Streaming half-space trees: Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data"
//! (IJCAI 2011), with the semantics of river's `HalfSpaceTrees`.
//!
//! A tree halves the space again and again, at random and without having seen a row. In windows of
//! so many rows it counts how many fell into each half; what they count is the reference for the
//! next window. A row is walked down every tree: at each node on the way it earns the node's
//! reference mass times 2^depth, up to and including the first node with a mass below a tenth of
//! the window. Few points are suspicious.
//!
//! Within a window the reference does not change, so what a path earns is a constant of its leaf,
//! found once when the window turns. A row then costs one walk, one addition and one increment per
//! tree; masses of inner nodes are sums over the leaves below. The row that ends a window pays for
//! the turn, a pass over all leaves.

mod leaves;
mod planes;
mod surprise;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detector::{Detector, Frozen};
use crate::error::{DetectorError, at_most, within};
use crate::frozen::{CopiedPayload, FrozenPieces};
use crate::limits::{HEIGHT_MAX, LEAVES_MAX, TREES_MAX, WINDOW_MAX};
use crate::random::Fingerprint;
use crate::scaling::{Input, Scaling};
use crate::snapshot::{self, Kind, damaged};
use leaves::{Earned, Leaf, earn, sum_up};
use planes::{Planes, Positions};
use surprise::Surprise;

/// A node with less than this share of a window ends the way of a row: "a magic constant" of the paper.
const SHARE_TO_GO_ON: f64 = 0.1;

/// Settings of half-space trees, as a model file gives them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfSpaceSettings {
    /// What the trees are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// How many trees.
    #[serde(default = "default_trees")]
    pub trees: usize,
    /// Splits on the way from the root to a leaf.
    #[serde(default = "default_height")]
    pub height: usize,
    /// Rows of a window.
    #[serde(default = "default_window")]
    pub window: usize,
    /// The inputs, in the order of a row's values.
    pub inputs: Vec<Input>,
}

fn default_trees() -> usize {
    25
}

fn default_height() -> usize {
    8
}

fn default_window() -> usize {
    250
}

/// Half-space trees with what they have counted.
///
/// The score is 1 − points ÷ (trees × window × (2^(height + 1) − 1)), and 0 in the first window. It
/// is close to 1 for almost every row, so it ranks rows; a calibration makes a probability of it.
///
/// Attribution is in bits: at every split on the way of the row up to where points are no longer
/// earned, how rare its side is, −log2 of its share, less what the split's sides mean on average
/// (its entropy); summed by the feature that is split and averaged over trees. An average row of
/// the reference window so has about 0 everywhere; a feature at whose splits the row left the crowd
/// has much. The numbers add up to by how many bits the row's ways are rarer than usual. Shares are
/// (mass + ½) ÷ (mass of the node + 1).
#[derive(Debug, Clone)]
pub struct HalfSpaceTrees {
    scaling: Scaling,
    /// Shared with all copies.
    planes: Arc<Planes>,
    /// As the planes.
    surprise: Arc<Surprise>,
    window: usize,
    /// Per tree 2^height, from left to right.
    leaves: Vec<Leaf>,
    /// Reference masses of inner nodes, per tree 2^height, as the nodes are in `planes`.
    masses: Vec<u16>,
    /// Rows in the window that is being counted, less than `window`.
    counted: usize,
    /// Whether there is a whole window to refer to.
    has_reference: bool,
    row: Row,
    /// What identifies the meaning of a state: scaling, trees and window.
    fingerprint: u64,
}

/// The row that was scored last.
#[derive(Debug, Clone)]
struct Row {
    positions: Box<Positions>,
    /// Which leaf of each tree it fell into.
    leaves: Vec<u16>,
    /// Whether it is still to be learnt.
    is_open: bool,
}

impl HalfSpaceTrees {
    /// Trees that have seen nothing.
    ///
    /// # Errors
    /// Refuses settings outside the limits and inputs without extent.
    pub fn from_settings(settings: &HalfSpaceSettings) -> Result<Self, DetectorError> {
        let HalfSpaceSettings {
            seed,
            trees,
            height,
            window,
            ref inputs,
        } = *settings;
        within("trees", trees as f64, 1.0, TREES_MAX as f64)?;
        within("height", height as f64, 1.0, HEIGHT_MAX as f64)?;
        within("window", window as f64, 1.0, WINDOW_MAX as f64)?;
        at_most("leaves", trees << height, LEAVES_MAX)?;
        let scaling = Scaling::new(inputs)?;
        let planes = Planes::draw(seed, trees, height, scaling.inputs());
        Ok(Self::of(scaling, planes, window))
    }

    fn of(scaling: Scaling, planes: Planes, window: usize) -> Self {
        let leaves = planes.trees() << planes.height();
        let mut fingerprint = Fingerprint::new();
        scaling.add_to(&mut fingerprint);
        planes.add_to(&mut fingerprint);
        fingerprint.add(window as u64);
        Self {
            fingerprint: fingerprint.finish(),
            row: Row {
                positions: Box::new([0.0; 1 << u8::BITS]),
                leaves: vec![0; planes.trees()],
                is_open: false,
            },
            scaling,
            window,
            leaves: vec![Leaf::default(); leaves],
            masses: vec![0; leaves],
            planes: Arc::new(planes),
            surprise: Arc::new(Surprise::new(window)),
            counted: 0,
            has_reference: false,
        }
    }

    /// The least mass with which a way goes on.
    fn mass_to_go_on(&self) -> u16 {
        // A mass is whole, so it is below the share exactly if it is below the next whole number.
        // At most the window, which fits.
        libm::ceil(SHARE_TO_GO_ON * self.window as f64) as u16
    }

    /// Makes the window that was counted the reference.
    fn turn(&mut self) {
        for leaf in &mut self.leaves {
            leaf.reference = std::mem::take(&mut leaf.count);
        }
        self.counted = 0;
        self.has_reference = true;
        self.derive();
    }

    /// Finds masses of inner nodes, and what every leaf earns, from the reference masses of leaves.
    fn derive(&mut self) {
        let width = 1 << self.planes.height();
        let least = self.mass_to_go_on();
        let mut earned = vec![Earned::default(); width];
        let trees = self.leaves.chunks_exact_mut(width);
        for (leaves, masses) in trees.zip(self.masses.chunks_exact_mut(width)) {
            sum_up(leaves, masses);
            earn(leaves, masses, least, &mut earned);
        }
    }

    /// Adds the bits of one tree to `out`.
    fn explain(&self, tree: usize, out: &mut [f64]) {
        let height = self.planes.height();
        let start = tree << height;
        let masses = &self.masses[start..start + (1 << height)];
        let leaves = &self.leaves[start..start + (1 << height)];
        let mass_of = |node: usize| match node.checked_sub(1 << height) {
            Some(leaf) => leaves[leaf].reference,
            None => masses[node],
        };
        let leaf = (1 << height) + usize::from(self.row.leaves[tree]);
        for depth in 0..height {
            let node = leaf >> (height - depth);
            let mass = mass_of(node);
            if mass < self.mass_to_go_on() {
                break;
            }
            let taken = leaf >> (height - depth - 1);
            let bits = self.surprise.excess(mass_of(taken), mass);
            out[usize::from(self.planes.plane(tree, node).feature)] += bits;
        }
    }
}

impl Detector for HalfSpaceTrees {
    fn inputs(&self) -> usize {
        self.scaling.inputs()
    }

    fn score(&mut self, row: &[f64]) -> f64 {
        let positions = self.scaling.positions(row);
        for (to, position) in self.row.positions.iter_mut().zip(positions) {
            *to = position;
        }
        self.row.is_open = true;
        self.planes.walk(&self.row.positions, &mut self.row.leaves);
        if !self.has_reference {
            return 0.0;
        }
        let trees = self.leaves.chunks_exact(1 << self.planes.height());
        let points = trees
            .zip(&self.row.leaves)
            .map(|(leaves, leaf)| u64::from(leaves[usize::from(*leaf)].points));
        // Whole numbers below 2^53, so their sum is exact in any order.
        let points: u64 = points.sum();
        let most = self.planes.trees() * self.window * ((2 << self.planes.height()) - 1);
        1.0 - points as f64 / most as f64
    }

    fn attribution(&self, out: &mut [f64]) {
        out.fill(0.0);
        if !self.row.is_open || !self.has_reference {
            return;
        }
        for tree in 0..self.planes.trees() {
            self.explain(tree, out);
        }
        out.iter_mut()
            .for_each(|bits| *bits /= self.planes.trees() as f64);
    }

    fn learn(&mut self) {
        if !std::mem::take(&mut self.row.is_open) {
            return;
        }
        let trees = self.leaves.chunks_exact_mut(1 << self.planes.height());
        for (leaves, leaf) in trees.zip(&self.row.leaves) {
            leaves[usize::from(*leaf)].count += 1;
        }
        self.counted += 1;
        if self.counted == self.window {
            self.turn();
        }
    }

    fn is_warm(&self) -> bool {
        self.has_reference
    }

    /// Copies all masses: a row changes a leaf of every tree.
    fn freeze(&self) -> Box<dyn Frozen> {
        let Self {
            leaves,
            counted,
            has_reference,
            fingerprint,
            // What they are drawn from is in the fingerprint.
            scaling: _,
            planes: _,
            window: _,
            // Derived from the others.
            surprise: _,
            masses: _,
            // Not learnt yet.
            row: _,
        } = self;
        let mut payload = Vec::with_capacity((1 + leaves.len()) * 2 * size_of::<u16>());
        payload.extend(u16::from(*has_reference).to_le_bytes());
        // Below the window, which fits.
        payload.extend((*counted as u16).to_le_bytes());
        payload.extend(leaves.iter().flat_map(Leaf::masses));
        let payload = CopiedPayload::new(payload);
        let kind = Kind::HalfSpaceTrees;
        Box::new(FrozenPieces::new(kind, *fingerprint, payload))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), DetectorError> {
        let mut reader = snapshot::open(bytes, Kind::HalfSpaceTrees, self.fingerprint)?;
        let has_reference = match reader.u16()? {
            0 => false,
            1 => true,
            _ => return Err(damaged("it neither has a reference nor lacks one")),
        };
        let counted = usize::from(reader.u16()?);
        if counted >= self.window {
            return Err(damaged("its window is overdue"));
        }
        let mut leaves = Vec::with_capacity(self.leaves.len());
        for _ in 0..self.leaves.len() {
            leaves.push(Leaf {
                points: 0,
                reference: reader.u16()?,
                count: reader.u16()?,
            });
        }
        reader.end()?;
        let reference = if has_reference { self.window } else { 0 };
        for tree in leaves.chunks_exact(1 << self.planes.height()) {
            let sum =
                |mass: fn(&Leaf) -> u16| tree.iter().map(|leaf| usize::from(mass(leaf))).sum();
            if (reference, counted) != (sum(|leaf| leaf.reference), sum(|leaf| leaf.count)) {
                return Err(damaged("masses do not add up to the window"));
            }
        }
        self.leaves = leaves;
        self.counted = counted;
        self.has_reference = has_reference;
        self.row.is_open = false;
        self.derive();
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + self.scaling.state_bytes()
            + self.leaves.capacity() * size_of::<Leaf>()
            + (self.masses.capacity() + self.row.leaves.capacity()) * size_of::<u16>()
            + size_of::<Positions>()
    }
}
