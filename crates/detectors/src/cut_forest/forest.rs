//! The forest: trees with what each draws from, as one detector.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::attribution::Side;
use super::boxes::LANES;
use super::sampled::{FrozenTrees, Sampled};
use crate::detector::{Detector, Frozen};
use crate::error::{DetectorError, at_most, within};
use crate::frozen::FrozenPieces;
use crate::limits::{NUMBERS_MAX, SAMPLE_MAX, TIME_DECAY_MAX, TREES_MAX};
use crate::random::{Fingerprint, SplitMix64};
use crate::scaling::{Input, Scaling};
use crate::snapshot::{self, Kind, damaged};

/// The time decay is this divided by the size of a sample, unless it is set: AWS's default.
const TIME_DECAY_BY_SAMPLE: f64 = 0.1;

/// Rows that a forest can have seen: beyond, a row more would no longer change the weight of the
/// next, and long before that no stream is.
const ROWS_MAX: u64 = 1 << 48;

/// Settings of a random cut forest, as a model file gives them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutForestSettings {
    /// What samples and cuts are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// How many trees.
    #[serde(default = "default_trees")]
    pub trees: usize,
    /// Rows that a tree keeps.
    #[serde(default = "default_sample")]
    pub sample: usize,
    /// How fast rows are forgotten: that many rows later, the odds of being in a sample are 1 / e
    /// of what they were, is 1 divided by this. 0.1 / `sample` unless given; with 0 all rows are
    /// alike.
    #[serde(default)]
    pub time_decay: Option<f64>,
    /// The inputs, in the order of a row's values.
    pub inputs: Vec<Input>,
}

fn default_trees() -> usize {
    50
}

fn default_sample() -> usize {
    256
}

/// A random cut forest with the rows that it keeps.
///
/// AWS's score is the mean over trees, times log2(1 + rows in a tree), of a row's score in a tree,
/// which mixes 1 / (depth + 1) over the nodes on the row's way with the probability that a cut of
/// the node's box would separate it there. It is about 1 for usual rows, more for unusual ones, and
/// unbounded in principle; what [`Detector::score`] returns is 1 − 2^(−score), which keeps the
/// order. It is 0 before the first row.
///
/// Attribution divides each of those probabilities among the inputs by how far the row sticks out
/// of the box in each, so it says what the row is unusual by. The numbers are at least 0 and add up
/// to AWS's score, −log2(1 − anomaly). For a row that a tree holds already they are found as if the
/// tree did not, then scaled to the score.
#[derive(Debug, Clone)]
pub struct RandomCutForest {
    scaling: Scaling,
    seed: u64,
    sample: usize,
    time_decay: f64,
    trees: Vec<Sampled>,
    /// Rows learnt.
    learnt: u64,
    row: Row,
    /// Scratch: the way of a row down a tree.
    path: Vec<u16>,
}

/// The row that was scored last.
#[derive(Debug, Clone)]
struct Row {
    /// With zeros behind, to a multiple of [`LANES`].
    point: Vec<f32>,
    /// Whether it is still to be learnt.
    is_open: bool,
}

impl RandomCutForest {
    /// A forest that has seen nothing.
    ///
    /// # Errors
    /// Refuses settings outside the limits and inputs without extent.
    pub fn from_settings(settings: &CutForestSettings) -> Result<Self, DetectorError> {
        let CutForestSettings {
            seed,
            trees,
            sample,
            time_decay,
            ref inputs,
        } = *settings;
        within("trees", trees as f64, 1.0, TREES_MAX as f64)?;
        within("sample", sample as f64, 2.0, SAMPLE_MAX as f64)?;
        let time_decay = time_decay.unwrap_or(TIME_DECAY_BY_SAMPLE / sample as f64);
        within("time_decay", time_decay, 0.0, TIME_DECAY_MAX)?;
        let scaling = Scaling::new(inputs)?;
        let lanes = scaling.inputs().next_multiple_of(LANES);
        at_most("numbers", trees * sample * lanes, NUMBERS_MAX)?;
        let mut seeds = SplitMix64::new(seed);
        let empty = |_| Sampled::new(seeds.next(), scaling.inputs(), sample);
        Ok(Self {
            seed,
            sample,
            time_decay,
            trees: (0..trees).map(empty).collect(),
            learnt: 0,
            row: Row {
                point: vec![0.0; lanes],
                is_open: false,
            },
            path: Vec::with_capacity(sample),
            scaling,
        })
    }

    /// What each input contributed to the score of the row that was scored and not yet learnt, as
    /// [`Detector::attribution`] says it, in two parts: `below` for being less than what is known,
    /// `above` for being more.
    pub fn sides(&self, below: &mut [f64], above: &mut [f64]) {
        below.fill(0.0);
        above.fill(0.0);
        if !self.row.is_open {
            return;
        }
        let factor = self.normalizer() / self.trees.len() as f64;
        let mut path = Vec::with_capacity(self.sample);
        let mut sides = vec![Side::default(); self.scaling.inputs()];
        for sampled in &self.trees {
            let tree = sampled.tree();
            tree.attribute(&self.row.point, &mut path, &mut sides);
            for ((side, below), above) in sides.iter().zip(&mut *below).zip(&mut *above) {
                *below += factor * side.below;
                *above += factor * side.above;
            }
        }
    }

    /// What makes scores of trees of different sizes alike. All trees hold as many rows: they take
    /// in every one until they are full.
    fn normalizer(&self) -> f64 {
        libm::log2(1.0 + self.rows_held() as f64)
    }

    fn rows_held(&self) -> usize {
        usize::try_from(self.learnt).map_or(self.sample, |learnt| learnt.min(self.sample))
    }

    /// What identifies the meaning of a state. The seed is part of it, although what is drawn
    /// follows from the state alone: another seed is another model.
    fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::new();
        self.scaling.add_to(&mut fingerprint);
        fingerprint.add(self.seed);
        fingerprint.add(self.trees.len() as u64);
        fingerprint.add(self.sample as u64);
        fingerprint.add(self.time_decay.to_bits());
        fingerprint.finish()
    }
}

impl Detector for RandomCutForest {
    fn inputs(&self) -> usize {
        self.scaling.inputs()
    }

    fn score(&mut self, row: &[f64]) -> f64 {
        let positions = self.scaling.positions(row);
        for (to, position) in self.row.point.iter_mut().zip(positions) {
            *to = position as f32;
        }
        self.row.is_open = true;
        let mut sum = 0.0;
        for sampled in &self.trees {
            sum += sampled.tree().score(&self.row.point, &mut self.path);
        }
        let score = sum / self.trees.len() as f64 * self.normalizer();
        1.0 - libm::exp2(-score)
    }

    fn attribution(&self, out: &mut [f64]) {
        let mut above = vec![0.0; out.len()];
        self.sides(out, &mut above);
        out.iter_mut()
            .zip(above)
            .for_each(|(out, above)| *out += above);
    }

    fn learn(&mut self) {
        if !std::mem::take(&mut self.row.is_open) {
            return;
        }
        let age = self.learnt as f64 * self.time_decay;
        for tree in &mut self.trees {
            tree.learn(&self.row.point, age, &mut self.path);
        }
        self.learnt += 1;
    }

    fn is_warm(&self) -> bool {
        self.rows_held() == self.sample
    }

    /// Copies no tree: one that takes a row in before it is written is copied then.
    fn freeze(&self) -> Box<dyn Frozen> {
        let Self {
            trees,
            learnt,
            // What identifies the forest is in the fingerprint.
            scaling: _,
            seed: _,
            sample: _,
            time_decay: _,
            // Not learnt yet.
            row: _,
            // Scratch.
            path: _,
        } = self;
        let trees = FrozenTrees::new(*learnt, trees);
        let kind = Kind::RandomCutForest;
        Box::new(FrozenPieces::new(kind, self.fingerprint(), trees))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), DetectorError> {
        let mut reader = snapshot::open(bytes, Kind::RandomCutForest, self.fingerprint())?;
        let learnt = reader.u64()?;
        if learnt > ROWS_MAX {
            return Err(damaged("it has seen more rows than there are"));
        }
        let rows = usize::try_from(learnt).map_or(self.sample, |learnt| learnt.min(self.sample));
        let mut trees = Vec::with_capacity(self.trees.len());
        for _ in 0..self.trees.len() {
            let inputs = self.scaling.inputs();
            trees.push(Sampled::read(&mut reader, inputs, self.sample, rows)?);
        }
        reader.end()?;
        self.trees = trees;
        self.learnt = learnt;
        self.row.is_open = false;
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let trees = self.trees.iter();
        let trees = trees.map(Sampled::state_bytes);
        size_of::<Self>()
            + self.scaling.state_bytes()
            + self.trees.capacity() * size_of::<Sampled>()
            + trees.sum::<usize>()
            + self.row.point.capacity() * size_of::<f32>()
            + self.path.capacity() * size_of::<u16>()
    }
}
