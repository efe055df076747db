//! What another model would have said of records, as those that a lane keeps in a
//! [`Recent`](crate::Recent), before it takes effect.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tillwatch_records::{Band, FeatureBatch, ReasonDefinition, Severity};

use crate::column::InputColumn;
use crate::loaded::LoadedModel;
use crate::math::score_of;
use crate::runner::{Effort, Runner};
use crate::scope::InputScope;
use crate::settings::ScoringSettings;

/// What a model would have said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BackTest {
    /// Rows that were scored.
    pub rows: u64,
    /// Each rule that is switched on, of each member of kind `rules`, in the order of members and rules.
    pub rules: Vec<RuleCount>,
    /// Rows that would have been approved.
    pub approved: u64,
    /// Rows that a person would have been asked to look at.
    pub reviewed: u64,
    /// Rows that would have been declined.
    pub declined: u64,
    /// Inputs that some batch lacks, sorted: they counted as missing there, so the model may say more of new
    /// records than it did of these.
    pub missing: Vec<String>,
}

/// How often a rule would have fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    /// Name of the member that the rule belongs to.
    pub member: String,
    /// The rule's reason code; several rules may share one.
    pub code: String,
    /// The rule's severity, which tells rules of one code apart.
    pub severity: Severity,
    /// Rows on which it fired.
    pub fired: u64,
    /// Rows that were looked at.
    pub rows: u64,
    /// Whether its conditions read a column that some batch lacks: on new records it may fire more often.
    pub unknown: bool,
}

/// Scores `batches` with `model` as if it had been the active model, in their order.
///
/// Detectors start with nothing learnt, so where they would have spoken the bands say less than they will.
pub fn backtest<'a>(
    model: &Arc<LoadedModel>,
    scope: &InputScope,
    settings: &ScoringSettings,
    batches: impl IntoIterator<Item = &'a FeatureBatch>,
) -> BackTest {
    let mut counter = Counter::new(model, scope);
    let mut runner = Runner::new(model, scope);
    let mut signals = Vec::new();
    let mut found = BackTest::default();
    for batch in batches {
        found.rows += batch.len() as u64;
        counter.note_missing(batch);
        runner.bind_batch(batch);
        runner.score(Effort::Full, f64::INFINITY, &mut signals);
        for signal in signals.drain(..).filter(|signal| signal.fired) {
            counter.count(&signal.reason.definition);
        }
        for probability in runner.probability() {
            match settings.band(score_of(*probability)) {
                Band::Approve => found.approved += 1,
                Band::Review => found.reviewed += 1,
                Band::Decline => found.declined += 1,
            }
        }
    }
    counter.finish(found)
}

/// The counts of one back-test.
struct Counter<'a> {
    /// With what its conditions read.
    rules: Vec<(RuleCount, &'a [String])>,
    /// Where the rule of a definition stands in `rules`, by the definition's address: each rule has its own,
    /// whatever its code.
    positions: HashMap<*const ReasonDefinition, usize, FixedState>,
    /// Every input of every member, once.
    reads: Vec<InputColumn>,
    missing: BTreeSet<String>,
}

impl<'a> Counter<'a> {
    fn new(model: &'a LoadedModel, scope: &InputScope) -> Self {
        let mut rules = Vec::new();
        let mut positions = HashMap::with_hasher(FixedState::default());
        for (member, rule) in model.rules() {
            positions.insert(Arc::as_ptr(&rule.definition), rules.len());
            let count = RuleCount {
                member: member.name.clone(),
                code: rule.definition.code.clone(),
                severity: rule.definition.severity,
                fired: 0,
                rows: 0,
                unknown: false,
            };
            rules.push((count, rule.reads.as_slice()));
        }
        let inputs = model.info().inputs.iter();
        Self {
            rules,
            positions,
            reads: inputs.map(|name| InputColumn::of(name, scope)).collect(),
            missing: BTreeSet::new(),
        }
    }

    fn note_missing(&mut self, batch: &FeatureBatch) {
        let lacking = self.reads.iter().filter(|input| !input.is_in(batch));
        self.missing
            .extend(lacking.map(|input| input.name().to_owned()));
    }

    fn count(&mut self, definition: &Arc<ReasonDefinition>) {
        if let Some(position) = self.positions.get(&Arc::as_ptr(definition)) {
            self.rules[*position].0.fired += 1;
        }
    }

    fn finish(self, found: BackTest) -> BackTest {
        let Self { rules, missing, .. } = self;
        let rules = rules.into_iter().map(|(count, reads)| RuleCount {
            rows: found.rows,
            unknown: reads.iter().any(|name| missing.contains(name)),
            ..count
        });
        BackTest {
            rules: rules.collect(),
            missing: missing.into_iter().collect(),
            ..found
        }
    }
}
