//! From rules.toml to rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use tillwatch_predicate::{Predicate, PredicateSet, Scope as _};
use tillwatch_records::ReasonDefinition;
use tillwatch_records::suggest::did_you_mean;

use super::evaluate::{Rule, Rules};
use super::file::{Combine, Entry, File, Group};
use crate::error::ScoringError;
use crate::factory::LoadContext;
use crate::limits::{RULE_CONDITIONS_MAX, RULE_WEIGHT_MAX, RULES_MAX};
use crate::math::log_odds;
use crate::model::{ModelInfo, RuleInfo};
use crate::text::{read_toml, utf8};

/// Reads and checks every rule; keeps those that are switched on.
pub(super) fn load(artefact: &[u8], context: LoadContext<'_>) -> Result<Rules, ScoringError> {
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
    for (position, group) in file.groups.iter().enumerate() {
        if file.groups[..position].iter().any(|g| g.name == group.name) {
            return Err(context.error(format!("group `{}` is there twice", group.name)));
        }
    }
    // Inputs of model.toml come first, in their order: golden vectors rely on it.
    let mut names = context.info.inputs.clone();
    let mut drafts = Vec::with_capacity(file.rules.len());
    for entry in file.rules {
        let draft = Draft::new(entry, &file.groups, file.prior, &context)?;
        if draft.is_on(&file.groups, context.flags) {
            draft.name_inputs(&mut names);
            drafts.push(draft);
        }
    }
    let mut rules = Vec::with_capacity(drafts.len());
    let mut infos = Vec::with_capacity(drafts.len());
    let mut conditions = Vec::new();
    for draft in drafts {
        let reads = draft.reads();
        let rule = draft.rule(&file.groups, &names, &mut conditions, &context)?;
        infos.push(RuleInfo {
            definition: Arc::clone(&rule.definition),
            reads,
        });
        rules.push(rule);
    }
    let conditions = PredicateSet::new(&conditions.iter().collect::<Vec<_>>(), &[]);
    let index = |name: &String| names.iter().position(|known| known == name);
    let inputs = conditions.inputs().iter().filter_map(index).collect();
    Ok(Rules {
        info: ModelInfo {
            inputs: names,
            ..context.info
        },
        prior: file.prior,
        prior_raw: log_odds(file.prior),
        infos,
        rules,
        inputs,
        conditions,
        max_groups: file.groups.len(),
    })
}

/// A rule that was checked, on or off.
struct Draft {
    entry: Entry,
    all: Vec<Predicate>,
    any: Vec<Predicate>,
    /// Its position in the file.
    group: Option<usize>,
    evidence: f64,
    miss: f64,
}

impl Draft {
    fn new(
        entry: Entry,
        groups: &[Group],
        prior: f64,
        context: &LoadContext<'_>,
    ) -> Result<Self, ScoringError> {
        let refuse =
            |message: String| Err(context.error(format!("rule `{}`: {message}", entry.code)));
        let (all, any) = predicates(&entry, context)?;
        let group = entry.group.as_ref().map(|name| {
            let found = groups.iter().position(|group| group.name == *name);
            found.ok_or_else(|| {
                let hint = did_you_mean(name, groups.iter().map(|group| group.name.as_str()));
                format!("no [[group]] is called `{name}`{hint}")
            })
        });
        let group = match group.transpose() {
            Ok(group) => group,
            Err(message) => return refuse(message),
        };
        let (probability, weight) = (entry.probability, entry.weight);
        if !(weight > 0.0 && weight <= RULE_WEIGHT_MAX) {
            return refuse(format!("weight must be above 0, at most {RULE_WEIGHT_MAX}"));
        }
        let evidence = -weight * libm::log1p(-probability);
        // The common weight leaves the noisy-or of probabilities as everybody writes it, to the bit.
        let (miss, effective) = if weight == 1.0 {
            (1.0 - probability, probability)
        } else {
            (libm::exp(-evidence), -libm::expm1(-evidence))
        };
        if !(probability < 1.0 && effective > prior) {
            let weighed = if weight == 1.0 {
                String::new()
            } else {
                format!(", weight {weight} makes it {effective}")
            };
            return refuse(format!(
                "probability must be above the prior {prior} and below 1{weighed}"
            ));
        }
        Ok(Self {
            entry,
            all,
            any,
            group,
            evidence,
            miss,
        })
    }

    /// Whether it can ever fire.
    fn is_on(&self, groups: &[Group], flags: &[String]) -> bool {
        let flag = self.entry.flag.as_ref();
        self.entry.enabled
            && self.group.is_none_or(|group| groups[group].enabled)
            && flag.is_none_or(|flag| flags.contains(flag))
    }

    /// Adds what it reads and shows.
    fn name_inputs(&self, names: &mut Vec<String>) {
        let mut read: Vec<&String> = self.predicates().flat_map(Predicate::inputs).collect();
        read.sort_unstable();
        for name in read
            .into_iter()
            .chain([&self.entry.feature])
            .chain(&self.entry.baseline)
        {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }

    fn predicates(&self) -> impl Iterator<Item = &Predicate> {
        self.all.iter().chain(&self.any)
    }

    /// What its conditions read, in the order of names.
    fn reads(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.predicates().flat_map(Predicate::inputs).collect();
        names.into_iter().cloned().collect()
    }

    fn rule(
        self,
        groups: &[Group],
        names: &[String],
        conditions: &mut Vec<Predicate>,
        context: &LoadContext<'_>,
    ) -> Result<Rule, ScoringError> {
        let index = |name: &String| names.iter().position(|known| known == name);
        let mut add = |predicates: Vec<Predicate>| -> Vec<usize> {
            let first = conditions.len();
            conditions.extend(predicates);
            (first..conditions.len()).collect()
        };
        let entry = self.entry;
        let Some(feature) = index(&entry.feature) else {
            return Err(context.error(format!("rule `{}` shows no input", entry.code)));
        };
        let is_max = |group: &usize| groups[*group].combine == Combine::Max;
        Ok(Rule {
            all: add(self.all),
            any: add(self.any),
            miss: self.miss,
            evidence: self.evidence,
            rivals: self.group.filter(is_max),
            cooldown: entry.cooldown,
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
}

/// The conditions of a rule: those that all must hold, and those of which one must.
fn predicates(
    entry: &Entry,
    context: &LoadContext<'_>,
) -> Result<(Vec<Predicate>, Vec<Predicate>), ScoringError> {
    let refuse = |message: String| context.error(format!("rule `{}`: {message}", entry.code));
    let written = [("all", &entry.all), ("any", &entry.any)];
    if entry.when.is_none() && written.iter().all(|(_, list)| list.is_none()) {
        return Err(refuse(
            "has no condition; give `when`, `all` or `any`".into(),
        ));
    }
    for (key, list) in written {
        let count = list.as_ref().map_or(1, Vec::len);
        if count == 0 || count > RULE_CONDITIONS_MAX {
            return Err(refuse(format!(
                "`{key}` has {count} conditions, 1 to {RULE_CONDITIONS_MAX} are read"
            )));
        }
    }
    let parse = |sql: &str| {
        Predicate::parse(sql, context.scope).map_err(|source| ScoringError::Rule {
            file: context.artefact.to_owned(),
            rule: entry.code.clone(),
            source: Box::new(source),
        })
    };
    // First, so that outside of its times a rule costs a comparison.
    let mut all = times(entry, context, &parse)?;
    for sql in entry.when.iter().chain(entry.all.iter().flatten()) {
        all.push(parse(sql)?);
    }
    if let Some(least) = &entry.min_count {
        let name = least.feature.replace('"', "\"\"");
        all.push(parse(&format!("\"{name}\" >= {:?}", least.count))?);
    }
    let mut any = Vec::new();
    for sql in entry.any.iter().flatten() {
        any.push(parse(sql)?);
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
    Ok((all, any))
}

/// The conditions that switch a rule on from and until its times.
fn times(
    entry: &Entry,
    context: &LoadContext<'_>,
    parse: &impl Fn(&str) -> Result<Predicate, ScoringError>,
) -> Result<Vec<Predicate>, ScoringError> {
    if let (Some(from), Some(until)) = (&entry.from, &entry.until) {
        let (from, until) = (from.0, until.0);
        let sql = format!("TIMESTAMP '{from}' < TIMESTAMP '{until}'");
        if !parse(&sql)?.evaluate(&[], 1).value(0) {
            let message = format!("from {from} is not before until {until}");
            return Err(context.error(format!("rule `{}`: {message}", entry.code)));
        }
    }
    [(">=", &entry.from), ("<", &entry.until)]
        .into_iter()
        .filter_map(|(sign, moment)| Some((sign, moment.as_ref()?)))
        .map(|(sign, moment)| parse(&format!("event_time {sign} TIMESTAMP '{}'", moment.0)))
        .collect()
}
