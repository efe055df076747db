//! Which rules fire on a row, and what they make of it.

use std::sync::Arc;

use arrow::array::ArrayRef;
use tillwatch_predicate::PredicateSet;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Reason, ReasonDefinition};

use crate::model::{Model, ModelInfo, ModelInput, ModelOutput, RuleInfo, Shedding, Signal};
use crate::values::value_at;

/// A list of rules.
#[derive(Debug)]
pub struct Rules {
    pub(super) info: ModelInfo,
    /// Probability where nothing fires, in (0, 1).
    pub(super) prior: f64,
    pub(super) prior_raw: f64,
    /// What the rules ask, in the order of their conditions' numbers.
    pub(super) conditions: PredicateSet,
    /// Where the inputs of the conditions are among the model's.
    pub(super) inputs: Vec<usize>,
    /// Those that are switched on.
    pub(super) rules: Vec<Rule>,
    /// One per rule.
    pub(super) infos: Vec<RuleInfo>,
    /// Groups that combine by `max`; [`Rule::rivals`] counts them.
    pub(super) max_groups: usize,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) definition: Arc<ReasonDefinition>,
    /// Numbers of conditions of which each must hold; at least one, or `any` has.
    pub(super) all: Vec<usize>,
    /// Those of which one must hold, unless there is none.
    pub(super) any: Vec<usize>,
    /// (1 − probability)^weight, below 1 − prior.
    pub(super) miss: f64,
    /// −weight × ln(1 − probability).
    pub(super) evidence: f64,
    /// Which group combining by `max` it is of.
    pub(super) rivals: Option<usize>,
    /// In place of the configured one.
    pub(super) cooldown: Option<DurationMs>,
    /// Index of the input whose value is shown.
    pub(super) feature: usize,
    /// Index of the input that is usual for the key.
    pub(super) baseline: Option<usize>,
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

impl Model for Rules {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// Rules cost little, and a score by them alone is what a late batch gets.
    fn shedding(&self) -> Shedding {
        Shedding::Never
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

/// Buffers of one pass, used again from rule to rule.
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
