//! What is counted in the leaves of half-space trees, and what follows from it.

/// A leaf in eight bytes, since every row touches one of every tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leaf {
    /// What a way that ends here earns.
    pub(super) points: u32,
    /// Rows of the last whole window.
    pub(super) reference: u16,
    /// Rows of this window so far.
    pub(super) count: u16,
}

impl Leaf {
    /// What was counted; the points follow from it.
    pub(super) fn masses(&self) -> [u8; 4] {
        let Self {
            points: _,
            reference,
            count,
        } = self;
        let masses = u32::from(*reference) | u32::from(*count) << u16::BITS;
        masses.to_le_bytes()
    }
}

/// What a way has earned down to a node, itself included.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Earned {
    points: u32,
    /// 1 if the way goes on, 0 if it has ended: a factor of what comes, where a condition would be
    /// guessed wrong.
    goes_on: u32,
}

/// Masses of one tree's inner nodes from those of its leaves.
pub(super) fn sum_up(leaves: &[Leaf], masses: &mut [u16]) {
    let width = leaves.len();
    for node in (1..width).rev() {
        // At most the window, which fits.
        masses[node] = match (2 * node).checked_sub(width) {
            Some(left) => leaves[left].reference + leaves[left + 1].reference,
            None => masses[2 * node] + masses[2 * node + 1],
        };
    }
}

/// What the way to every leaf of one tree earns; `earned` is scratch with an entry per node.
pub(super) fn earn(leaves: &mut [Leaf], masses: &[u16], least: u16, earned: &mut [Earned]) {
    let width = leaves.len();
    earned[0] = Earned {
        points: 0,
        goes_on: 1,
    };
    for depth in 0..width.ilog2() {
        for node in 1 << depth..2 << depth {
            let above = earned[node / 2];
            earned[node] = Earned {
                points: above.points + above.goes_on * (u32::from(masses[node]) << depth),
                goes_on: above.goes_on & u32::from(masses[node] >= least),
            };
        }
    }
    for (leaves, above) in leaves
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(&earned[width / 2..])
    {
        for leaf in leaves {
            let mass = u32::from(leaf.reference);
            leaf.points = above.points + above.goes_on * mass * width as u32;
        }
    }
}
