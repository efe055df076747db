//! Kind `rules`: SQL predicates over features and event columns, each with a reason.
//!
//! The probability of a row is the noisy-or of the rules that fire, 1 − Π(1 − pᵢ); `prior` where
//! none does. The raw score is its log-odds. A fired rule's contribution is its share, by
//! −ln(1 − pᵢ), of the raw score less the prior's raw score: contributions of a row sum to that.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use serde::Deserialize;
use tillwatch_predicate::{Predicate, Scope};
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::{Reason, ReasonDefinition, Severity, Typology};

use super::log_odds;
use crate::error::ScoringError;
use crate::limits::RULES_MAX;
use crate::loaded::MemberKind;
use crate::model::{Model, ModelInfo, ModelInput, ModelOutput, RuleInfo};
use crate::registry::{LoadContext, ModelFactory};
use crate::text::{read_toml, utf8};
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
    rules: Vec<Rule>,
    /// One per rule.
    infos: Vec<RuleInfo>,
}

#[derive(Debug)]
struct Rule {
    definition: Arc<ReasonDefinition>,
    when: Condition,
    min_count: Option<Condition>,
    /// Above the prior, below 1.
    probability: f64,
    /// −ln(1 − probability).
    weight: f64,
    /// Index of the input whose value is shown.
    feature: usize,
    /// Index of the input that is usual for the key.
    baseline: Option<usize>,
}

/// A predicate and where its inputs are among the model's.
#[derive(Debug)]
struct Condition {
    predicate: Predicate,
    inputs: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_prior")]
    prior: f64,
    #[serde(rename = "rule")]
    rules: Vec<Entry>,
}

/// Card-present fraud is of the order of one in a thousand.
fn default_prior() -> f64 {
    0.001
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    code: String,
    typology: Option<Typology>,
    severity: Severity,
    when: String,
    probability: f64,
    feature: String,
    baseline: Option<String>,
    threshold: Option<f64>,
    #[serde(default)]
    window: String,
    words: String,
    #[serde(default)]
    action: String,
    min_count: Option<MinCount>,
}

/// The rule fires only where `feature` is at least `count`: ratios of a handful say nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinCount {
    feature: String,
    count: f64,
}

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        let file: File = read_toml(context.artefact, utf8(context.artefact, artefact)?)?;
        if file.rules.is_empty() || file.rules.len() > RULES_MAX {
            return Err(context.error(format!(
                "has {} rules, 1 to {RULES_MAX} are read",
                file.rules.len()
            )));
        }
        if !(file.prior > 0.0 && file.prior < 1.0) {
            return Err(context.error("prior is a probability above 0 and below 1"));
        }
        // Inputs of model.toml come first, in their order: golden vectors rely on it.
        let mut names = context.info.inputs.clone();
        let mut parsed = Vec::with_capacity(file.rules.len());
        for entry in file.rules {
            let predicates = predicates(&entry, &context)?;
            let read: BTreeSet<&String> = predicates.iter().flat_map(Predicate::inputs).collect();
            for name in read
                .into_iter()
                .chain([&entry.feature])
                .chain(&entry.baseline)
            {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            parsed.push((entry, predicates));
        }
        let mut rules = Vec::with_capacity(parsed.len());
        for (entry, predicates) in parsed {
            rules.push(rule(entry, predicates, &names, file.prior, &context)?);
        }
        Ok(MemberKind::Fixed(Arc::new(Rules {
            info: ModelInfo {
                inputs: names,
                ..context.info
            },
            prior: file.prior,
            prior_raw: log_odds(file.prior),
            infos: rules.iter().map(Rule::info).collect(),
            rules,
        })))
    }
}

/// The conditions of a rule: its own and that of its least count.
fn predicates(entry: &Entry, context: &LoadContext<'_>) -> Result<Vec<Predicate>, ScoringError> {
    let parse = |sql: &str| {
        Predicate::parse(sql, context.scope).map_err(|source| ScoringError::Rule {
            file: context.artefact.to_owned(),
            rule: entry.code.clone(),
            source: Box::new(source),
        })
    };
    let mut predicates = vec![parse(&entry.when)?];
    if let Some(least) = &entry.min_count {
        let name = least.feature.replace('"', "\"\"");
        predicates.push(parse(&format!("\"{name}\" >= {:?}", least.count))?);
    }
    for name in std::iter::once(&entry.feature).chain(&entry.baseline) {
        if context.scope.data_type(name).is_none() {
            let known = context.scope.names();
            return Err(ScoringError::UnknownInput {
                model: context.info.name.clone(),
                input: name.clone(),
                hint: did_you_mean(name, known.iter().map(String::as_str)),
            });
        }
    }
    Ok(predicates)
}

fn rule(
    entry: Entry,
    predicates: Vec<Predicate>,
    names: &[String],
    prior: f64,
    context: &LoadContext<'_>,
) -> Result<Rule, ScoringError> {
    let probability = entry.probability;
    if !(probability > prior && probability < 1.0) {
        let message = format!(
            "rule `{}`: probability must be above the prior {prior} and below 1",
            entry.code
        );
        return Err(context.error(message));
    }
    let index = |name: &String| names.iter().position(|known| known == name);
    let mut conditions = predicates.into_iter().map(|predicate| Condition {
        inputs: predicate.inputs().iter().filter_map(index).collect(),
        predicate,
    });
    let (Some(when), Some(feature)) = (conditions.next(), index(&entry.feature)) else {
        return Err(context.error(format!("rule `{}` has no condition", entry.code)));
    };
    Ok(Rule {
        when,
        min_count: conditions.next(),
        probability,
        weight: -libm::log1p(-probability),
        feature,
        baseline: entry.baseline.as_ref().and_then(index),
        definition: Arc::new(ReasonDefinition {
            code: entry.code,
            typology: entry.typology,
            severity: entry.severity,
            feature: entry.feature,
            threshold: entry.threshold,
            window: entry.window,
            words: entry.words,
            action: entry.action,
        }),
    })
}

/// Memory of one pass, reused from rule to rule.
#[derive(Default)]
struct Scratch {
    words: Vec<u64>,
    least: Vec<u64>,
    columns: Vec<ArrayRef>,
    /// (row, rule), rules in order within a row once sorted.
    fired: Vec<(u32, u32)>,
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
        for (number, rule) in self.rules.iter().enumerate() {
            scratch.collect(number, rule, input);
        }
        output
            .raw
            .resize(output.raw.len() + input.rows, self.prior_raw);
        let first = output.probability.len();
        output.probability.resize(first + input.rows, self.prior);
        scratch.fired.sort_unstable();
        for fired in scratch.fired.chunk_by(|a, b| a.0 == b.0) {
            self.combine(first, fired, input, output);
        }
    }
}

impl Scratch {
    /// Adds the rows where `rule` fires.
    fn collect(&mut self, number: usize, rule: &Rule, input: &ModelInput<'_>) {
        rule.when
            .evaluate(input, &mut self.columns, &mut self.words);
        if self.words.iter().all(|word| *word == 0) {
            return;
        }
        if let Some(least) = &rule.min_count {
            least.evaluate(input, &mut self.columns, &mut self.least);
            let pairs = self.words.iter_mut().zip(&self.least);
            pairs.for_each(|(word, least)| *word &= least);
        }
        for (block, word) in self.words.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let row = block as u32 * u64::BITS + word.trailing_zeros();
                self.fired.push((row, number as u32));
                word &= word - 1;
            }
        }
    }
}

impl Rule {
    fn info(&self) -> RuleInfo {
        let conditions = std::iter::once(&self.when).chain(&self.min_count);
        let reads = conditions.flat_map(|condition| condition.predicate.inputs());
        let reads: BTreeSet<String> = reads.cloned().collect();
        RuleInfo {
            definition: Arc::clone(&self.definition),
            reads: reads.into_iter().collect(),
        }
    }
}

impl Condition {
    fn evaluate(&self, input: &ModelInput<'_>, columns: &mut Vec<ArrayRef>, words: &mut Vec<u64>) {
        columns.clear();
        columns.extend(
            self.inputs
                .iter()
                .map(|slot| Arc::clone(&input.columns[*slot])),
        );
        self.predicate.evaluate_words(columns, input.rows, words);
    }
}

impl Rules {
    /// Scores one row from the rules that fired on it; `first` is where the batch starts in `output`.
    fn combine(
        &self,
        first: usize,
        fired: &[(u32, u32)],
        input: &ModelInput<'_>,
        output: &mut ModelOutput,
    ) {
        let Some((row, _)) = fired.first() else {
            return;
        };
        let row = *row as usize;
        let rules = || {
            fired
                .iter()
                .map(|(_, number)| &self.rules[*number as usize])
        };
        let miss: f64 = rules().map(|rule| 1.0 - rule.probability).product();
        let weight: f64 = rules().map(|rule| rule.weight).sum();
        // ln((1 − miss) / miss), with −ln(miss) from the weights: many rules make `miss` underflow.
        let raw = libm::log1p(-miss) + weight;
        output.raw[first + row] = raw;
        output.probability[first + row] = 1.0 - miss;
        for rule in rules() {
            let value = |slot: usize| value_at(&input.columns[slot], row);
            let reason = Reason {
                definition: Arc::clone(&rule.definition),
                value: value(rule.feature),
                baseline: rule.baseline.map(value).filter(|value| !value.is_nan()),
                contribution: (raw - self.prior_raw) * rule.weight / weight,
            };
            output.push_reason(row, reason, true);
        }
    }
}
