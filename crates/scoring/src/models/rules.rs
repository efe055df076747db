//! Kind `rules`: SQL predicates over features and event columns, each with a reason.
//!
//! A rule *fires* on a row where it is switched on, `when` holds, every predicate of `all` holds, one of
//! `any` does, and the feature of `min_count` is at least its count; what is not given is not asked for,
//! and what is unknown does not hold. It is switched on unless it or its group says `enabled = false`, its
//! `flag` is not among those of the configuration, or the event time of the row is before `from` or not
//! before `until`.
//!
//! A rule of probability p and weight w has the evidence e = −w ln(1 − p). All rules that fire *count*, but of
//! a group that combines by `max` only the one of the most evidence does, the first of equals: rules that see
//! the same thing are no independent witnesses. With E the sum of e over the rules that count, the
//! probability of the row is 1 − e^−E (the noisy-or 1 − Π(1 − p) where weights are 1), its raw score the
//! log-odds of that; `prior` and its log-odds where no rule fires. The contribution of a rule that counts is
//! its share e / E of the raw score less the prior's, so contributions of a row sum to that; a rule that
//! fires without counting contributes 0, is told nevertheless and may raise an alert.

mod file;
mod load;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::ArrayRef;
use tillwatch_predicate::PredicateSet;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Reason, ReasonDefinition};

use crate::error::ScoringError;
use crate::loaded::MemberKind;
use crate::model::{Model, ModelInfo, ModelInput, ModelOutput, RuleInfo, Signal};
use crate::registry::{LoadContext, ModelFactory};
use crate::values::value_at;

/// The kind, as in model.toml.
pub const KIND: &str = "rules";

/// Makes [`Rules`].
#[derive(Debug)]
pub struct Factory;

/// A list of rules.
#[derive(Debug)]
pub struct Rules {
    info: ModelInfo,
    /// Probability where nothing fires, in (0, 1).
    prior: f64,
    prior_raw: f64,
    /// What the rules ask, in the order of their conditions' numbers.
    conditions: PredicateSet,
    /// Where the inputs of the conditions are among the model's.
    inputs: Vec<usize>,
    /// Those that are switched on.
    rules: Vec<Rule>,
    /// One per rule.
    infos: Vec<RuleInfo>,
    /// Groups that combine by `max`; [`Rule::rivals`] counts them.
    max_groups: usize,
}

#[derive(Debug)]
struct Rule {
    definition: Arc<ReasonDefinition>,
    /// Numbers of conditions of which each must hold; at least one, or `any` has.
    all: Vec<usize>,
    /// Those of which one must hold, unless there is none.
    any: Vec<usize>,
    /// (1 − probability)^weight, below 1 − prior.
    miss: f64,
    /// −weight × ln(1 − probability).
    evidence: f64,
    /// Which group combining by `max` it is of.
    rivals: Option<usize>,
    /// In place of the configured one.
    cooldown: Option<DurationMs>,
    /// Index of the input whose value is shown.
    feature: usize,
    /// Index of the input that is usual for the key.
    baseline: Option<usize>,
}

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        Ok(MemberKind::Fixed(Arc::new(load::load(artefact, context)?)))
    }
}

impl Model for Rules {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput) {
        let mut scratch = Scratch::default();
        let columns = self.inputs.iter().map(|slot| &input.columns[*slot]);
        let columns: Vec<ArrayRef> = columns.cloned().collect();
        let mut holds = Vec::new();
        self.conditions
            .evaluate_words(&columns, input.rows, &mut holds);
        for (number, rule) in self.rules.iter().enumerate() {
            scratch.collect(number, rule, &holds, input.rows);
        }
        output
            .raw
            .resize(output.raw.len() + input.rows, self.prior_raw);
        let first = output.probability.len();
        output.probability.resize(first + input.rows, self.prior);
        scratch.fired.sort_unstable();
        scratch.strongest.resize(self.max_groups, None);
        for fired in scratch.fired.chunk_by(|a, b| a.0 == b.0) {
            self.combine(first, fired, &mut scratch.strongest, input, output);
        }
    }
}

/// Memory of one pass, reused from rule to rule.
#[derive(Default)]
struct Scratch {
    /// Bits of rows: where a rule fires, where any of its alternatives holds.
    fires: Vec<u64>,
    either: Vec<u64>,
    /// (row, rule), rules in order within a row once sorted.
    fired: Vec<(u32, u32)>,
    /// Per group that combines by `max`, the rule that counts on the row at hand; none between rows.
    strongest: Vec<Option<u32>>,
}

impl Scratch {
    /// Adds the rows where `rule` fires; `holds` has the bits of each condition.
    fn collect(&mut self, number: usize, rule: &Rule, holds: &[Vec<u64>], rows: usize) {
        let Self { fires, either, .. } = self;
        fires.clear();
        fires.resize(rows.div_ceil(u64::BITS as usize), u64::MAX);
        for condition in &rule.all {
            narrow(fires, &holds[*condition]);
            if fires.iter().all(|word| *word == 0) {
                return;
            }
        }
        if !rule.any.is_empty() {
            either.clear();
            either.resize(fires.len(), 0);
            for condition in &rule.any {
                let pairs = either.iter_mut().zip(&holds[*condition]);
                pairs.for_each(|(either, holds)| *either |= holds);
            }
            narrow(fires, either);
        }
        for (block, word) in self.fires.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let row = block as u32 * u64::BITS + word.trailing_zeros();
                self.fired.push((row, number as u32));
                word &= word - 1;
            }
        }
    }
}

/// Leaves those bits of `words` that are set in `by` too.
fn narrow(words: &mut [u64], by: &[u64]) {
    debug_assert_eq!(words.len(), by.len());
    words.iter_mut().zip(by).for_each(|(word, by)| *word &= by);
}

impl Rules {
    /// Scores one row from the rules that fired on it; `first` is where the batch starts in `output`.
    fn combine(
        &self,
        first: usize,
        fired: &[(u32, u32)],
        strongest: &mut [Option<u32>],
        input: &ModelInput<'_>,
        output: &mut ModelOutput,
    ) {
        let Some((row, _)) = fired.first() else {
            return;
        };
        let row = *row as usize;
        let rule = |number: u32| &self.rules[number as usize];
        for (_, number) in fired {
            if let Some(group) = rule(*number).rivals {
                let known = strongest[group];
                let is_stronger = |known: u32| rule(*number).evidence > rule(known).evidence;
                if known.is_none_or(is_stronger) {
                    strongest[group] = Some(*number);
                }
            }
        }
        let counts = |number: u32| {
            let rivals = rule(number).rivals;
            rivals.is_none_or(|group| strongest[group] == Some(number))
        };
        let counting = || {
            let numbers = fired.iter().map(|(_, number)| *number);
            numbers.filter(|number| counts(*number)).map(rule)
        };
        let miss: f64 = counting().map(|rule| rule.miss).product();
        let evidence: f64 = counting().map(|rule| rule.evidence).sum();
        // ln((1 − miss) / miss), with −ln(miss) from the evidence: many rules make `miss` underflow.
        let raw = libm::log1p(-miss) + evidence;
        output.raw[first + row] = raw;
        output.probability[first + row] = 1.0 - miss;
        for (_, number) in fired {
            let found = rule(*number);
            let value = |slot: usize| value_at(&input.columns[slot], row);
            let contribution = if counts(*number) {
                (raw - self.prior_raw) * found.evidence / evidence
            } else {
                0.0
            };
            output.signals.push(Signal {
                row: row as u32,
                reason: Reason {
                    definition: Arc::clone(&found.definition),
                    value: value(found.feature),
                    baseline: found.baseline.map(value).filter(|value| !value.is_nan()),
                    contribution,
                },
                fired: true,
                cooldown: found.cooldown,
            });
        }
        for (_, number) in fired {
            if let Some(group) = rule(*number).rivals {
                strongest[group] = None;
            }
        }
    }
}
