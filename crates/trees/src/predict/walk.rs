//! Walks down trees, several in lockstep: a step waits for memory and a comparison, and those of other
//! walks pass meanwhile. For batches too small to fill a block, and for trees too large for one.

use crate::forest::{Forest, Precision};
use crate::predict::columns::lowered;
use crate::predict::number::Number;
use crate::tree::{Child, Node, Test, Tree, ZERO_BOUND};

/// Walks in lockstep.
pub(super) const GROUP: usize = 8;

/// Columns of leaves: nothing is below the one, and the other is not comparable.
const LEAST_COLUMN: u16 = 0;
const NAN_COLUMN: u16 = 1;

/// Exponent of 1: what carries integers in its low bits is a number without odd properties.
const CARRIER: u64 = 0x3ff << 52;

/// A missing category, and one that is in no set.
pub(super) const MISSING_CATEGORY: u64 = u32::MAX as u64;
const OTHER_CATEGORY: u64 = MISSING_CATEGORY - 1;

/// Where the parts of a set's description are: position of its first word, number of words, where
/// members and missing values go. Both fit by `CATEGORY_WORDS_MAX`.
const SET_WORDS_SHIFT: u32 = 24;
const SET_WORD_BITS: u64 = (1 << 24) - 1;
const MEMBERS_LEFT: u64 = 1 << 48;
const MISSING_LEFT: u64 = 1 << 49;

/// All trees of a forest, to be walked.
#[derive(Debug)]
pub(super) struct Walker<T> {
    slots: Vec<Slot<T>>,
    /// First slot of each tree, and of a tree after the last.
    roots: Vec<u32>,
    columns: Vec<Column>,
    /// Columns from here on hold categories.
    first_category: u16,
    /// Words of all sets; the first is empty.
    words: Vec<u64>,
    input: Precision,
}

/// A node: left if the column's value is at most `bound`. Or a leaf, which leads to itself, and whose
/// value is `bound`.
#[derive(Debug, Clone, Copy)]
struct Slot<T> {
    bound: T,
    column: u16,
    /// Half the distance of the left child from the root; the right one stands beside it.
    pair: u16,
}

/// A value that nodes look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Least,
    Nan,
    /// The feature's value; the least number or NaN if it is missing.
    Value {
        feature: u32,
        missing_left: bool,
        zero_is_missing: bool,
    },
    /// The least number if the feature's value is missing, otherwise NaN.
    IsMissing {
        feature: u32,
        zero_is_missing: bool,
    },
    /// The feature's category in the low bits.
    Category {
        feature: u32,
        cut_towards_zero: bool,
    },
}

impl<T: Number> Walker<T> {
    /// A walker for all trees of `forest`. `T` may be single if the forest's values and leaves are, and
    /// no node looks up a set.
    pub(super) fn new(forest: &Forest) -> Self {
        let mut columns = vec![Column::Least, Column::Nan];
        let mut places: Vec<Vec<(Column, u16)>> = vec![Vec::new(); forest.features().len()];
        for node in forest.trees().iter().flat_map(Tree::nodes) {
            let column = Column::of(node);
            let places = &mut places[node.feature as usize];
            if places.iter().all(|(other, _)| *other != column) {
                places.push((column, 0));
                columns.push(column);
            }
        }
        // In order, which puts categories last.
        columns.sort_unstable();
        for (column, place) in places.iter_mut().flatten() {
            *place = columns.partition_point(|other| other < column) as u16;
        }
        let is_category = |column: &Column| matches!(column, Column::Category { .. });
        let mut walker = Self {
            slots: Vec::new(),
            roots: vec![0],
            first_category: columns.partition_point(|column| !is_category(column)) as u16,
            columns,
            words: vec![0],
            input: forest.input(),
        };
        for tree in forest.trees() {
            walker.add(tree, &places);
            walker.roots.push(walker.slots.len() as u32);
        }
        walker
    }

    fn add(&mut self, tree: &Tree, places: &[Vec<(Column, u16)>]) {
        let first_words: Vec<u64> = (tree.sets().iter())
            .map(|set| {
                let first = self.words.len() as u64;
                self.words.extend(set.words());
                first | (set.words().len() as u64) << SET_WORDS_SHIFT
            })
            .collect();
        let place = |node: &Node| {
            let column = Column::of(node);
            let mut places = places[node.feature as usize].iter();
            let place = places.find(|(other, _)| *other == column);
            place.map_or(NAN_COLUMN, |(_, place)| *place)
        };
        let node_slot = |position: usize| Slot {
            bound: self.bound(&tree.nodes()[position], &first_words),
            column: place(&tree.nodes()[position]),
            pair: (position + 1) as u16,
        };
        let slot = |child, side: usize, pair: usize| match child {
            Child::Node(node) => node_slot(node as usize),
            Child::Leaf(leaf) => Slot {
                bound: T::of(tree.leaves()[leaf as usize].value),
                column: [LEAST_COLUMN, NAN_COLUMN][side],
                pair: pair as u16,
            },
        };
        let root = match tree.nodes().is_empty() {
            true => Child::Leaf(0),
            false => Child::Node(0),
        };
        // The root has no sibling; a slot that nothing leads to stands in for it.
        let mut slots = vec![slot(root, 0, 0), slot(Child::Leaf(0), 1, 0)];
        for (position, node) in tree.nodes().iter().enumerate() {
            slots.push(slot(node.left, 0, position + 1));
            slots.push(slot(node.right, 1, position + 1));
        }
        self.slots.extend(slots);
    }

    fn bound(&self, node: &Node, first_words: &[u64]) -> T {
        match node.test {
            Test::AtMost {
                bound,
                missing_left: true,
                ..
            } if bound.is_nan() => T::LEAST,
            Test::AtMost { bound, .. } => T::of(lowered(bound, self.input)),
            Test::OneOf {
                set,
                members_left,
                missing_left,
                ..
            } => {
                let members = if members_left { MEMBERS_LEFT } else { 0 };
                let missing = if missing_left { MISSING_LEFT } else { 0 };
                T::of_bits(CARRIER | first_words[set as usize] | members | missing)
            }
        }
    }

    /// `start` and the leaves of one row, added in tree order. `values` is room to work in.
    #[inline(always)]
    pub(super) fn sum<S: Number>(
        &self,
        start: S,
        columns: &[&[f64]],
        row: usize,
        values: &mut Vec<T>,
    ) -> S {
        values.resize(self.width(), T::NAN);
        self.fill(columns, row, values);
        let mut sum = start;
        for first in (0..self.trees()).step_by(GROUP) {
            let leaves = self.leaves_of_trees(first, values);
            for leaf in &leaves[..GROUP.min(self.trees() - first)] {
                sum += S::of(leaf.double());
            }
        }
        sum
    }

    /// Number of trees.
    fn trees(&self) -> usize {
        self.roots.len() - 1
    }

    /// Number of values of a row.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Writes what nodes look at in a row.
    #[inline(always)]
    pub(super) fn fill(&self, columns: &[&[f64]], row: usize, values: &mut [T]) {
        let value = |feature: u32| self.input.round(columns[feature as usize][row]);
        for (column, slot) in self.columns.iter().zip(values) {
            *slot = match *column {
                Column::Least => T::LEAST,
                Column::Nan => T::NAN,
                Column::Value {
                    feature,
                    missing_left,
                    zero_is_missing,
                } => {
                    let value = value(feature);
                    let missing = value.is_nan() | (zero_is_missing & (value.abs() <= ZERO_BOUND));
                    let instead = if missing_left { T::LEAST } else { T::NAN };
                    if missing { instead } else { T::of(value) }
                }
                Column::IsMissing {
                    feature,
                    zero_is_missing,
                } => {
                    let value = value(feature);
                    let missing = value.is_nan() | (zero_is_missing & (value.abs() <= ZERO_BOUND));
                    if missing { T::LEAST } else { T::NAN }
                }
                Column::Category {
                    feature,
                    cut_towards_zero,
                } => T::of_bits(CARRIER | category(value(feature), cut_towards_zero)),
            };
        }
    }

    /// The leaves where one row ends in each of [`GROUP`] trees from `first` on; beyond the last tree
    /// those of the last.
    #[inline(always)]
    fn leaves_of_trees(&self, first: usize, values: &[T]) -> [T; GROUP] {
        let last = self.roots.len() - 2;
        let root = |lane: usize| self.roots[(first + lane).min(last)];
        self.walk(std::array::from_fn(root), |_, column| {
            values[column as usize]
        })
    }

    /// The leaves where [`GROUP`] rows of [`Walker::width`] values end in one tree.
    #[inline(always)]
    pub(super) fn leaves_of_rows(&self, tree: usize, rows: [&[T]; GROUP]) -> [T; GROUP] {
        self.walk([self.roots[tree]; GROUP], |lane, column| {
            rows[lane][column as usize]
        })
    }

    #[inline(always)]
    fn walk(&self, roots: [u32; GROUP], value: impl Fn(usize, u16) -> T) -> [T; GROUP] {
        if self.first_category as usize == self.columns.len() {
            self.descend(roots, |lane, slot| value(lane, slot.column) <= slot.bound)
        } else {
            self.descend(roots, |lane, slot| {
                let value = value(lane, slot.column);
                let is_category = slot.column >= self.first_category;
                let in_set = self.goes_left(value.bits(), slot.bound.bits(), is_category);
                (is_category & in_set) | (!is_category & (value <= slot.bound))
            })
        }
    }

    #[inline(always)]
    fn descend(
        &self,
        roots: [u32; GROUP],
        goes_left: impl Fn(usize, &Slot<T>) -> bool,
    ) -> [T; GROUP] {
        let mut at = roots;
        loop {
            let mut moved = 0;
            for lane in 0..GROUP {
                let slot = &self.slots[at[lane] as usize];
                let right = u32::from(!goes_left(lane, slot));
                let next = roots[lane] + 2 * u32::from(slot.pair) + right;
                moved |= next ^ at[lane];
                at[lane] = next;
            }
            if moved == 0 {
                return std::array::from_fn(|lane| self.slots[at[lane] as usize].bound);
            }
        }
    }

    /// Whether a category goes left at a set; anything if it is none. Without branches, which would
    /// follow no pattern.
    #[inline(always)]
    fn goes_left(&self, value: u64, set: u64, is_category: bool) -> bool {
        let set = if is_category { set } else { 0 };
        let category = value & 0xffff_ffff;
        let is_covered = category / 64 < set >> SET_WORDS_SHIFT & SET_WORD_BITS;
        let word = if is_covered {
            (set & SET_WORD_BITS) + category / 64
        } else {
            0
        };
        let is_member = self.words[word as usize] >> (category % 64) & 1 == 1;
        let is_missing = category == MISSING_CATEGORY;
        let members_left = set & MEMBERS_LEFT != 0;
        (is_missing & (set & MISSING_LEFT != 0)) | (!is_missing & (is_member == members_left))
    }
}

impl Column {
    fn of(node: &Node) -> Self {
        let feature = node.feature;
        match node.test {
            Test::AtMost {
                bound,
                missing_left: true,
                zero_is_missing,
            } if bound.is_nan() => Self::IsMissing {
                feature,
                zero_is_missing,
            },
            Test::AtMost {
                missing_left,
                zero_is_missing,
                ..
            } => Self::Value {
                feature,
                missing_left,
                zero_is_missing,
            },
            Test::OneOf {
                cut_towards_zero, ..
            } => Self::Category {
                feature,
                cut_towards_zero,
            },
        }
    }
}

/// As [`crate::CategorySet::contains`] cuts it.
#[inline(always)]
pub(super) fn category(value: f64, cut_towards_zero: bool) -> u64 {
    let is_number = match cut_towards_zero {
        true => value > -1.0,
        false => value >= 0.0,
    };
    if value.is_nan() {
        MISSING_CATEGORY
    } else if is_number {
        (value as u64).min(OTHER_CATEGORY)
    } else {
        OTHER_CATEGORY
    }
}
