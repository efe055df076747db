//! What looks up the leaves of one row, and how.

use crate::forest::Precision;
use crate::predict::isa::Isa;
use crate::predict::number::Number;
use crate::predict::search::{Search, Searches};
use crate::predict::walk::{MISSING_CATEGORY, category};

/// Lines that are intersected at once.
pub(super) const LINES: usize = 8;

/// Which leaves are left in each of several trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u64; 8]);

pub(super) const ALL: Line = Line([u64::MAX; 8]);

/// What looks up the leaves of one row.
#[derive(Debug)]
pub(in crate::predict) struct Masks<S> {
    pub(super) input: Precision,
    pub(super) numbers: Vec<NumberInput>,
    /// Their codes are after those of numbers.
    pub(super) categories: Vec<CategoryInput>,
    pub(super) searches: Searches,
    /// What lines of each block are intersected, padded to full [`LINES`].
    pub(super) entries: Vec<Entry>,
    /// End of the entries of each block of trees.
    pub(super) blocks: Vec<u32>,
    /// Position of the line of each code of each entry.
    pub(super) places: Vec<u16>,
    pub(super) lines: Vec<Line>,
    /// Leaves of each tree from left to right, [`Masks::leaf_bits`] slots each.
    pub(super) leaves: Vec<S>,
    /// Bits of a line that a tree has: 16, 32 or 64.
    pub(super) leaf_bits: usize,
}

/// A feature that is compared with bounds. Codes are ranks.
#[derive(Debug)]
pub(super) struct NumberInput {
    pub(super) feature: u32,
    pub(super) search: Search,
    /// Code of a missing value: after the ranks.
    pub(super) missing: u32,
}

/// A feature that is looked up in sets. Codes are categories; `end` stands for those in no set, and
/// missing values come after that.
#[derive(Debug)]
pub(super) struct CategoryInput {
    pub(super) feature: u32,
    pub(super) cut_towards_zero: bool,
    pub(super) end: u32,
}

/// A feature in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) input: u32,
    /// Position of the line of code 0.
    pub(super) first: u32,
}

impl<S: Number> Masks<S> {
    /// `start` and the leaves of one row, added in tree order. `codes` is room to work in.
    #[inline(always)]
    pub(in crate::predict) fn sum<I: Isa>(
        &self,
        isa: I,
        start: S,
        columns: &[&[f64]],
        row: usize,
        codes: &mut Vec<u32>,
    ) -> S {
        // The last is that of fillers.
        codes.clear();
        codes.resize(self.codes() + 1, 0);
        self.encode(isa, columns, row, codes);
        match self.leaf_bits {
            16 => self.sum_leaves::<16>(start, codes),
            32 => self.sum_leaves::<32>(start, codes),
            _ => self.sum_leaves::<64>(start, codes),
        }
    }

    #[inline(always)]
    fn encode<I: Isa>(&self, isa: I, columns: &[&[f64]], row: usize, codes: &mut [u32]) {
        let (numbers, categories) = codes.split_at_mut(self.numbers.len());
        for (code, input) in numbers.iter_mut().zip(&self.numbers) {
            let value = self.input.round(columns[input.feature as usize][row]);
            let rank = self.searches.rank(isa, &input.search, value);
            *code = if value.is_nan() { input.missing } else { rank };
        }
        for (code, input) in categories.iter_mut().zip(&self.categories) {
            let value = self.input.round(columns[input.feature as usize][row]);
            let category = category(value, input.cut_towards_zero);
            let found = category.min(u64::from(input.end)) as u32;
            let is_missing = category == MISSING_CATEGORY;
            *code = if is_missing { input.end + 1 } else { found };
        }
    }

    #[inline(always)]
    fn line(&self, entry: &Entry, codes: &[u32]) -> &Line {
        let place = self.places[(entry.first + codes[entry.input as usize]) as usize];
        &self.lines[place as usize]
    }

    #[inline(always)]
    fn sum_leaves<const LEAVES: usize>(&self, start: S, codes: &[u32]) -> S {
        let leaves = self.leaves.as_chunks::<LEAVES>().0;
        let mut sum = start;
        let mut from = 0;
        for (to, leaves) in self.blocks.iter().zip(leaves.chunks(512 / LEAVES)) {
            let entries = self.entries[from..*to as usize].as_chunks::<LINES>().0;
            from = *to as usize;
            let mut lines = [ALL; LINES];
            for (all, [a, b, c, d, e, f, g, h]) in lines.iter_mut().zip(entries) {
                // One by one, as `map` of an array is a function that is called.
                *all = intersection([
                    self.line(a, codes),
                    self.line(b, codes),
                    self.line(c, codes),
                    self.line(d, codes),
                    self.line(e, codes),
                    self.line(f, codes),
                    self.line(g, codes),
                    self.line(h, codes),
                ]);
            }
            let left = intersection(lines.each_ref());
            sum = add_leaves(sum, &left.0, leaves);
        }
        sum
    }
}

/// What is left in all of `lines`. As many at once, since the compiler keeps a line that it adds to in a
/// loop in scalar registers.
#[inline(always)]
fn intersection(lines: [&Line; LINES]) -> Line {
    let mut all = *lines[0];
    for line in &lines[1..] {
        for (all, line) in all.0.iter_mut().zip(line.0) {
            *all &= line;
        }
    }
    all
}

/// Adds the leaves of a block to `sum`, given which are left. Not inlined, so that what is left is
/// stored as a whole and vectors hold it until then.
#[inline(never)]
fn add_leaves<S: Number, const LEAVES: usize>(
    mut sum: S,
    left: &[u64; 8],
    leaves: &[[S; LEAVES]],
) -> S {
    for (tree, leaves) in leaves.iter().enumerate() {
        let word = left[tree * LEAVES / 64 % 8] >> (tree * LEAVES % 64);
        // The tree's own leaf is among its bits, so others above those do not matter, and one spares
        // asking whether there are any.
        sum += leaves[(word | 1 << 63).trailing_zeros() as usize % LEAVES];
    }
    sum
}
