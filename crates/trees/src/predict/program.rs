//! A forest as comparisons of columns and selections of bits; see the parent module.

use crate::forest::{Forest, Precision};
use crate::predict::columns::{CATEGORIES_MAX, Columns, Condition, Key, biased};
use crate::predict::number::Number;
use crate::predict::numbering::Numbering;
use crate::predict::segment::{Comparison, LEAVES_MAX, Segment, Step, Union, leaf_slots};
use crate::tree::{Test, Tree};

const FIRST_CONDITION: usize = 2;

/// Conditions of a segment: at 32 bytes each they fill 384 KiB, and stay in a second-level cache.
const CONDITIONS_MAX: usize = 12 * 1024;

/// Category codes that the nodes of a tree that is evaluated whole may name.
const CODES_MAX: usize = 16 * 1024;

/// A compiled forest; sums are of type `S`.
#[derive(Debug)]
pub(super) struct Program<S> {
    pub(super) columns: Columns,
    pub(super) segments: Vec<Segment<S>>,
    pub(super) input: Precision,
    pub(super) start: S,
}

impl<S: Number> Program<S> {
    /// Compiles `forest`, whose sums and leaves fit `S`, with leaves byte by byte if `sliced`.
    pub(super) fn new(forest: &Forest, conditions: Conditions, sliced: bool) -> Self {
        let trees = forest.trees();
        let Conditions { columns, of_trees } = conditions;
        let mut builder = Builder {
            rows: RowTable::new(columns.count),
            columns: &columns,
            trees,
            pending: Vec::new(),
            segments: Vec::new(),
        };
        for (position, conditions) in of_trees.into_iter().enumerate() {
            builder.add(position, conditions);
        }
        builder.finish_segment();
        let mut segments = builder.segments;
        if sliced {
            segments.iter_mut().for_each(Segment::slice_leaves);
        }
        Self {
            segments,
            columns,
            input: forest.input(),
            start: S::of(forest.sum().start),
        }
    }
}

/// What nodes ask.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) columns: Columns,
    /// Of the nodes of each tree; none of trees that are walked.
    pub(super) of_trees: Vec<Vec<Condition>>,
}

impl Conditions {
    pub(super) fn new(forest: &Forest) -> Self {
        let trees = forest.trees();
        let mut columns = Columns::new(forest, trees.iter().filter(|tree| !is_walked(tree)));
        let of_tree = |tree: &Tree| match is_walked(tree) {
            true => Vec::new(),
            false => {
                let condition = |node| columns.condition(tree, node);
                tree.nodes().iter().map(condition).collect()
            }
        };
        let of_trees: Vec<Vec<Condition>> = trees.iter().map(of_tree).collect();
        columns.find_used(of_trees.iter().flatten());
        Self { columns, of_trees }
    }
}

/// Whether deciding at every node of `tree` would cost more than walking it.
pub(super) fn is_walked(tree: &Tree) -> bool {
    let mut codes = 0;
    let mut is_wide = false;
    for node in tree.nodes() {
        if let Test::OneOf { set, .. } = node.test {
            let words = tree.sets()[set as usize].words();
            is_wide |= words.len() * 64 > CATEGORIES_MAX;
            codes += words
                .iter()
                .map(|word| word.count_ones() as usize)
                .sum::<usize>()
                + 1;
        }
    }
    is_wide || codes > CODES_MAX || tree.leaves().len() > LEAVES_MAX
}

/// Compiles segments one after the other.
struct Builder<'a, S> {
    trees: &'a [Tree],
    columns: &'a Columns,
    rows: RowTable,
    /// Trees of the segment being built, with their conditions.
    pending: Vec<(usize, Vec<Condition>)>,
    segments: Vec<Segment<S>>,
}

impl<S: Number> Builder<'_, S> {
    fn add(&mut self, position: usize, conditions: Vec<Condition>) {
        if self.rows.count + conditions.len() > CONDITIONS_MAX && self.rows.count > 0 {
            self.finish_segment();
        }
        conditions
            .iter()
            .for_each(|condition| self.rows.note(condition));
        self.pending.push((position, conditions));
    }

    fn finish_segment(&mut self) {
        let mut segment = Segment::default();
        let mut next_row = self.rows.assign(self.columns, &mut segment);
        let pending = std::mem::take(&mut self.pending);
        // Rows of unions stand before those that trees use one after the other.
        let mut rows_of = Vec::with_capacity(pending.len());
        for (_, conditions) in &pending {
            let rows = conditions.iter().map(|condition| match condition {
                Condition::Above(key) => self.rows.row(*key),
                Condition::OneOf(one_of) => {
                    let first = segment.members.len() as u32;
                    let members = one_of.keys.iter().map(|key| self.rows.row(*key));
                    segment.members.extend(members);
                    segment.unions.push(Union {
                        to: next_row as u16,
                        inverted: one_of.inverted,
                        members: (first, segment.members.len() as u32),
                    });
                    next_row += 1;
                    (next_row - 1) as u16
                }
            });
            rows_of.push(rows.collect::<Vec<u16>>());
        }
        for ((position, _), rows) in pending.iter().zip(&rows_of) {
            segment.add_tree(&self.trees[*position], *position, rows, next_row);
        }
        self.rows.clear();
        self.segments.push(segment);
    }
}

/// Rows of the comparisons of a segment.
struct RowTable {
    /// By key; 0 for a key that no condition has.
    rows: Vec<u16>,
    keys: Vec<Key>,
    /// Comparisons and unions.
    count: usize,
}

impl RowTable {
    fn new(columns: usize) -> Self {
        Self {
            rows: vec![0; columns * 256],
            keys: Vec::new(),
            count: 0,
        }
    }

    fn note(&mut self, condition: &Condition) {
        let keys = match condition {
            Condition::Above(key) => std::slice::from_ref(key),
            Condition::OneOf(one_of) => {
                self.count += 1;
                one_of.keys.as_slice()
            }
        };
        for key in keys {
            let row = &mut self.rows[*key as usize];
            if *row == 0 {
                *row = 1;
                self.keys.push(*key);
                self.count += 1;
            }
        }
    }

    /// Gives every key a row, those of one column one after the other, and writes the comparisons.
    /// Returns the first row that is free.
    fn assign<S>(&mut self, columns: &Columns, segment: &mut Segment<S>) -> usize {
        self.keys.sort_unstable();
        for (position, key) in self.keys.iter().enumerate() {
            let column = *key as usize / 256;
            let row = (FIRST_CONDITION + position) as u16;
            self.rows[*key as usize] = row;
            segment.codes.push(biased(*key % 256));
            let end = segment.codes.len() as u32;
            match segment.comparisons.last_mut() {
                Some(last) if last.column == column => last.codes.1 = end,
                _ => segment.comparisons.push(Comparison {
                    column,
                    equal: columns.is_category(column),
                    first_row: row,
                    codes: (end - 1, end),
                }),
            }
        }
        FIRST_CONDITION + self.keys.len()
    }

    fn row(&self, key: Key) -> u16 {
        self.rows[key as usize]
    }

    fn clear(&mut self) {
        for key in self.keys.drain(..) {
            self.rows[key as usize] = 0;
        }
        self.count = 0;
    }
}

impl<S: Number> Segment<S> {
    /// Adds `tree`, whose nodes go right where `conditions` say; rows from `free_row` on are its own.
    fn add_tree(&mut self, tree: &Tree, position: usize, conditions: &[u16], free_row: usize) {
        let mut step = Step {
            tree: position,
            walked: is_walked(tree),
            selections: (self.selections.len() as u32, self.selections.len() as u32),
            first_plane: self.planes.len() as u32,
            bits: 0,
            first_leaf: self.leaves.len() as u32,
        };
        if !step.walked {
            let numbering = Numbering::new(tree);
            step.bits = numbering.bits;
            numbering.select(tree, conditions, free_row, self);
            step.selections.1 = self.selections.len() as u32;
            let first = self.leaves.len();
            self.leaves
                .resize(first + leaf_slots(step.bits), S::default());
            for (leaf, number) in tree.leaves().iter().zip(&numbering.leaves) {
                self.leaves[first + *number as usize] = S::of(leaf.value);
            }
        }
        self.steps.push(step);
    }
}
