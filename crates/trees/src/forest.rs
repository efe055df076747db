//! An ensemble of trees: the definition that every engine must meet, bit for bit.

use crate::error::TreeError;
use crate::exp::{exp, exp_single};
use crate::limits::{CATEGORY_WORDS_MAX, FEATURES_MAX, NODES_MAX, TREES_MAX};
use crate::tree::Tree;

/// An ensemble of trees.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    features: Vec<String>,
    trees: Vec<Tree>,
    input: Precision,
    sum: Sum,
    link: Link,
}

/// A floating-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

/// How leaves become a raw score: from `start`, they are added one after the other in tree order, each
/// result rounded to `precision`; then the sum is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// Format of every partial sum; leaves and start fit into it.
    pub precision: Precision,
    /// What the sum starts from.
    pub start: f64,
    /// What the sum is divided by in the end, where that is part of the raw score; not 0.
    pub divisor: Option<f64>,
}

/// How a raw score becomes a probability, in doubles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// 1 / (1 + e^(−slope × raw)), the slope being above 0.
    Sigmoid(f64),
    /// 1 / (1 + e^(−raw)) in single precision: XGBoost's own, with its bits.
    SigmoidSingle,
    /// The raw score itself, cut to 0 to 1: of regressions and rankings, whose scores are no
    /// probabilities until something calibrates them.
    Identity,
    /// e^raw, cut to 1: a rate or an expected amount.
    Exponential,
    /// ln(1 + e^raw), cut to 1.
    Softplus,
    /// 1 if the raw score is above 0, else 0.
    Step,
    /// [`Link::Sigmoid`] of the raw score divided by `trees`: LightGBM's random forests, whose raw
    /// score is the sum of their trees and whose probability is that of the mean.
    SigmoidOfMean {
        /// What the raw score is divided by, above 0.
        trees: f64,
        /// As of [`Link::Sigmoid`].
        slope: f64,
    },
    /// [`Link::Identity`] of the raw score divided by this, which is above 0.
    IdentityOfMean(f64),
    /// 2^(−raw): isolation forests, whose raw score is the mean path length over its expectation.
    PowerOfHalf,
}

impl Forest {
    /// An ensemble of at least one tree over `features`, named in input order. Values of features are
    /// rounded to `input` (to nearest, ties to even) before a tree sees them.
    ///
    /// # Errors
    /// Refuses what exceeds the limits, a tree over features that are not there, and numbers that do not
    /// fit `sum` or `link`.
    pub fn new(
        features: Vec<String>,
        trees: Vec<Tree>,
        input: Precision,
        sum: Sum,
        link: Link,
    ) -> Result<Self, TreeError> {
        let nodes = trees
            .iter()
            .map(|tree| tree.nodes().len() + tree.leaves().len());
        let words = trees
            .iter()
            .flat_map(Tree::sets)
            .map(|set| set.words().len());
        let amounts = [
            ("features", features.len(), FEATURES_MAX),
            ("trees", trees.len(), TREES_MAX),
            ("nodes and leaves", nodes.sum(), NODES_MAX),
            ("words of category sets", words.sum(), CATEGORY_WORDS_MAX),
        ];
        for (what, found, max) in amounts {
            if found > max {
                return Err(TreeError::TooLarge {
                    what: what.to_owned(),
                    found,
                    max,
                });
            }
        }
        if trees.is_empty() {
            return Err(TreeError::Format("has no tree".to_owned()));
        }
        let fits =
            |value: f64| sum.precision == Precision::Double || f64::from(value as f32) == value;
        for (position, tree) in trees.iter().enumerate() {
            let stranger = |feature: u32| feature as usize >= features.len();
            let fault = if tree.nodes().iter().any(|node| stranger(node.feature)) {
                "splits on a feature that the model does not name"
            } else if !tree.leaves().iter().all(|leaf| fits(leaf.value)) {
                "has a leaf that is not a 32-bit number, though sums are"
            } else {
                continue;
            };
            return Err(TreeError::Structure {
                tree: position,
                fault: fault.to_owned(),
            });
        }
        let is_divisor = |divisor: f64| divisor.is_finite() && divisor != 0.0;
        let is_slope = |slope: f64| slope > 0.0 && slope.is_finite();
        let numbers_are_sound = sum.start.is_finite()
            && fits(sum.start)
            && sum.divisor.is_none_or(is_divisor)
            && match link {
                Link::Sigmoid(slope) | Link::IdentityOfMean(slope) => is_slope(slope),
                Link::SigmoidOfMean { trees, slope } => is_slope(trees) && is_slope(slope),
                Link::SigmoidSingle
                | Link::Identity
                | Link::Exponential
                | Link::Softplus
                | Link::Step
                | Link::PowerOfHalf => true,
            };
        if !numbers_are_sound {
            return Err(TreeError::Format(
                "has a base score, divisor or slope that is not a usable number".to_owned(),
            ));
        }
        Ok(Self {
            features,
            trees,
            input,
            sum,
            link,
        })
    }

    /// Names of the features, in input order.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The trees, in the order in which their leaves are added.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// What values are rounded to before a tree sees them.
    pub fn input(&self) -> Precision {
        self.input
    }

    /// How leaves are added.
    pub fn sum(&self) -> Sum {
        self.sum
    }

    /// How a raw score becomes a probability.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The raw score of one row, one value per feature, NaN being missing: the definition. Engines are
    /// faster and give the same bits.
    pub fn raw_score(&self, row: &[f64]) -> f64 {
        let value = |feature: u32| self.input.round(row[feature as usize]);
        let leaves = self.trees.iter().map(|tree| {
            let leaf = tree.leaf_of(value);
            tree.leaves()[leaf as usize].value
        });
        self.sum.of(leaves)
    }
}

impl Precision {
    /// The nearest number of this format.
    #[inline(always)]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::Single => f64::from(value as f32),
            Self::Double => value,
        }
    }
}

impl Sum {
    /// The raw score that `leaves`, in tree order, add up to.
    pub fn of(&self, leaves: impl Iterator<Item = f64>) -> f64 {
        // The sum of two singles rounded from double to single is the single sum: doubles have more
        // than twice the digits, so rounding twice is rounding once.
        let add = |sum, leaf: f64| self.precision.round(sum + leaf);
        let sum = leaves.fold(self.start, add);
        match self.divisor {
            Some(divisor) => self.precision.round(sum / divisor),
            None => sum,
        }
    }
}

impl Link {
    /// The probability of a raw score, 0 to 1.
    pub fn probability(self, raw: f64) -> f64 {
        match self {
            Self::Sigmoid(slope) => sigmoid(slope, raw),
            Self::SigmoidSingle => {
                // XGBoost cuts there, lest the exponential overflow.
                let power = exp_single((-raw as f32).min(88.7));
                f64::from(1.0 / (power + 1.0))
            }
            Self::SigmoidOfMean { trees, slope } => sigmoid(slope, raw / trees),
            Self::IdentityOfMean(trees) => (raw / trees).clamp(0.0, 1.0),
            Self::Identity => raw.clamp(0.0, 1.0),
            Self::Exponential => exp(raw).min(1.0),
            Self::Softplus => libm::log1p(exp(raw)).min(1.0),
            Self::Step => f64::from(u8::from(raw > 0.0)),
            Self::PowerOfHalf => libm::exp2(-raw).clamp(0.0, 1.0),
        }
    }
}

fn sigmoid(slope: f64, raw: f64) -> f64 {
    1.0 / (1.0 + exp(-slope * raw))
}
