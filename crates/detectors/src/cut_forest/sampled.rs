//! A tree of a forest, the rows that it holds, and what it draws from.

use std::sync::Arc;

use super::sampler::{Sampler, weight};
use super::tree::Tree;
use crate::error::DetectorError;
use crate::frozen::Pieces;
use crate::random::SplitMix64;
use crate::snapshot::Reader;

/// A tree, the rows it holds, and what it draws from.
#[derive(Debug)]
pub(super) struct Sampled {
    /// Changes with every row, so it is not shared with what is frozen.
    random: SplitMix64,
    /// Shared with what was frozen, until that is written or a row is taken in.
    held: Arc<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    sampler: Sampler,
    tree: Tree,
}

impl Sampled {
    /// A tree without rows, with room for `sample` of them.
    pub(super) fn new(seed: u64, inputs: usize, sample: usize) -> Self {
        Self {
            random: SplitMix64::new(seed),
            held: Arc::new(Held {
                sampler: Sampler::new(sample),
                tree: Tree::new(inputs, sample),
            }),
        }
    }

    #[inline]
    pub(super) fn tree(&self) -> &Tree {
        &self.held.tree
    }

    #[cfg(test)]
    pub(super) fn sampler(&self) -> &Sampler {
        &self.held.sampler
    }

    /// Draws whether `point` is taken in, and gives up another if the sample is full.
    pub(super) fn learn(&mut self, point: &[f32], age: f64, path: &mut Vec<u16>) {
        let weight = weight(self.random.unit(), age);
        if !self.held.sampler.takes(weight) {
            return;
        }
        let Held { sampler, tree } = Arc::make_mut(&mut self.held);
        if let Some(leaf) = sampler.evict() {
            tree.remove(leaf, path);
        }
        let leaf = tree.insert(point, &mut self.random, path);
        sampler.add(weight, leaf);
    }

    pub(super) fn state_bytes(&self) -> usize {
        let Held { sampler, tree } = &*self.held;
        size_of::<Held>() + sampler.state_bytes() + tree.state_bytes()
    }

    /// Reads a tree of `rows` rows.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        inputs: usize,
        sample: usize,
        rows: usize,
    ) -> Result<Self, DetectorError> {
        let random = SplitMix64::new(reader.u64()?);
        let (sampler, copies) = Sampler::read(reader, sample, rows)?;
        let tree = Tree::read(reader, inputs, sample, &copies)?;
        Ok(Self {
            random,
            held: Arc::new(Held { sampler, tree }),
        })
    }
}

impl Clone for Sampled {
    /// A copy of its own: whoever learns with it must not pay for it at its first row.
    fn clone(&self) -> Self {
        Self {
            random: self.random.clone(),
            held: Arc::new(Held::clone(&self.held)),
        }
    }
}

/// The trees of a forest as they were, which are let go one by one as they are written.
#[derive(Debug)]
pub(super) struct FrozenTrees {
    /// Rows learnt, until that is written.
    learnt: Option<u64>,
    trees: std::vec::IntoIter<(SplitMix64, Arc<Held>)>,
}

impl FrozenTrees {
    pub(super) fn new(learnt: u64, trees: &[Sampled]) -> Self {
        let shared = |sampled: &Sampled| {
            let Sampled { random, held } = sampled;
            (random.clone(), Arc::clone(held))
        };
        let trees: Vec<_> = trees.iter().map(shared).collect();
        Self {
            learnt: Some(learnt),
            trees: trees.into_iter(),
        }
    }
}

impl Pieces for FrozenTrees {
    fn append_next(&mut self, out: &mut Vec<u8>, _: usize) -> bool {
        if let Some(learnt) = self.learnt.take() {
            out.extend(learnt.to_le_bytes());
        }
        if let Some((random, held)) = self.trees.next() {
            let Held { sampler, tree } = &*held;
            out.extend(random.state.to_le_bytes());
            sampler.write(&tree.leaf_order(), out);
            tree.write(out);
        }
        self.trees.len() == 0
    }
}
