//! Which rows a tree keeps: weighted sampling without replacement (Efraimidis and Spirakis 2006),
//! where the weight of a row is e^(decay × its number).

use super::room::clone_with_room;
use crate::error::DetectorError;
use crate::snapshot::{Reader, damaged};

/// A binary heap with the row that is to go first on top.
#[derive(Debug)]
pub(super) struct Sampler {
    capacity: usize,
    heap: Vec<Kept>,
}

/// A row in the sample.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Rows of the largest weights stay.
    weight: f64,
    /// Where it is in the tree.
    leaf: u16,
}

/// The weight of a row of which `age`, its number times the decay, is known, by a random number
/// between 0 and 1: the logarithm of the key u^(1 / e^age), with its sign and order kept. It grows
/// evenly with age, where the key itself would soon be 1.
pub(super) fn weight(unit: f64, age: f64) -> f64 {
    age - libm::log(-libm::log(unit))
}

impl Clone for Sampler {
    fn clone(&self) -> Self {
        Self {
            capacity: self.capacity,
            heap: clone_with_room(&self.heap),
        }
    }
}

impl Sampler {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            heap: Vec::with_capacity(capacity),
        }
    }

    /// Whether a row of that weight comes in.
    #[inline]
    pub(super) fn takes(&self, weight: f64) -> bool {
        self.heap.len() < self.capacity
            || self.heap.first().is_some_and(|least| weight > least.weight)
    }

    /// Makes room for one row: the leaf of the row that goes, if there is no room.
    pub(super) fn evict(&mut self) -> Option<u16> {
        if self.heap.len() < self.capacity {
            return None;
        }
        let least = self.heap.swap_remove(0);
        self.sift_down();
        Some(least.leaf)
    }

    /// Takes a row in; there is room for it.
    pub(super) fn add(&mut self, weight: f64, leaf: u16) {
        debug_assert!(self.heap.len() < self.capacity, "somebody has made room");
        let mut at = self.heap.len();
        self.heap.push(Kept { weight, leaf });
        while at > 0 && self.heap[at].weight < self.heap[(at - 1) / 2].weight {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sift_down(&mut self) {
        let mut at = 0;
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.heap[child].weight < self.heap[least].weight {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Writes the sample; `order` has the number of each leaf in the written tree.
    pub(super) fn write(&self, order: &[u16], out: &mut Vec<u8>) {
        let Self {
            heap,
            // A setting.
            capacity: _,
        } = self;
        for Kept { weight, leaf } in heap {
            out.extend(weight.to_le_bytes());
            out.extend(order[usize::from(*leaf)].to_le_bytes());
        }
    }

    /// Reads a sample of `rows` rows, with how many of them are in each leaf.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        capacity: usize,
        rows: usize,
    ) -> Result<(Self, Vec<u16>), DetectorError> {
        let mut sampler = Self::new(capacity);
        let mut copies = vec![0_u16; rows];
        for number in 0..rows {
            let weight = reader.f64()?;
            let leaf = reader.u16()?;
            let above = number
                .checked_sub(1)
                .map(|below| sampler.heap[below / 2].weight);
            if !weight.is_finite() || above.is_some_and(|above| weight < above) {
                return Err(damaged("a sample's weights are not in order"));
            }
            let Some(copies) = copies.get_mut(usize::from(leaf)) else {
                return Err(damaged("a row of a sample is in no leaf"));
            };
            *copies += 1;
            sampler.heap.push(Kept { weight, leaf });
        }
        let leaves = copies.iter().take_while(|copies| **copies > 0).count();
        if copies[leaves..].iter().any(|copies| *copies > 0) {
            return Err(damaged("a leaf is without rows"));
        }
        copies.truncate(leaves);
        Ok((sampler, copies))
    }

    pub(super) fn state_bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Kept>()
    }

    /// Leaves of all rows.
    #[cfg(test)]
    pub(super) fn leaves(&self) -> impl Iterator<Item = u16> {
        self.heap.iter().map(|kept| kept.leaf)
    }
}
