//! Trees as flat arrays of nodes, walked eight at a time.

/// Rows gathered at a time: a block of 25 inputs stays in the first-level cache beside a tree.
pub(super) const BLOCK_ROWS: usize = 64;

/// Walks in lockstep: a step waits for memory and comparison, eight of them overlap.
const LANES: usize = 8;

/// Values this near zero are missing where zero is. `kZeroThreshold` of LightGBM, a float.
const ZERO_THRESHOLD: f64 = 1e-35_f32 as f64;

/// How a node decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Split {
    /// Right if value > threshold; NaN goes where `nan_right` says.
    Number,
    /// The same, but what is nearly zero or NaN goes where `nan_right` says.
    NumberOrZero,
    /// Left if the value, cut to an integer, is in the bitset.
    Category,
}

/// A node or, at the end of a walk, a leaf: its children are itself and its threshold is its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Threshold, value of a leaf, or index of a bitset.
    pub(super) threshold: f64,
    /// Left, right: index of a node of the same model.
    pub(super) children: [u32; 2],
    /// Below the number of features.
    pub(super) feature: u32,
    pub(super) split: Split,
    pub(super) nan_right: bool,
}

/// All trees of a model.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// Children stand after their parents, except that a leaf is its own child: every walk ends.
    pub(super) nodes: Vec<Node>,
    /// Root of each tree, in order.
    pub(super) roots: Vec<u32>,
    /// Value of each node, for contributions.
    pub(super) values: Vec<f64>,
    /// Words of every bitset.
    pub(super) bits: Vec<u32>,
    /// Bitset `i` is `bits[ends[i]..ends[i + 1]]`.
    pub(super) ends: Vec<u32>,
    pub(super) features: usize,
    /// Whether every split is a [`Split::Number`].
    pub(super) numbers_only: bool,
}

impl Trees {
    /// Number of trees.
    pub(super) fn count(&self) -> usize {
        self.roots.len()
    }

    /// Adds the leaves of every row, in tree order. `rows` is row-major, `width` values a row.
    pub(super) fn sum(&self, rows: &[f64], width: usize, sums: &mut [f64]) {
        if width == 0 {
            // Without features every tree is one leaf.
            for root in &self.roots {
                sums.iter_mut()
                    .for_each(|sum| *sum += self.nodes[*root as usize].threshold);
            }
            return;
        }
        let whole = sums.len() / LANES * LANES;
        for root in &self.roots {
            for (group, sums) in sums[..whole].chunks_exact_mut(LANES).enumerate() {
                let at = |lane: usize| &rows[(group * LANES + lane) * width..][..width];
                let leaves = self.walk([*root; LANES], std::array::from_fn(at));
                for (sum, leaf) in sums.iter_mut().zip(leaves) {
                    *sum += self.nodes[leaf as usize].threshold;
                }
            }
        }
        for (position, sum) in sums.iter_mut().enumerate().skip(whole) {
            let row = &rows[position * width..][..width];
            let mut groups = self.roots.chunks_exact(LANES);
            for roots in groups.by_ref() {
                let leaves = self.walk(std::array::from_fn(|lane| roots[lane]), [row; LANES]);
                for leaf in leaves {
                    *sum += self.nodes[leaf as usize].threshold;
                }
            }
            for root in groups.remainder() {
                *sum += self.nodes[self.leaf(*root, row) as usize].threshold;
            }
        }
    }

    #[inline(always)]
    fn walk(&self, at: [u32; LANES], rows: [&[f64]; LANES]) -> [u32; LANES] {
        if self.numbers_only {
            walk(&self.nodes, at, rows, |node, value| {
                (value > node.threshold) | (value.is_nan() & node.nan_right)
            })
        } else {
            walk(&self.nodes, at, rows, |node, value| {
                self.goes_right(node, value)
            })
        }
    }

    fn leaf(&self, root: u32, row: &[f64]) -> u32 {
        let mut at = root;
        loop {
            let node = &self.nodes[at as usize];
            let right = self.goes_right(node, row[node.feature as usize]);
            let next = node.children[usize::from(right)];
            if next == at {
                return at;
            }
            at = next;
        }
    }

    /// `NumericalDecision` and `CategoricalDecision` of LightGBM's `tree.h`.
    fn goes_right(&self, node: &Node, value: f64) -> bool {
        match node.split {
            Split::NumberOrZero if (-ZERO_THRESHOLD..=ZERO_THRESHOLD).contains(&value) => {
                node.nan_right
            }
            Split::Number | Split::NumberOrZero => {
                (value > node.threshold) | (value.is_nan() & node.nan_right)
            }
            Split::Category => !self.contains(node.threshold as usize, value),
        }
    }

    /// Whether bitset `set` has `value`. NaN and negative values are in none.
    fn contains(&self, set: usize, value: f64) -> bool {
        // Cut towards zero: −0.5 is category 0. Saturates, far past any bitset.
        let category = value as i32;
        let Some([from, to]) = self.ends.get(set..set + 2) else {
            return false;
        };
        let words = &self.bits[*from as usize..*to as usize];
        match usize::try_from(category) {
            Ok(category) if !value.is_nan() => words
                .get(category / 32)
                .is_some_and(|word| word >> (category % 32) & 1 == 1),
            _ => false,
        }
    }

    /// The share of each feature in a row's score, into `shares`.
    pub(super) fn contributions(&self, row: &[f64], shares: &mut Vec<f64>) {
        shares.clear();
        shares.resize(self.features, 0.0);
        for root in &self.roots {
            let mut at = *root;
            while let Some(node) = self.nodes.get(at as usize) {
                let value = row.get(node.feature as usize).copied().unwrap_or(f64::NAN);
                let next = node.children[usize::from(self.goes_right(node, value))];
                if next == at {
                    break;
                }
                shares[node.feature as usize] +=
                    self.values[next as usize] - self.values[at as usize];
                at = next;
            }
        }
    }
}

/// Walks each lane from its node down to a leaf.
#[inline(always)]
fn walk(
    nodes: &[Node],
    mut at: [u32; LANES],
    rows: [&[f64]; LANES],
    goes_right: impl Fn(&Node, f64) -> bool,
) -> [u32; LANES] {
    loop {
        let mut moved = 0;
        for lane in 0..LANES {
            let node = &nodes[at[lane] as usize];
            let right = goes_right(node, rows[lane][node.feature as usize]);
            let next = node.children[usize::from(right)];
            moved |= next ^ at[lane];
            at[lane] = next;
        }
        if moved == 0 {
            return at;
        }
    }
}
