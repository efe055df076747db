//! One tree of LightGBM (`NumericalDecision` and `CategoricalDecision` of its `tree.h`).

use super::section::Section;
use crate::error::TreeError;
use crate::limits::{CATEGORY_WORDS_MAX, LEAVES_MAX};
use crate::load::stream::fault;
use crate::tree::{CategorySet, Child, Leaf, Node, Test, Tree, ZERO_BOUND};

/// What a section says, one item per inner node.
struct Splits {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    decision_type: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    cover: Vec<f64>,
}

/// The tree of `section`. Words of its sets are taken off `words_left`.
pub(super) fn tree(section: &Section<'_>, words_left: &mut usize) -> Result<Tree, TreeError> {
    let is_linear = section.lines.get("is_linear").map(|flag| flag.trim());
    if is_linear.is_some_and(|flag| flag != "0") {
        return Err(TreeError::Unsupported {
            what: "a linear tree".to_owned(),
            instead: "trees of constant leaves are".to_owned(),
        });
    }
    let leaf_count: usize = section.number("num_leaves")?;
    if leaf_count > LEAVES_MAX {
        return Err(TreeError::TooLarge {
            what: "leaves".to_owned(),
            found: leaf_count,
            max: LEAVES_MAX,
        });
    }
    let Some(inner) = leaf_count.checked_sub(1) else {
        return Err(fault("has no leaf"));
    };
    let values: Vec<f64> = section.list("leaf_value", leaf_count)?;
    let leaves = values
        .into_iter()
        .zip(covers(section, "leaf_count", leaf_count)?);
    let leaves = leaves.map(|(value, cover)| Leaf { value, cover }).collect();
    let splits = Splits {
        feature: section.list("split_feature", inner)?,
        threshold: section.list("threshold", inner)?,
        decision_type: section.list("decision_type", inner)?,
        left: section.list("left_child", inner)?,
        right: section.list("right_child", inner)?,
        cover: covers(section, "internal_count", inner)?,
    };
    let sets = sets(section, words_left)?;
    let nodes = (0..inner).map(|position| splits.node(position, sets.len()));
    let nodes = nodes.collect::<Result<_, _>>()?;
    Tree::new(nodes, leaves, sets).map_err(|message| fault(&message))
}

/// Records that came to each node or leaf: what LightGBM's own contributions weigh by. Older files and
/// trees of one leaf may lack them; nothing else reads them.
fn covers(section: &Section<'_>, key: &str, length: usize) -> Result<Vec<f64>, TreeError> {
    match section.lines.get(key) {
        Some(text) if !text.trim().is_empty() || length == 0 => section.list(key, length),
        _ => Ok(vec![0.0; length]),
    }
}

fn sets(section: &Section<'_>, words_left: &mut usize) -> Result<Vec<CategorySet>, TreeError> {
    let count: usize = match section.lines.get("num_cat") {
        None => 0,
        Some(_) => section.number("num_cat")?,
    };
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > LEAVES_MAX {
        return Err(TreeError::TooLarge {
            what: "category sets".to_owned(),
            found: count,
            max: LEAVES_MAX,
        });
    }
    let boundaries: Vec<usize> = section.list("cat_boundaries", count + 1)?;
    let half_words = boundaries.last().copied().unwrap_or_default();
    if boundaries.first() != Some(&0) || boundaries.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(fault("`cat_boundaries` does not ascend from 0"));
    }
    // As many sets of one half word each round up to as many words.
    let words = half_words.saturating_add(count);
    *words_left = words_left
        .checked_sub(words)
        .ok_or_else(|| TreeError::TooLarge {
            what: "words of category sets".to_owned(),
            found: words,
            max: CATEGORY_WORDS_MAX,
        })?;
    let halves: Vec<u32> = section.list("cat_threshold", half_words)?;
    let set = |pair: &[usize]| {
        let words = halves[pair[0]..pair[1]].chunks(2).map(|halves| {
            let high = halves.get(1).copied().unwrap_or_default();
            u64::from(high) << 32 | u64::from(halves[0])
        });
        CategorySet::from_words(words.collect())
    };
    Ok(boundaries.windows(2).map(set).collect())
}

impl Splits {
    fn node(&self, position: usize, sets: usize) -> Result<Node, TreeError> {
        let child = |child: i64| {
            // A leaf is written as the complement of its position.
            let index = if child < 0 { !child } else { child };
            let index = u32::try_from(index).map_err(|_| {
                fault(&format!(
                    "node {position} has child {child}, which is not there"
                ))
            })?;
            Ok(match child < 0 {
                true => Child::Leaf(index),
                false => Child::Node(index),
            })
        };
        // Bit 0: categories; bit 1: missing goes left; bits 2 and 3: what is missing.
        let kind = self.decision_type[position];
        let threshold = self.threshold[position];
        let test = if kind & 1 == 1 {
            // Exact: a double holds every index.
            let set = threshold as u32;
            if f64::from(set) != threshold || set as usize >= sets {
                return Err(fault(&format!(
                    "node {position} has category set {threshold}, which is not there"
                )));
            }
            // NaN goes right whatever is missing.
            Test::OneOf {
                set,
                members_left: true,
                missing_left: false,
                cut_towards_zero: true,
            }
        } else if threshold.is_nan() {
            return Err(fault(&format!("node {position} has threshold NaN")));
        } else {
            let bound = beside_zero(threshold);
            let default_left = kind & 2 != 0;
            let (missing_left, zero_is_missing) = match kind >> 2 & 3 {
                // A NaN counts as 0 where nothing is missing.
                0 => (0.0 <= threshold, false),
                1 => (default_left, true),
                2 => (default_left, false),
                _ => {
                    return Err(fault(&format!(
                        "node {position} has an unknown missing type"
                    )));
                }
            };
            Test::AtMost {
                bound,
                missing_left,
                zero_is_missing,
            }
        };
        Ok(Node {
            feature: self.feature[position],
            test,
            left: child(self.left[position])?,
            right: child(self.right[position])?,
            cover: self.cover[position],
        })
    }
}

/// The bound that says of every value what `threshold` says of it once values near zero are 0.
fn beside_zero(threshold: f64) -> f64 {
    if (0.0..ZERO_BOUND).contains(&threshold) {
        ZERO_BOUND
    } else if (-ZERO_BOUND..0.0).contains(&threshold) {
        (-ZERO_BOUND).next_down()
    } else {
        threshold
    }
}
