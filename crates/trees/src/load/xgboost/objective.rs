//! What XGBoost's objectives make of a base score and of a margin.

use super::logf::logf;
use crate::error::TreeError;
use crate::forest::Link;
use crate::load::stream::{fault, quote};

/// An objective, as far as prediction goes (`ProbToMargin` and `PredTransform` of XGBoost).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Objective {
    base: Base,
    link: Link,
}

/// What the base score is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Base {
    /// The margin itself.
    Margin,
    /// A probability.
    Probability,
    /// A positive amount, whose logarithm is the margin.
    Amount,
}

impl Objective {
    /// # Errors
    /// Refuses what it does not know by name.
    pub(super) fn named(name: &str) -> Result<Self, TreeError> {
        let (base, link) = match name {
            "binary:logistic" | "reg:logistic" => (Base::Probability, Link::SigmoidSingle),
            // XGBoost gives out the log-odds; their probability is what training was for.
            "binary:logitraw" => (Base::Margin, Link::SigmoidSingle),
            "binary:hinge" => (Base::Margin, Link::Step),
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => (Base::Margin, Link::Identity),
            "reg:gamma" | "reg:tweedie" | "count:poisson" => (Base::Amount, Link::Exponential),
            _ => {
                return Err(TreeError::Unsupported {
                    what: format!("objective `{}`", quote(name)),
                    instead: "binary:logistic, binary:logitraw, binary:hinge, reg:logistic, \
                              reg:squarederror, reg:squaredlogerror, reg:pseudohubererror, \
                              reg:absoluteerror, reg:quantileerror, reg:gamma, reg:tweedie, \
                              count:poisson, rank:pairwise, rank:ndcg and rank:map are"
                        .to_owned(),
                });
            }
        };
        Ok(Self { base, link })
    }

    /// What the sum starts from, in XGBoost's own arithmetic.
    ///
    /// # Errors
    /// Refuses a base score that has no margin.
    pub(super) fn margin(self, base_score: f32) -> Result<f32, TreeError> {
        let margin = match self.base {
            Base::Margin => Some(base_score),
            Base::Probability => {
                (base_score > 0.0 && base_score < 1.0).then(|| -logf(1.0 / base_score - 1.0))
            }
            Base::Amount => (base_score > 0.0).then(|| logf(base_score)),
        };
        margin
            .filter(|margin| margin.is_finite())
            .ok_or_else(|| fault(&format!("`base_score` {base_score} has no finite margin")))
    }

    /// How a margin becomes a probability.
    pub(super) fn link(self) -> Link {
        self.link
    }
}
