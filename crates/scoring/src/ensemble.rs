//! Several models as one.

use serde::Deserialize;

use crate::math::{log_odds, logistic};

/// The kind, as in model.toml.
pub(crate) const KIND: &str = "ensemble";

/// Members of one ensemble: each costs a pass over the batch.
pub(crate) const MEMBERS_MAX: usize = 32;

/// Log-odds are cut to ±this before they are weighed: a member that is certain has not yet decided.
const LOG_ODDS_MAX: f64 = 30.0;

/// The `[ensemble]` table of model.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnsembleTable {
    pub(crate) method: Method,
    /// `stacking`: what is added to the members' terms.
    #[serde(default)]
    pub(crate) intercept: f64,
    #[serde(rename = "member")]
    pub(crate) members: Vec<MemberEntry>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberEntry {
    /// Its directory, from the directory of the ensemble.
    pub(crate) model: String,
    #[serde(default = "one")]
    pub(crate) weight: f64,
}

fn one() -> f64 {
    1.0
}

/// How the probabilities p of members become one. A member without an opinion does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The largest weight × p.
    Max,
    /// Σ weight × p / Σ weight.
    Weighted,
    /// 1 − Π (1 − weight × p): any of them is enough, and several say more than one.
    NoisyOr,
    /// 1 / (1 + e^−(intercept + Σ weight × log-odds of p)): the weights of a logistic regression on
    /// the members' log-odds. Wolpert 1992.
    Stacking,
}

/// A checked way of joining members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Combine {
    method: Method,
    intercept: f64,
    /// One per member.
    weights: Vec<f64>,
}

impl Combine {
    /// A single model: its probability is the answer.
    pub(crate) fn single() -> Self {
        Self {
            method: Method::Max,
            intercept: 0.0,
            weights: vec![1.0],
        }
    }

    /// Checks a table.
    pub(crate) fn new(table: &EnsembleTable) -> Result<Self, String> {
        if table.members.is_empty() || table.members.len() > MEMBERS_MAX {
            return Err(format!(
                "ensemble: {} members, 1 to {MEMBERS_MAX} are read",
                table.members.len()
            ));
        }
        for member in &table.members {
            let (weight, name) = (member.weight, &member.model);
            let range = match table.method {
                Method::Max | Method::NoisyOr if !(weight > 0.0 && weight <= 1.0) => {
                    "above 0, at most 1"
                }
                Method::Weighted if !(weight > 0.0 && weight.is_finite()) => "above 0",
                Method::Stacking if !(weight >= 0.0 && weight.is_finite()) => "0 or more",
                _ => continue,
            };
            return Err(format!("ensemble: the weight of `{name}` must be {range}"));
        }
        if !table.intercept.is_finite()
            || (table.intercept != 0.0 && table.method != Method::Stacking)
        {
            return Err("ensemble: intercept is a number, and for method stacking alone".into());
        }
        Ok(Self {
            method: table.method,
            intercept: table.intercept,
            weights: table.members.iter().map(|member| member.weight).collect(),
        })
    }

    /// By how much a reason of `member` counts against those of others.
    pub(crate) fn share(&self, member: usize) -> f64 {
        self.weights[member]
    }

    /// The joint probability of one row from those of the members, NaN being no opinion; NaN if none has
    /// one.
    pub(crate) fn probability(&self, members: impl Iterator<Item = f64>) -> f64 {
        let opinions = members.zip(&self.weights).filter(|(p, _)| !p.is_nan());
        let mut any = false;
        let opinions = opinions.inspect(|_| any = true);
        let joint = match self.method {
            Method::Max => opinions.map(|(p, weight)| weight * p).fold(0.0, f64::max),
            Method::NoisyOr => {
                1.0 - opinions
                    .map(|(p, weight)| 1.0 - weight * p)
                    .product::<f64>()
            }
            Method::Weighted => {
                let add = |(sum, all): (f64, f64), (p, weight): (f64, &f64)| {
                    (sum + weight * p, all + weight)
                };
                let (sum, all) = opinions.fold((0.0, 0.0), add);
                (sum / all).min(1.0)
            }
            Method::Stacking => {
                let term = |(p, weight): (f64, &f64)| {
                    weight * log_odds(p).clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX)
                };
                logistic(self.intercept + opinions.map(term).sum::<f64>())
            }
        };
        if any { joint } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combine(method: Method, intercept: f64, weights: &[f64]) -> Combine {
        let member = |weight: &f64| MemberEntry {
            model: "m".to_owned(),
            weight: *weight,
        };
        Combine::new(&EnsembleTable {
            method,
            intercept,
            members: weights.iter().map(member).collect(),
        })
        .unwrap()
    }

    #[test]
    fn each_method_is_its_formula() {
        let nan = f64::NAN;
        let of = |method, intercept, members: &[f64]| {
            combine(method, intercept, &[1.0, 0.5, 1.0]).probability(members.iter().copied())
        };
        assert_eq!(of(Method::Max, 0.0, &[0.2, 0.9, nan]), 0.45);
        assert_eq!(
            of(Method::Weighted, 0.0, &[0.2, 0.8, nan]),
            (0.2 + 0.5 * 0.8) / 1.5
        );
        assert_eq!(of(Method::NoisyOr, 0.0, &[0.5, 0.5, nan]), 1.0 - 0.5 * 0.75);
        let even = of(Method::Stacking, 1.0, &[0.5, 0.5, nan]);
        assert!((even - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
        let certain = of(Method::Stacking, 0.0, &[1.0, 0.5, 0.5]);
        assert!(certain > 0.999 && certain < 1.0);
        for method in [
            Method::Max,
            Method::Weighted,
            Method::NoisyOr,
            Method::Stacking,
        ] {
            assert!(of(method, 0.0, &[nan, nan, nan]).is_nan());
        }
    }

    #[test]
    fn weights_that_are_no_weights_are_refused() {
        let table = |method, weight, intercept| EnsembleTable {
            method,
            intercept,
            members: vec![MemberEntry {
                model: "m".to_owned(),
                weight,
            }],
        };
        assert!(Combine::new(&table(Method::NoisyOr, 1.5, 0.0)).is_err());
        assert!(Combine::new(&table(Method::Weighted, 0.0, 0.0)).is_err());
        assert!(Combine::new(&table(Method::Stacking, -1.0, 0.0)).is_err());
        assert!(Combine::new(&table(Method::Max, 1.0, 2.0)).is_err());
        assert!(Combine::new(&table(Method::Stacking, 2.5, -1.0)).is_ok());
    }
}
