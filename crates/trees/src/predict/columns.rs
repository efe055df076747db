//! What trees compare: columns of one byte per row, made of each feature once per block.
//!
//! A number becomes its rank among all bounds of its feature, so that every test of a node is one
//! comparison of bytes. A column covers [`BOUNDS_PER_COLUMN`] bounds; a feature with more has several.
//! Columns of a feature also differ in where missing values go, and in whether zero is missing: in one
//! where they go left they are below every code, in one where they go right above.
//!
//! A category becomes a dense code; a column tells [`CATEGORIES_PER_COLUMN`] of them apart.

use std::collections::BTreeMap;

use crate::forest::{Forest, Precision};
use crate::predict::rank::{MISSING, Ranking, down};
use crate::tree::{Node, Test, Tree, ZERO_BOUND};

/// Codes of numbers are 1 to one more than this; 0 is a missing value that goes left.
pub(super) const BOUNDS_PER_COLUMN: usize = 253;

/// Codes of categories are 1 to this; 0 is a category of another column.
pub(super) const CATEGORIES_PER_COLUMN: usize = 255;

/// Categories that a feature's table covers, 128 KiB: a tree with a category from here on is walked.
pub(super) const CATEGORIES_MAX: usize = 1 << 16;

/// What a category is before it is split into columns: a missing value is 0, one in no set 1.
const MISSING_CATEGORY: u32 = 0;
const OTHER_CATEGORY: u32 = 1;

/// All columns of a forest's trees.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) numbers: Vec<NumberInput>,
    pub(super) categories: Vec<CategoryInput>,
    /// Number of columns, unused ones among them.
    pub(super) count: usize,
    /// Position in `numbers` by feature, where it is there.
    number_of: Vec<u32>,
    /// Position in `categories` by feature and whether it cuts towards zero.
    category_of: BTreeMap<(u32, bool), usize>,
    input: Option<Precision>,
}

/// A feature that is compared with bounds.
#[derive(Debug)]
pub(super) struct NumberInput {
    pub(super) feature: u32,
    pub(super) ranking: Ranking,
    /// Columns that some node uses.
    pub(super) columns: Vec<NumberColumn>,
    bounds: Vec<f64>,
    first_column: usize,
}

/// One column of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberColumn {
    pub(super) column: usize,
    /// Rank of its first bound.
    pub(super) first_bound: u32,
    /// Number of its bounds.
    pub(super) bounds: u32,
    pub(super) missing_left: bool,
    pub(super) zero_is_missing: bool,
}

/// A feature that is looked up in sets.
#[derive(Debug)]
pub(super) struct CategoryInput {
    pub(super) feature: u32,
    cut_towards_zero: bool,
    /// Dense code by category.
    table: Vec<u32>,
    /// Dense codes are below this.
    codes: u32,
    pub(super) first_column: usize,
}

/// When a row goes right at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// If its code is above one; see [`Columns::condition`].
    Above(Key),
    /// If its code is one of these.
    OneOf(Box<OneOf>),
}

/// Codes of categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOf {
    pub(super) keys: Vec<Key>,
    /// Whether the others are meant.
    pub(super) inverted: bool,
}

/// A column and a code in it: column × 256 + code.
pub(super) type Key = u32;

impl Columns {
    /// Columns for `trees` of `forest`.
    pub(super) fn new<'a>(forest: &Forest, trees: impl Iterator<Item = &'a Tree> + Clone) -> Self {
        let mut columns = Self {
            number_of: vec![0; forest.features().len()],
            input: Some(forest.input()),
            ..Self::default()
        };
        let mut bounds = vec![Vec::new(); forest.features().len()];
        let mut members: BTreeMap<(u32, bool), Vec<u64>> = BTreeMap::new();
        for tree in trees.clone() {
            for node in tree.nodes() {
                match node.test {
                    Test::AtMost { bound, .. } => {
                        bounds[node.feature as usize].push(bound);
                    }
                    Test::OneOf {
                        set,
                        cut_towards_zero,
                        ..
                    } => {
                        let words = tree.sets()[set as usize].words();
                        let key = (node.feature, cut_towards_zero);
                        let all = members.entry(key).or_default();
                        all.resize(all.len().max(words.len()), 0);
                        all.iter_mut()
                            .zip(words)
                            .for_each(|(all, word)| *all |= word);
                    }
                }
            }
        }
        for (feature, bounds) in bounds.into_iter().enumerate() {
            if !bounds.is_empty() {
                columns.add_number(feature as u32, bounds, forest.input());
            }
        }
        for ((feature, cut), members) in members {
            columns.add_category(feature, cut, &members);
        }
        columns
    }

    fn add_number(&mut self, feature: u32, mut bounds: Vec<f64>, input: Precision) {
        bounds.retain(|bound| !bound.is_nan());
        for bound in &mut bounds {
            *bound = lowered(*bound, input);
        }
        bounds.sort_unstable_by(f64::total_cmp);
        bounds.dedup_by(|a, b| a == b);
        let chunks = bounds.len().div_ceil(BOUNDS_PER_COLUMN).max(1);
        self.number_of[feature as usize] = self.numbers.len() as u32;
        self.numbers.push(NumberInput {
            feature,
            ranking: Ranking::new(bounds.clone(), input),
            columns: Vec::new(),
            bounds,
            first_column: self.count,
        });
        self.count += chunks * 4;
    }

    fn add_category(&mut self, feature: u32, cut_towards_zero: bool, members: &[u64]) {
        let mut codes = OTHER_CATEGORY + 1;
        let is_member = |category: usize| members[category / 64] >> (category % 64) & 1 == 1;
        let code = |category| {
            if !is_member(category) {
                return OTHER_CATEGORY;
            }
            codes += 1;
            codes - 1
        };
        let table = (0..members.len() * 64).map(code).collect();
        self.category_of
            .insert((feature, cut_towards_zero), self.categories.len());
        self.categories.push(CategoryInput {
            feature,
            cut_towards_zero,
            table,
            codes,
            first_column: self.count,
        });
        self.count += (codes as usize).div_ceil(CATEGORIES_PER_COLUMN);
    }

    /// Notes which columns of numbers some condition uses; the others are not made.
    pub(super) fn find_used<'a>(&mut self, conditions: impl Iterator<Item = &'a Condition>) {
        let mut used = vec![false; self.count];
        for condition in conditions {
            if let Condition::Above(key) = condition {
                used[*key as usize / 256] = true;
            }
        }
        for number in &mut self.numbers {
            let chunks = number.bounds.len().div_ceil(BOUNDS_PER_COLUMN).max(1);
            let used = &used[number.first_column..][..chunks * 4];
            for (place, _) in used.iter().enumerate().filter(|(_, used)| **used) {
                let first_bound = place / 4 * BOUNDS_PER_COLUMN;
                number.columns.push(NumberColumn {
                    column: number.first_column + place,
                    first_bound: first_bound as u32,
                    bounds: (number.bounds.len() - first_bound).min(BOUNDS_PER_COLUMN) as u32,
                    missing_left: place & 1 == 1,
                    zero_is_missing: place & 2 == 2,
                });
            }
            number.columns.sort_by_key(|column| column.zero_is_missing);
        }
    }

    /// Whether a column has codes of categories.
    pub(super) fn is_category(&self, column: usize) -> bool {
        let first = self.categories.first().map(|input| input.first_column);
        first.is_some_and(|first| column >= first)
    }

    /// When a row goes right at `node` of `tree`.
    pub(super) fn condition(&self, tree: &Tree, node: &Node) -> Condition {
        match node.test {
            Test::AtMost {
                bound,
                missing_left,
                zero_is_missing,
            } => Condition::Above(self.above(node.feature, bound, missing_left, zero_is_missing)),
            Test::OneOf {
                set,
                members_left,
                missing_left,
                cut_towards_zero,
            } => {
                let position = self.category_of[&(node.feature, cut_towards_zero)];
                let words = tree.sets()[set as usize].words();
                self.categories[position].one_of(words, members_left, missing_left)
            }
        }
    }

    fn above(&self, feature: u32, bound: f64, missing_left: bool, zero_is_missing: bool) -> Key {
        let number = &self.numbers[self.number_of[feature as usize] as usize];
        let variant = usize::from(missing_left) + 2 * usize::from(zero_is_missing);
        let (chunk, code) = if bound.is_nan() {
            // Every number is above the code of what is missing and goes left.
            (0, 0)
        } else {
            let bound = lowered(bound, self.input.unwrap_or(Precision::Double));
            let rank = number.bounds.partition_point(|other| *other < bound);
            (rank / BOUNDS_PER_COLUMN, rank % BOUNDS_PER_COLUMN + 1)
        };
        key(number.first_column + chunk * 4 + variant, code)
    }
}

impl NumberInput {
    /// Ascending and distinct, without NaN, lowered.
    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }
}

impl NumberColumn {
    /// Codes of a block from the ranks of its values, zeros being ranked as [`MISSING`] if they are.
    #[inline(always)]
    pub(super) fn codes(&self, ranks: &[u32], codes: &mut [i8]) {
        // One more than the rank: 0 if missing.
        let left = |rank: u32| {
            let place = rank.saturating_sub(self.first_bound).min(self.bounds) + 1;
            biased(if rank == MISSING { 0 } else { place })
        };
        let right = |rank: u32| biased(rank.saturating_sub(self.first_bound).min(self.bounds) + 1);
        if self.missing_left {
            for (code, rank) in codes.iter_mut().zip(ranks) {
                *code = left(*rank);
            }
        } else {
            for (code, rank) in codes.iter_mut().zip(ranks) {
                *code = right(*rank);
            }
        }
    }
}

/// Ranks zeros as missing.
#[inline(always)]
pub(super) fn drop_zeros(values: &[f64], input: Precision, ranks: &mut [u32]) {
    for (value, rank) in values.iter().zip(ranks) {
        *rank = if input.round(*value).abs() <= ZERO_BOUND {
            MISSING
        } else {
            *rank
        };
    }
}

impl CategoryInput {
    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        (self.codes as usize).div_ceil(CATEGORIES_PER_COLUMN)
    }

    /// The dense code of a value.
    #[inline]
    pub(super) fn code(&self, value: f64) -> u32 {
        let is_number = match self.cut_towards_zero {
            true => value > -1.0,
            false => value >= 0.0,
        };
        match self.table.get(value as usize) {
            _ if value.is_nan() => MISSING_CATEGORY,
            Some(code) if is_number => *code,
            _ => OTHER_CATEGORY,
        }
    }

    /// Codes of a block in its `column`th column.
    #[inline(always)]
    pub(super) fn codes(column: usize, dense: &[u32], codes: &mut [i8]) {
        let first = (column * CATEGORIES_PER_COLUMN) as u32;
        for (code, dense) in codes.iter_mut().zip(dense) {
            let place = dense.wrapping_sub(first);
            *code = biased(if place < CATEGORIES_PER_COLUMN as u32 {
                place + 1
            } else {
                0
            });
        }
    }

    /// When a row goes right at a node with the set `words`. Takes time by the members of the set, not by
    /// the categories of the feature.
    fn one_of(&self, words: &[u64], members_left: bool, missing_left: bool) -> Condition {
        // The codes that go where members go, and no others.
        let mut codes: Vec<u32> = (words.iter().enumerate())
            .flat_map(|(position, word)| {
                let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
                bits.map(move |bit| self.table[position * 64 + bit])
            })
            .collect();
        if missing_left == members_left {
            codes.insert(0, MISSING_CATEGORY);
        }
        let mut inverted = members_left;
        if codes.len() > self.codes as usize / 2 {
            // Codes rise with categories.
            codes = (0..self.codes)
                .filter(|code| codes.binary_search(code).is_err())
                .collect();
            inverted = !inverted;
        }
        let key_of = |code: u32| {
            let column = self.first_column + code as usize / CATEGORIES_PER_COLUMN;
            key(column, code as usize % CATEGORIES_PER_COLUMN + 1)
        };
        Condition::OneOf(Box::new(OneOf {
            keys: codes.into_iter().map(key_of).collect(),
            inverted,
        }))
    }
}

/// The greatest bound that values of this format are compared with alike.
pub(super) fn lowered(bound: f64, input: Precision) -> f64 {
    match input {
        Precision::Single if !bound.is_nan() => f64::from(down(bound)),
        _ => bound,
    }
}

/// A code as a signed byte: every instruction set compares those.
#[inline(always)]
pub(super) fn biased(code: u32) -> i8 {
    (code as u8 ^ 0x80).cast_signed()
}

fn key(column: usize, code: usize) -> Key {
    (column * 256 + code) as Key
}
