//! One tree of XGBoost.

use crate::error::TreeError;
use crate::limits::{CATEGORY_WORDS_MAX, LEAVES_MAX};
use crate::load::arrays::{Entry, tree};
use crate::load::stream::{Stream, fault};
use crate::tree::{CategorySet, Leaf, Test, Tree};

/// Nodes of one tree: inner ones, leaves, and as many that were pruned and are still in the file.
const ENTRIES_MAX: usize = 4 * LEAVES_MAX;

/// Categories are below this: from here on singles are not all integers.
const CATEGORIES_END: i32 = 1 << 24;

/// A tree, as written: arrays of one item per node, and sets of categories one after the other.
#[derive(Debug, Default)]
pub(super) struct WrittenTree {
    left: Vec<i32>,
    right: Vec<i32>,
    default_left: Vec<u8>,
    feature: Vec<i32>,
    /// 1 where categories are looked up; files before 1.3 have none.
    kind: Vec<u8>,
    /// A bound or, at a leaf, its value.
    condition: Vec<f32>,
    hessian: Vec<f32>,
    /// All sets.
    categories: Vec<i32>,
    /// Nodes that have one, and where it starts, and how long it is.
    set_nodes: Vec<i32>,
    set_starts: Vec<i64>,
    set_sizes: Vec<i64>,
    /// Values per leaf: 1, or 0 in files before 3.0, unless a leaf has many.
    leaf_width: Option<String>,
}

impl WrittenTree {
    pub(super) fn read<'a>(stream: &mut impl Stream<'a>) -> Result<Self, TreeError> {
        let mut tree = Self::default();
        stream.object(|stream, key| {
            match key {
                "left_children" => tree.left = stream.numbers(ENTRIES_MAX)?,
                "right_children" => tree.right = stream.numbers(ENTRIES_MAX)?,
                "default_left" => tree.default_left = stream.numbers(ENTRIES_MAX)?,
                "split_indices" => tree.feature = stream.numbers(ENTRIES_MAX)?,
                "split_type" => tree.kind = stream.numbers(ENTRIES_MAX)?,
                "split_conditions" => tree.condition = stream.numbers(ENTRIES_MAX)?,
                "sum_hessian" => tree.hessian = stream.numbers(ENTRIES_MAX)?,
                "categories" => tree.categories = stream.numbers(CATEGORY_WORDS_MAX)?,
                "categories_nodes" => tree.set_nodes = stream.numbers(ENTRIES_MAX)?,
                "categories_segments" => tree.set_starts = stream.numbers(ENTRIES_MAX)?,
                "categories_sizes" => tree.set_sizes = stream.numbers(ENTRIES_MAX)?,
                "tree_param" => stream.object(|stream, key| {
                    match key {
                        "size_leaf_vector" => tree.leaf_width = Some(stream.text()?),
                        _ => stream.skip()?,
                    }
                    Ok(())
                })?,
                _ => stream.skip()?,
            }
            Ok(())
        })?;
        Ok(tree)
    }

    /// The tree, its leaves times `weight`. Words of its sets are taken off `words_left`.
    pub(super) fn tree(
        mut self,
        weight: Option<f32>,
        words_left: &mut usize,
    ) -> Result<Tree, TreeError> {
        if !matches!(self.leaf_width.as_deref(), None | Some("0" | "1")) {
            return Err(TreeError::Unsupported {
                what: "a leaf of several values".to_owned(),
                instead: "models of one score are".to_owned(),
            });
        }
        let count = self.left.len();
        if self.kind.is_empty() {
            self.kind.resize(count, 0);
        }
        let lengths = [
            ("right_children", self.right.len()),
            ("default_left", self.default_left.len()),
            ("split_indices", self.feature.len()),
            ("split_type", self.kind.len()),
            ("split_conditions", self.condition.len()),
            ("sum_hessian", self.hessian.len()),
        ];
        if let Some((field, length)) = lengths.iter().find(|(_, length)| *length != count) {
            return Err(fault(&format!(
                "`{field}` has {length} items, `left_children` has {count}; each has one per node"
            )));
        }
        let sets = self.sets(words_left)?;
        // Which set a node has; sets are in the order of `categories_nodes`.
        let mut set_of: Vec<Option<u32>> = vec![None; if sets.is_empty() { 0 } else { count }];
        for (set, node) in self.set_nodes.iter().enumerate() {
            let slot = usize::try_from(*node).ok();
            match slot.and_then(|slot| set_of.get_mut(slot)) {
                Some(slot) => *slot = Some(set as u32),
                None => {
                    return Err(fault(&format!(
                        "`categories_nodes`: item {set} names node {node}, which is not there"
                    )));
                }
            }
        }
        tree(count, sets, |position| {
            self.entry(position, &set_of, weight)
        })
        .map_err(|message| fault(&message))
    }

    fn entry(
        &self,
        position: usize,
        set_of: &[Option<u32>],
        weight: Option<f32>,
    ) -> Result<Entry, String> {
        let (left, right) = (self.left[position], self.right[position]);
        let condition = self.condition[position];
        let cover = f64::from(self.hessian[position]);
        if left == -1 && right == -1 {
            let value = weight.map_or(condition, |weight| condition * weight);
            return Ok(Entry::End(Leaf {
                value: f64::from(value),
                cover,
            }));
        }
        let child = |child: i32| {
            usize::try_from(child).map_err(|_| format!("node {position} has child {child}"))
        };
        let feature = self.feature[position];
        let missing_left = self.default_left[position] != 0;
        let test = match self.kind[position] {
            0 => Test::AtMost {
                bound: below(condition),
                missing_left,
                zero_is_missing: false,
            },
            1 => Test::OneOf {
                set: set_of.get(position).copied().flatten().ok_or_else(|| {
                    format!("node {position} looks up categories and has no set of them")
                })?,
                members_left: false,
                missing_left,
                cut_towards_zero: false,
            },
            kind => return Err(format!("node {position} has the unknown split type {kind}")),
        };
        Ok(Entry::Split {
            feature: u32::try_from(feature)
                .map_err(|_| format!("node {position} splits on feature {feature}"))?,
            test,
            left: child(left)?,
            right: child(right)?,
            cover,
        })
    }

    fn sets(&self, words_left: &mut usize) -> Result<Vec<CategorySet>, TreeError> {
        let count = self.set_nodes.len();
        if self.set_starts.len() != count || self.set_sizes.len() != count {
            return Err(fault(&format!(
                "`categories_nodes` has {count} items, `categories_segments` {} and `categories_sizes` {}",
                self.set_starts.len(),
                self.set_sizes.len()
            )));
        }
        let mut listed = 0;
        let mut sets = Vec::with_capacity(count);
        for (set, (start, size)) in self.set_starts.iter().zip(&self.set_sizes).enumerate() {
            let wrong = |what: &str| fault(&format!("category set {set} {what}"));
            let start = usize::try_from(*start).ok();
            let size = usize::try_from(*size).ok();
            let members = start
                .zip(size)
                .and_then(|(start, size)| Some(start..start.checked_add(size)?))
                .and_then(|range| self.categories.get(range))
                .ok_or_else(|| wrong("lies outside of `categories`"))?;
            // Sets that overlap would make much of little.
            listed += members.len();
            if listed > self.categories.len() {
                return Err(wrong("overlaps another"));
            }
            if members.iter().any(|c| !(0..CATEGORIES_END).contains(c)) {
                return Err(wrong(&format!(
                    "has a category outside of 0 to {}",
                    CATEGORIES_END - 1
                )));
            }
            let words = members
                .iter()
                .max()
                .map_or(0, |largest| *largest as usize / 64 + 1);
            *words_left = words_left
                .checked_sub(words)
                .ok_or_else(|| TreeError::TooLarge {
                    what: "words of category sets".to_owned(),
                    found: CATEGORY_WORDS_MAX + 1,
                    max: CATEGORY_WORDS_MAX,
                })?;
            let mut bits = vec![0_u64; words];
            for category in members {
                bits[*category as usize / 64] |= 1 << (category % 64);
            }
            sets.push(CategorySet::from_words(bits));
        }
        Ok(sets)
    }
}

/// The largest single below `bound`: what `x < bound` is at most. NaN where nothing is below.
fn below(bound: f32) -> f64 {
    match bound {
        f32::NEG_INFINITY => f64::NAN,
        _ => f64::from(bound.next_down()),
    }
}
