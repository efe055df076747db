//! Trees as nodes of four bytes, and the codes of a row that nodes compare.

/// Walks in lockstep.
pub(super) const WALKS: usize = 64;

/// Columns at most: what a byte names.
pub(super) const COLUMNS_MAX: usize = 256;

/// Codes of a row by column.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Codes(pub(super) [u8; COLUMNS_MAX]);

impl Default for Codes {
    fn default() -> Self {
        Self([0; COLUMNS_MAX])
    }
}

/// No code is above this.
const ABOVE_ALL: u32 = 255;

/// Walks of one set of registers where they are loops.
const LANES: usize = 8;

/// Nodes and leaves of trees, and where each tree begins.
///
/// Invariant: in a tree whose first slot is `first` of as many as `count`, every slot's left child is less
/// than `count`, and `first + count` is less than the number of all slots. As trees stand one after the
/// other, what is reached from a root by `root + left` or one more, however often, is a slot.
#[derive(Debug)]
pub(super) struct Nodes {
    /// From the highest bits on: eight of a column, eight of a code, 16 of the left child's slot, counted
    /// from the tree's first. A row whose code in the column is greater goes to the slot after that.
    /// Leaves lead to themselves. The last slot belongs to no tree.
    slots: Vec<u32>,
    /// First slot of each tree, the last repeated to a whole group.
    roots: Vec<[u32; WALKS]>,
}

/// What stands in a slot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Slot {
    #[default]
    Leaf,
    Node {
        column: u8,
        code: u8,
        left: u16,
    },
}

impl Nodes {
    /// Joins trees, each of at least one slot and of fewer than 2^16.
    pub(super) fn new<'a>(trees: impl Iterator<Item = &'a [Slot]>) -> Self {
        let mut slots = Vec::new();
        let mut roots = Vec::new();
        for tree in trees {
            roots.push(slots.len() as u32);
            let last = tree.len().saturating_sub(1).min(usize::from(u16::MAX)) as u32;
            for (position, slot) in tree.iter().enumerate() {
                let (upper, left) = match *slot {
                    Slot::Leaf => (ABOVE_ALL << 16, position as u32),
                    Slot::Node { column, code, left } => {
                        let test = u32::from(column) << 24 | u32::from(code) << 16;
                        (test, u32::from(left))
                    }
                };
                debug_assert!(left <= last, "children are slots of the tree");
                slots.push(upper | left.min(last));
            }
        }
        slots.push(ABOVE_ALL << 16);
        let last = roots.last().copied().unwrap_or_default();
        roots.resize(roots.len().next_multiple_of(WALKS), last);
        Self {
            slots,
            roots: roots.as_chunks().0.to_vec(),
        }
    }

    /// See the invariant; only vectors look at them directly. Fewer than 2^31, as forests are
    /// limited to fewer nodes.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// First slots of the trees of each group.
    pub(super) fn roots(&self) -> &[[u32; WALKS]] {
        &self.roots
    }

    /// Walks from the roots of a group to leaves, and writes their slots.
    #[inline(always)]
    pub(super) fn walk(&self, group: usize, codes: &Codes, ends: &mut [u32; WALKS]) {
        let roots = self.roots[group].as_chunks::<LANES>().0;
        for (roots, ends) in roots.iter().zip(ends.as_chunks_mut::<LANES>().0) {
            let mut at = *roots;
            loop {
                let mut moved = 0;
                for (at, root) in at.iter_mut().zip(roots) {
                    let slot = self.slots[*at as usize];
                    let code = u32::from(codes.0[(slot >> 24) as usize]);
                    let right = u32::from(code > (slot >> 16 & 0xff));
                    let next = root + (slot & 0xffff) + right;
                    moved |= next ^ *at;
                    *at = next;
                }
                if moved == 0 {
                    break;
                }
            }
            *ends = at;
        }
    }
}
