//! What another model would have said of the records seen last.
//!
//! A lane keeps its last batches in a [`Recent`]; [`backtest`] runs a model over them, before it takes
//! effect.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use arrow::array::{Array as _, RecordBatch};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tillwatch_records::{Band, FeatureBatch, ReasonDefinition, Severity};

use crate::loaded::LoadedModel;
use crate::runner::{Effort, Runner, Source};
use crate::scope::InputScope;
use crate::scorer::score_of;
use crate::settings::ScoringSettings;

/// Rows that a lane keeps unless told otherwise: a rule that fires once in a thousand rows is seen firing,
/// and scoring them again takes some milliseconds.
pub const RECENT_ROWS: usize = 10_000;

/// Bytes that a lane keeps unless told otherwise. 10,000 rows of 120 features and 20 columns are some
/// 12 MB; a machine has dozens of lanes, so wider rows are kept in smaller number. Batches that are views of
/// larger ones count whole.
pub const RECENT_BYTES: usize = 16 * 1024 * 1024;

/// The last batches of a lane, whole. Their columns are shared with whoever else holds them, not copied.
#[derive(Debug)]
pub struct Recent {
    /// Oldest first, each with its bytes; none is empty.
    batches: VecDeque<(FeatureBatch, usize)>,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl Recent {
    /// Room for about `rows_max` rows in at most `bytes_max` bytes. No room for rows: nothing is kept.
    pub fn new(rows_max: usize, bytes_max: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            rows: 0,
            bytes: 0,
            rows_max,
            bytes_max,
        }
    }

    /// Keeps `batch`; forgets the oldest batches that the last `rows_max` rows do without, or whose bytes are
    /// too many. So more rows than `rows_max` are kept by less than a batch.
    pub fn push(&mut self, batch: &FeatureBatch) {
        if batch.is_empty() || self.rows_max == 0 {
            return;
        }
        let bytes = bytes_of(batch);
        self.rows += batch.len();
        self.bytes += bytes;
        self.batches.push_back((batch.clone(), bytes));
        while let Some((oldest, bytes)) = self.batches.front()
            && (self.rows - oldest.len() >= self.rows_max || self.bytes > self.bytes_max)
        {
            self.rows -= oldest.len();
            self.bytes -= bytes;
            self.batches.pop_front();
        }
    }

    /// The batches, oldest first.
    pub fn batches(&self) -> impl Iterator<Item = &FeatureBatch> {
        self.batches.iter().map(|(batch, _)| batch)
    }

    /// Rows kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Memory of the columns, bytes, as Arrow estimates it; at most the room given.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(RECENT_ROWS, RECENT_BYTES)
    }
}

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

/// Scores `batches` with `model` as if it had been in force, in their order.
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
        runner.score(&batch.flags, Effort::Full, f64::INFINITY, &mut signals);
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
    sources: Vec<Source>,
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
            sources: inputs.map(|name| Source::of(name, scope)).collect(),
            missing: BTreeSet::new(),
        }
    }

    fn note_missing(&mut self, batch: &FeatureBatch) {
        let lacking = self.sources.iter().filter(|source| !source.is_in(batch));
        self.missing
            .extend(lacking.map(|source| source.name().to_owned()));
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

/// Memory of a batch's columns and of what stands beside them per row.
fn bytes_of(batch: &FeatureBatch) -> usize {
    /// Offset, timestamp, kind and flags of a row.
    const ROW_BYTES: usize = 24;
    let events = &batch.events;
    let joined = events.joined.as_ref();
    events.columns.get_array_memory_size()
        + joined.map_or(0, RecordBatch::get_array_memory_size)
        + batch.keys.get_array_memory_size()
        + batch.features.get_array_memory_size()
        + batch.len() * ROW_BYTES
}
