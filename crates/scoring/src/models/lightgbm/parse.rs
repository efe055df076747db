//! LightGBM's text format. Everything in it is checked: it may come from anywhere.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::trees::{Node, Split, Trees};
use crate::limits::{INPUTS_MAX, LEAVES_MAX, NODES_MAX, TREES_MAX};

/// How a raw score becomes a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Objective {
    /// 1 / (1 + e^(−slope × raw)).
    Sigmoid(f64),
    /// The raw score is the probability, cut to 0 to 1.
    Identity,
}

/// A model file.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) features: Vec<String>,
    pub(super) objective: Objective,
    /// Whether the score is the mean of the trees, as in a random forest.
    pub(super) average: bool,
    pub(super) trees: Trees,
}

/// `key=value` lines of one section.
type Section<'a> = BTreeMap<&'a str, &'a str>;

/// Reads a model; the error says what is wrong and where.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let mut lines = text.lines().map(str::trim_end);
    if lines.next() != Some("tree") {
        return Err("is not a LightGBM text model; the first line must be `tree`".to_owned());
    }
    let mut header = Section::new();
    let mut average = false;
    let mut trees = Trees {
        numbers_only: true,
        ends: vec![0],
        ..Trees::default()
    };
    let mut current: Option<Section<'_>> = None;
    let mut ended = false;
    for line in lines {
        if line == "end of trees" {
            ended = true;
            break;
        }
        if let Some(number) = line.strip_prefix("Tree=") {
            finish(&mut trees, current.take(), &header)?;
            if number.parse() != Ok(trees.roots.len()) {
                return Err(format!(
                    "expected tree {}, found `Tree={number}`",
                    trees.roots.len()
                ));
            }
            current = Some(Section::new());
        } else if let Some((key, value)) = line.split_once('=') {
            current.as_mut().unwrap_or(&mut header).insert(key, value);
        } else if line == "average_output" {
            average = true;
        } else if !line.is_empty() {
            let line: String = line.chars().take(40).collect();
            return Err(format!("unexpected line `{line}`"));
        }
    }
    if !ended {
        return Err("is cut off: `end of trees` is missing".to_owned());
    }
    finish(&mut trees, current, &header)?;
    if trees.roots.is_empty() {
        return Err("has no tree".to_owned());
    }
    let features = features(&header)?;
    trees.features = features.len();
    Ok(Parsed {
        objective: objective(&header)?,
        features,
        average,
        trees,
    })
}

fn features(header: &Section<'_>) -> Result<Vec<String>, String> {
    match header.get("version") {
        Some(&("v3" | "v4")) => {}
        Some(other) => return Err(format!("version `{other}` is not supported; v3 and v4 are")),
        None => return Err("has no `version`".to_owned()),
    }
    for key in ["num_class", "num_tree_per_iteration"] {
        if number::<usize>(header, key, "the header")? != 1 {
            return Err(format!(
                "{key} is not 1: multiclass models are not supported"
            ));
        }
    }
    let count = number::<usize>(header, "max_feature_idx", "the header")?.saturating_add(1);
    let names = header.get("feature_names").copied().unwrap_or_default();
    let features: Vec<String> = names
        .split(' ')
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect();
    if features.len() != count || count > INPUTS_MAX {
        return Err(format!(
            "has {} feature names for {count} features, at most {INPUTS_MAX} are read",
            features.len()
        ));
    }
    Ok(features)
}

fn objective(header: &Section<'_>) -> Result<Objective, String> {
    let text = header.get("objective").copied().unwrap_or("regression");
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let name = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    match (name, rest.as_slice()) {
        ("binary", []) | ("cross_entropy" | "xentropy", []) => Ok(Objective::Sigmoid(1.0)),
        ("binary", [parameter]) => match parameter.strip_prefix("sigmoid:").map(f64::from_str) {
            Some(Ok(slope)) if slope > 0.0 && slope.is_finite() => Ok(Objective::Sigmoid(slope)),
            _ => Err(format!("objective parameter `{parameter}` cannot be read")),
        },
        ("regression", []) => Ok(Objective::Identity),
        _ => Err(format!(
            "objective `{text}` is not supported; binary, cross_entropy and regression are"
        )),
    }
}

fn number<T: FromStr>(section: &Section<'_>, key: &str, place: &str) -> Result<T, String> {
    let text = section
        .get(key)
        .ok_or_else(|| format!("{place} has no `{key}`"))?;
    text.parse()
        .map_err(|_| format!("{place}: `{key}` cannot be read"))
}

fn list<T: FromStr>(
    section: &Section<'_>,
    key: &str,
    length: usize,
    place: &str,
) -> Result<Vec<T>, String> {
    let text = section.get(key).copied().unwrap_or_default();
    let words = text.split(' ').filter(|word| !word.is_empty());
    // One more than wanted is enough to see that there are too many.
    let items: Vec<T> = words
        .take(length + 1)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{place}: an item of `{key}` cannot be read"))?;
    if items.len() != length {
        return Err(format!("{place}: `{key}` must have {length} items"));
    }
    Ok(items)
}

/// What one tree section says, as written.
struct Arrays {
    split_feature: Vec<u32>,
    threshold: Vec<f64>,
    decision_type: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaf_value: Vec<f64>,
    internal_value: Vec<f64>,
}

/// Appends the tree that `section` describes.
fn finish(
    trees: &mut Trees,
    section: Option<Section<'_>>,
    header: &Section<'_>,
) -> Result<(), String> {
    let Some(section) = section else {
        return Ok(());
    };
    let place = format!("tree {}", trees.roots.len());
    if trees.roots.len() == TREES_MAX {
        return Err(format!("has more than {TREES_MAX} trees"));
    }
    if section.get("is_linear").is_some_and(|flag| *flag != "0") {
        return Err(format!("{place}: linear trees are not supported"));
    }
    let leaves: usize = number(&section, "num_leaves", &place)?;
    if !(1..=LEAVES_MAX).contains(&leaves) {
        return Err(format!(
            "{place}: has {leaves} leaves, 1 to {LEAVES_MAX} are read"
        ));
    }
    let inner = leaves - 1;
    if trees.nodes.len() + inner + leaves > NODES_MAX {
        return Err(format!(
            "{place}: the model has more than {NODES_MAX} nodes"
        ));
    }
    let arrays = Arrays {
        leaf_value: list(&section, "leaf_value", leaves, &place)?,
        split_feature: list(&section, "split_feature", inner, &place)?,
        threshold: list(&section, "threshold", inner, &place)?,
        decision_type: list(&section, "decision_type", inner, &place)?,
        left: list(&section, "left_child", inner, &place)?,
        right: list(&section, "right_child", inner, &place)?,
        internal_value: list(&section, "internal_value", inner, &place)?,
    };
    if arrays.leaf_value.iter().any(|value| !value.is_finite()) {
        return Err(format!("{place}: a leaf is not a finite number"));
    }
    let features = number::<u32>(header, "max_feature_idx", "the header")?.saturating_add(1);
    let sets = bitsets(trees, &section, &place)?;
    let base = trees.nodes.len();
    trees.roots.push(base as u32);
    for position in 0..inner {
        let node = arrays.node(position, base, features, sets.clone(), &place)?;
        trees.numbers_only &= node.split == Split::Number;
        trees.nodes.push(node);
    }
    trees.values.extend(&arrays.internal_value);
    for (leaf, value) in arrays.leaf_value.iter().enumerate() {
        let itself = (base + inner + leaf) as u32;
        trees.nodes.push(Node {
            threshold: *value,
            children: [itself; 2],
            feature: 0,
            split: Split::Number,
            nan_right: false,
        });
        trees.values.push(*value);
    }
    Ok(())
}

/// Appends the tree's bitsets; gives their numbers.
fn bitsets(
    trees: &mut Trees,
    section: &Section<'_>,
    place: &str,
) -> Result<std::ops::Range<usize>, String> {
    let first = trees.ends.len() - 1;
    let count = match section.get("num_cat") {
        None => 0,
        Some(_) => number::<usize>(section, "num_cat", place)?,
    };
    if count == 0 {
        return Ok(first..first);
    }
    if count > LEAVES_MAX {
        return Err(format!(
            "{place}: has {count} category sets, at most {LEAVES_MAX} are read"
        ));
    }
    let boundaries: Vec<usize> = list(section, "cat_boundaries", count + 1, place)?;
    let words = boundaries.last().copied().unwrap_or_default();
    if boundaries.first() != Some(&0) || boundaries.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(format!("{place}: `cat_boundaries` does not ascend from 0"));
    }
    if trees.bits.len().saturating_add(words) > NODES_MAX {
        return Err(format!(
            "{place}: the category sets have more than {NODES_MAX} words"
        ));
    }
    let base = trees.bits.len();
    trees
        .bits
        .extend(list::<u32>(section, "cat_threshold", words, place)?);
    trees
        .ends
        .extend(boundaries[1..].iter().map(|end| (base + end) as u32));
    Ok(first..first + count)
}

impl Arrays {
    /// Inner node `position` of a tree whose nodes start at `base`.
    fn node(
        &self,
        position: usize,
        base: usize,
        features: u32,
        sets: std::ops::Range<usize>,
        place: &str,
    ) -> Result<Node, String> {
        let inner = self.threshold.len();
        // LightGBM numbers a child after its parent; that also rules out cycles.
        let child = |child: i64| match usize::try_from(child) {
            Ok(index) if index > position && index < inner => Ok((base + index) as u32),
            Ok(_) => Err(format!(
                "{place}: node {position} has child {child}, which is not after it"
            )),
            Err(_) => match usize::try_from(!child) {
                Ok(leaf) if leaf <= inner => Ok((base + inner + leaf) as u32),
                _ => Err(format!(
                    "{place}: node {position} has a leaf that does not exist"
                )),
            },
        };
        let feature = self.split_feature[position];
        if feature >= features {
            return Err(format!(
                "{place}: node {position} splits on feature {feature}, which does not exist"
            ));
        }
        // Bit 0: categories; bit 1: missing goes left; bits 2 and 3: what is missing.
        let kind = self.decision_type[position];
        let threshold = self.threshold[position];
        let default_right = kind & 2 == 0;
        let (threshold, split, nan_right) = if kind & 1 == 1 {
            // Exact: a double holds every index.
            let set = threshold as usize;
            if threshold < 0.0 || threshold.fract() != 0.0 || set >= sets.len() {
                return Err(format!(
                    "{place}: node {position} has category set {threshold}, which does not exist"
                ));
            }
            ((sets.start + set) as f64, Split::Category, true)
        } else if threshold.is_nan() {
            return Err(format!("{place}: node {position} has threshold NaN"));
        } else {
            match kind >> 2 & 3 {
                // A NaN counts as 0 where nothing is missing.
                0 => (threshold, Split::Number, 0.0 > threshold),
                1 => (threshold, Split::NumberOrZero, default_right),
                2 => (threshold, Split::Number, default_right),
                _ => {
                    return Err(format!(
                        "{place}: node {position} has an unknown missing type"
                    ));
                }
            }
        };
        Ok(Node {
            threshold,
            children: [child(self.left[position])?, child(self.right[position])?],
            feature,
            split,
            nan_right,
        })
    }
}
