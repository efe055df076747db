//! XGBoost's models, boosters gbtree and dart, in JSON or UBJSON (the same content in both).
//!
//! XGBoost computes in single precision: it rounds inputs, sends `x < t` left (here `x` at most the single
//! before `t`), and adds leaves in tree order to a margin that it starts from, rounding each sum. A leaf
//! of dart is its value times the weight of its tree, rounded. A category goes right if it is in the node's
//! set; one that is negative, unseen or no number XGBoost knows goes left.
//!
//! `cats`, which files of version 3.1 and up have, says how XGBoost recodes the categories of data frames.
//! Inputs here are the codes, as XGBoost takes them from arrays.

mod logf;
mod objective;
mod tree;

use self::objective::Objective;
use self::tree::WrittenTree;
use super::loaded::{Iterations, Loaded};
use super::stream::{Stream, fault, quote};
use crate::error::TreeError;
use crate::forest::{Forest, Precision, Sum};
use crate::limits::{FEATURES_MAX, TREES_MAX};

/// Newest major version whose files are read.
const VERSION_MAX: i64 = 3;

/// Characters of a feature's name.
const NAME_BYTES_MAX: usize = 1024;

/// What is read of a file, as written.
#[derive(Debug, Default)]
struct Written {
    version: Vec<i64>,
    booster: String,
    objective: String,
    /// Parameters, which are texts.
    base_score: String,
    class_count: Option<String>,
    target_count: Option<String>,
    feature_count: Option<String>,
    parallel_trees: Option<String>,
    best_iteration: Option<String>,
    feature_names: Vec<String>,
    /// Where each iteration's trees start, and the end; files before 2.0 have none.
    iteration_ends: Vec<i64>,
    /// The class or target of each tree.
    tree_groups: Vec<i64>,
    /// Of dart; one per tree.
    weights: Vec<f32>,
    trees: Vec<WrittenTree>,
}

/// Reads a model.
pub(super) fn load<'a>(
    mut stream: impl Stream<'a>,
    iterations: Iterations,
) -> Result<Loaded, TreeError> {
    let mut written = Written::default();
    stream.object(|stream, key| match key {
        "version" => {
            written.version = stream.numbers(8)?;
            Ok(())
        }
        "learner" => written.learner(stream),
        _ => stream.skip(),
    })?;
    stream.end()?;
    written.loaded(iterations)
}

impl Written {
    fn learner<'a>(&mut self, stream: &mut impl Stream<'a>) -> Result<(), TreeError> {
        stream.object(|stream, key| match key {
            "attributes" => stream.object(|stream, key| {
                match key {
                    "best_iteration" => self.best_iteration = Some(stream.text()?),
                    _ => stream.skip()?,
                }
                Ok(())
            }),
            "feature_names" => {
                self.feature_names.clear();
                stream.array(|stream, position| {
                    let name = stream.text()?;
                    if position >= FEATURES_MAX || name.len() > NAME_BYTES_MAX {
                        return Err(fault(&format!(
                            "item {position}: at most {FEATURES_MAX} names of at most \
                             {NAME_BYTES_MAX} bytes are read"
                        )));
                    }
                    self.feature_names.push(name);
                    Ok(())
                })
            }
            "learner_model_param" => stream.object(|stream, key| {
                match key {
                    "base_score" => self.base_score = stream.text()?,
                    "num_class" => self.class_count = Some(stream.text()?),
                    "num_target" => self.target_count = Some(stream.text()?),
                    "num_feature" => self.feature_count = Some(stream.text()?),
                    _ => stream.skip()?,
                }
                Ok(())
            }),
            "objective" => stream.object(|stream, key| {
                match key {
                    "name" => self.objective = stream.text()?,
                    _ => stream.skip()?,
                }
                Ok(())
            }),
            "gradient_booster" => self.booster(stream),
            _ => stream.skip(),
        })
    }

    fn booster<'a>(&mut self, stream: &mut impl Stream<'a>) -> Result<(), TreeError> {
        stream.object(|stream, key| {
            match key {
                "name" => self.booster = stream.text()?,
                "model" => self.model(stream)?,
                // Dart wraps a gbtree.
                "gbtree" => stream.object(|stream, key| match key {
                    "model" => self.model(stream),
                    _ => stream.skip(),
                })?,
                "weight_drop" => self.weights = stream.numbers(TREES_MAX)?,
                _ => stream.skip()?,
            }
            Ok(())
        })
    }

    fn model<'a>(&mut self, stream: &mut impl Stream<'a>) -> Result<(), TreeError> {
        stream.object(|stream, key| {
            match key {
                "gbtree_model_param" => stream.object(|stream, key| {
                    match key {
                        "num_parallel_tree" => self.parallel_trees = Some(stream.text()?),
                        _ => stream.skip()?,
                    }
                    Ok(())
                })?,
                "iteration_indptr" => self.iteration_ends = stream.numbers(TREES_MAX + 1)?,
                "tree_info" => self.tree_groups = stream.numbers(TREES_MAX)?,
                "trees" => {
                    self.trees.clear();
                    stream.array(|stream, position| {
                        if position == TREES_MAX {
                            return Err(TreeError::TooLarge {
                                what: "trees".to_owned(),
                                found: position + 1,
                                max: TREES_MAX,
                            });
                        }
                        let tree = WrittenTree::read(stream)
                            .map_err(|error| error.within(&format!("tree {position}")))?;
                        self.trees.push(tree);
                        Ok(())
                    })?;
                }
                _ => stream.skip()?,
            }
            Ok(())
        })
    }

    fn loaded(mut self, iterations: Iterations) -> Result<Loaded, TreeError> {
        self.check_support()?;
        let objective = Objective::named(&self.objective)?;
        let start = objective.margin(self.base_score()?)?;
        let names_features = !self.feature_names.is_empty();
        let features = self.features()?;
        let weights = match self.booster.as_str() {
            "dart" if self.weights.len() != self.trees.len() => {
                return Err(fault(&format!(
                    "`weight_drop` has {} items, there are {} trees",
                    self.weights.len(),
                    self.trees.len()
                )));
            }
            "dart" => Some(std::mem::take(&mut self.weights)),
            _ => None,
        };
        let kept = match iterations {
            Iterations::Best => self.best_trees()?,
            Iterations::All => self.trees.len(),
        };
        let trees_left_out = self.trees.len() - kept;
        self.trees.truncate(kept);
        let mut words_left = crate::limits::CATEGORY_WORDS_MAX;
        let mut trees = Vec::with_capacity(kept);
        for (position, written) in std::mem::take(&mut self.trees).into_iter().enumerate() {
            let weight = weights.as_ref().and_then(|weights| weights.get(position));
            let tree = written.tree(weight.copied(), &mut words_left);
            trees.push(tree.map_err(|error| error.within(&format!("tree {position}")))?);
        }
        let sum = Sum {
            precision: Precision::Single,
            start: f64::from(start),
            divisor: None,
        };
        Ok(Loaded {
            forest: Forest::new(features, trees, Precision::Single, sum, objective.link())?,
            names_features,
            objective: self.objective,
            trees_left_out,
        })
    }

    /// Refuses by name what a forest cannot say.
    fn check_support(&self) -> Result<(), TreeError> {
        let refuse = |what: String, instead: &str| {
            Err(TreeError::Unsupported {
                what,
                instead: instead.to_owned(),
            })
        };
        let Some(major) = self.version.first() else {
            return Err(fault(
                "has no `version`; it is not a model that XGBoost saved",
            ));
        };
        if !(1..=VERSION_MAX).contains(major) {
            return refuse(
                format!("version {major} of XGBoost"),
                "files of versions 1 to 3 are read",
            );
        }
        if !matches!(self.booster.as_str(), "gbtree" | "dart") {
            return refuse(
                format!("booster `{}`", quote(&self.booster)),
                "gbtree and dart are",
            );
        }
        let count = |name: &str, text: &Option<String>| match text.as_deref() {
            None => Ok(0),
            Some(text) => text
                .parse::<u32>()
                .map_err(|_| fault(&format!("`{name}` is `{}`", quote(text)))),
        };
        let classes = count("num_class", &self.class_count)?;
        if classes > 1 {
            return refuse(
                format!("a model of {classes} classes"),
                "models of one score are",
            );
        }
        let targets = count("num_target", &self.target_count)?;
        if targets > 1 || self.tree_groups.iter().any(|group| *group != 0) {
            return refuse(
                format!("a model of {} targets", targets.max(2)),
                "models of one score are",
            );
        }
        Ok(())
    }

    /// `5E-1` until 3.0, `[5E-1]` from 3.1 on, one item per target.
    fn base_score(&self) -> Result<f32, TreeError> {
        let text = self.base_score.trim();
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        let inner = inner.unwrap_or(text).trim();
        if inner.contains(',') {
            return Err(TreeError::Unsupported {
                what: "a base score of several targets".to_owned(),
                instead: "models of one score are".to_owned(),
            });
        }
        inner.parse().map_err(|_| {
            fault(&format!(
                "`base_score` is `{}`, which is not a number",
                quote(text)
            ))
        })
    }

    fn features(&mut self) -> Result<Vec<String>, TreeError> {
        let text = self.feature_count.as_deref().unwrap_or_default();
        let count: usize = text.parse().map_err(|_| {
            fault(&format!(
                "`num_feature` is `{}`, which is not a count",
                quote(text)
            ))
        })?;
        if count > FEATURES_MAX {
            return Err(TreeError::TooLarge {
                what: "features".to_owned(),
                found: count,
                max: FEATURES_MAX,
            });
        }
        if self.feature_names.is_empty() {
            // As XGBoost calls them.
            return Ok((0..count).map(|position| format!("f{position}")).collect());
        }
        if self.feature_names.len() != count {
            return Err(fault(&format!(
                "has {} feature names for {count} features",
                self.feature_names.len()
            )));
        }
        Ok(std::mem::take(&mut self.feature_names))
    }

    /// How many trees there are up to the best iteration.
    fn best_trees(&self) -> Result<usize, TreeError> {
        let Some(text) = &self.best_iteration else {
            return Ok(self.trees.len());
        };
        let best: usize = text.parse().map_err(|_| {
            fault(&format!(
                "`best_iteration` is `{}`, which is not a position",
                quote(text)
            ))
        })?;
        let end = if self.iteration_ends.is_empty() {
            let width = self.parallel_trees.as_deref().unwrap_or("1");
            let width: usize = width.parse().map_err(|_| {
                fault(&format!(
                    "`num_parallel_tree` is `{}`, which is not a count",
                    quote(width)
                ))
            })?;
            best.checked_add(1).and_then(|end| end.checked_mul(width))
        } else {
            let end = best
                .checked_add(1)
                .and_then(|end| self.iteration_ends.get(end));
            end.and_then(|end| usize::try_from(*end).ok())
        };
        end.filter(|end| (1..=self.trees.len()).contains(end))
            .ok_or_else(|| {
                fault(&format!(
                    "`best_iteration` is {best}, and there are {} trees, which do not go as far; \
                     read all iterations",
                    self.trees.len()
                ))
            })
    }
}
