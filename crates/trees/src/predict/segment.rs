//! What blocks do for some trees, as data; see the parent module.

use crate::predict::bits::LeafTables;
use crate::predict::number::Number;

/// Leaves of a tree that is evaluated whole. Deciding at 1,023 nodes for 256 rows costs about as much
/// as ten steps down for each of them.
pub(super) const LEAVES_MAX: usize = 1024;

/// Trees in a row, and the conditions that they share.
#[derive(Debug, Default)]
pub(super) struct Segment<S> {
    pub(super) comparisons: Vec<Comparison>,
    /// Codes that comparisons compare with.
    pub(super) codes: Vec<i8>,
    pub(super) unions: Vec<Union>,
    /// Rows that unions name.
    pub(super) members: Vec<u16>,
    pub(super) steps: Vec<Step>,
    pub(super) selections: Vec<Selection>,
    /// Rows of leaf numbers, lowest bit first, that steps name.
    pub(super) planes: Vec<u16>,
    pub(super) leaves: Vec<S>,
    /// See [`LeafTables::bytes`]; as long as the bytes of all leaves, or empty.
    leaf_bytes: Vec<u8>,
}

/// Comparisons of a column with one code after the other, into one row after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    pub(super) column: usize,
    /// Whether it asks for the code itself, not for one above.
    pub(super) equal: bool,
    pub(super) first_row: u16,
    /// First of the codes, and end.
    pub(super) codes: (u32, u32),
}

/// A row that has the bits of any of several rows, or the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Union {
    pub(super) to: u16,
    pub(super) inverted: bool,
    /// First of the members, and end.
    pub(super) members: (u32, u32),
}

/// Row `to` becomes `right` where `condition` is set and `left` where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) to: u16,
    pub(super) condition: u16,
    pub(super) right: u16,
    pub(super) left: u16,
}

/// One tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Position of the tree.
    pub(super) tree: usize,
    /// Whether it is walked; the rest is empty then.
    pub(super) walked: bool,
    /// First of the selections, and end.
    pub(super) selections: (u32, u32),
    /// First of the planes.
    pub(super) first_plane: u32,
    /// Number of planes: bits of a leaf's number.
    pub(super) bits: usize,
    /// First of its leaves. There are [`leaf_slots`] of them.
    pub(super) first_leaf: u32,
}

/// Slots for leaves with numbers of this many bits: sizes that lookups are compiled for.
pub(super) fn leaf_slots(bits: usize) -> usize {
    1 << bits.max(6)
}

impl<S: Number> Segment<S> {
    /// Leaves of a tree that is not walked, by number.
    pub(super) fn leaves_of(&self, step: &Step) -> LeafTables<'_, S> {
        let (first, slots) = (step.first_leaf as usize, leaf_slots(step.bits));
        let end = (first + slots).min(self.leaf_bytes.len() / size_of::<S>());
        LeafTables {
            values: &self.leaves[first..][..slots],
            bytes: &self.leaf_bytes[first.min(end) * size_of::<S>()..end * size_of::<S>()],
        }
    }

    /// Writes leaves byte by byte.
    pub(super) fn slice_leaves(&mut self) {
        for step in self.steps.iter().filter(|step| !step.walked) {
            let leaves = &self.leaves[step.first_leaf as usize..][..leaf_slots(step.bits)];
            for byte in 0..size_of::<S>() {
                let bytes = leaves.iter().map(|leaf| (leaf.bits() >> (8 * byte)) as u8);
                self.leaf_bytes.extend(bytes);
            }
        }
    }
}
