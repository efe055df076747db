//! Kind `rules`: SQL predicates over features and event columns, each with a reason.
//!
//! A rule *fires* on a row where it is switched on, `when` holds, every predicate of `all` holds, one of
//! `any` does, and the feature of `min_count` is at least its count; what is not given is not asked for,
//! and what is unknown does not hold. It is switched on unless it or its group says `enabled = false`, its
//! `flag` is not among those of the configuration, or the event time of the row is before `from` or not
//! before `until`.
//!
//! A rule of probability p and weight w has the evidence e = −w ln(1 − p). All rules that fire
//! *count*, but of a group that combines by `max` only the one of the most evidence does, the first
//! of equals: rules that see the same thing are no independent witnesses. With E the sum of e over
//! the rules that count, the probability of the row is 1 − e^−E (the noisy-or 1 − Π(1 − p) where
//! weights are 1), its raw score the log-odds of that; `prior` and its log-odds where no rule
//! fires. The contribution of a rule that counts is its share e / E of the raw score less the
//! prior's, so contributions of a row sum to that; a rule that fires without counting contributes
//! 0, is told nevertheless and may raise an alert.

mod evaluate;
mod file;
mod load;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::error::ScoringError;
use crate::factory::{LoadContext, ModelFactory};
use crate::loaded::MemberKind;
pub use evaluate::Rules;

/// Makes [`Rules`].
#[derive(Debug)]
pub struct Factory;

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        "rules"
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        Ok(MemberKind::Fixed(Arc::new(load::load(artefact, context)?)))
    }
}
