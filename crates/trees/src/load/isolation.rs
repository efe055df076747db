//! Isolation forests of scikit-learn, as JSON. `docs/isolation-forest.md` describes the fields.
//!
//! scikit-learn rounds inputs to single precision, adds a leaf's path length per tree in doubles, divides
//! by trees × expected path length, and takes 2 to the power of minus that.

use super::arrays::{Entry, tree};
use super::loaded::{Loaded, are_names};
use super::stream::{Stream, fault};
use crate::error::TreeError;
use crate::forest::{Forest, Link, Precision, Sum};
use crate::limits::{FEATURES_MAX, LEAVES_MAX, TREES_MAX};
use crate::tree::{Leaf, Test, Tree};

/// Nodes of one tree, leaves among them.
const ENTRIES_MAX: usize = 2 * LEAVES_MAX;

/// A file, as written.
#[derive(Debug, Default)]
struct Written {
    format: String,
    version: i64,
    features: Vec<String>,
    expected_path_length: f64,
    trees: Vec<Tree>,
}

/// A tree, as written: one item per node.
#[derive(Debug, Default)]
struct Nodes {
    feature: Vec<i64>,
    threshold: Vec<f64>,
    left: Vec<i64>,
    right: Vec<i64>,
    missing_left: Vec<u8>,
    samples: Vec<f64>,
    path_length: Vec<f64>,
}

/// Reads an isolation forest.
pub(super) fn load<'a>(mut stream: impl Stream<'a>) -> Result<Loaded, TreeError> {
    let mut written = Written::default();
    stream.object(|stream, key| {
        match key {
            "format" => written.format = stream.text()?,
            "version" => written.version = stream.number()?,
            "features" => stream.array(|stream, position| {
                check_count("features", position, FEATURES_MAX)?;
                written.features.push(stream.text()?);
                Ok(())
            })?,
            "expected_path_length" => written.expected_path_length = stream.number()?,
            "trees" => stream.array(|stream, position| {
                check_count("trees", position, TREES_MAX)?;
                let nodes =
                    read_tree(stream).map_err(|error| error.within(&format!("tree {position}")))?;
                let tree = nodes.tree().map_err(|fault| TreeError::Structure {
                    tree: position,
                    fault,
                })?;
                written.trees.push(tree);
                Ok(())
            })?,
            // A misspelt field would be a missing one.
            _ => return Err(fault("is not a field of isolation forests")),
        }
        Ok(())
    })?;
    stream.end()?;
    if written.format != "isolation-forest" {
        return Err(fault("`format` is not `isolation-forest`"));
    }
    if written.version != 1 {
        return Err(TreeError::Unsupported {
            what: format!("version {}", written.version),
            instead: "version 1 is read".to_owned(),
        });
    }
    if written.expected_path_length <= 0.0 {
        return Err(fault("`expected_path_length` is not above 0"));
    }
    let sum = Sum {
        precision: Precision::Double,
        start: 0.0,
        divisor: Some(written.trees.len() as f64 * written.expected_path_length),
    };
    Ok(Loaded {
        names_features: are_names(&written.features, "f"),
        forest: Forest::new(
            written.features,
            written.trees,
            Precision::Single,
            sum,
            Link::PowerOfHalf,
        )?,
        objective: "isolation".to_owned(),
        trees_left_out: 0,
    })
}

fn check_count(what: &str, position: usize, max: usize) -> Result<(), TreeError> {
    if position < max {
        return Ok(());
    }
    Err(TreeError::TooLarge {
        what: what.to_owned(),
        found: position + 1,
        max,
    })
}

fn read_tree<'a>(stream: &mut impl Stream<'a>) -> Result<Nodes, TreeError> {
    let mut nodes = Nodes::default();
    stream.object(|stream, key| {
        match key {
            "feature" => nodes.feature = stream.numbers(ENTRIES_MAX)?,
            "threshold" => nodes.threshold = stream.numbers(ENTRIES_MAX)?,
            "left" => nodes.left = stream.numbers(ENTRIES_MAX)?,
            "right" => nodes.right = stream.numbers(ENTRIES_MAX)?,
            "missing_left" => nodes.missing_left = stream.numbers(ENTRIES_MAX)?,
            "samples" => nodes.samples = stream.numbers(ENTRIES_MAX)?,
            "path_length" => nodes.path_length = stream.numbers(ENTRIES_MAX)?,
            _ => return Err(fault("is not a field of trees")),
        }
        Ok(())
    })?;
    Ok(nodes)
}

impl Nodes {
    fn tree(&self) -> Result<Tree, String> {
        let count = self.left.len();
        let lengths = [
            ("feature", self.feature.len()),
            ("threshold", self.threshold.len()),
            ("right", self.right.len()),
            ("missing_left", self.missing_left.len()),
            ("samples", self.samples.len()),
            ("path_length", self.path_length.len()),
        ];
        if let Some((field, length)) = lengths.iter().find(|(_, length)| *length != count) {
            return Err(format!(
                "`{field}` has {length} items, `left` has {count}; each has one per node"
            ));
        }
        tree(count, Vec::new(), |position| {
            let (left, right) = (self.left[position], self.right[position]);
            let cover = self.samples[position];
            if left == -1 && right == -1 {
                return Ok(Entry::End(Leaf {
                    value: self.path_length[position],
                    cover,
                }));
            }
            let child = |child: i64| {
                usize::try_from(child).map_err(|_| format!("node {position} has child {child}"))
            };
            let feature = self.feature[position];
            Ok(Entry::Split {
                feature: u32::try_from(feature)
                    .map_err(|_| format!("node {position} splits on feature {feature}"))?,
                test: Test::AtMost {
                    bound: self.threshold[position],
                    missing_left: self.missing_left[position] != 0,
                    zero_is_missing: false,
                },
                left: child(left)?,
                right: child(right)?,
                cover,
            })
        })
    }
}
