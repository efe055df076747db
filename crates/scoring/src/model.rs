//! What a model is to the rest of the product.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
pub use tillwatch_detectors::Frozen;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Reason, ReasonDefinition};
use tillwatch_trees::{ExplainScratch, Scratch};

use crate::error::ScoringError;

/// A stateless model: the same inputs always give the same output, whatever came before and however
/// rows are batched. It is shared by all lanes.
///
/// Implement [`Model::info`] to say what is read and [`Model::score`] to score whole batches. A
/// [`ModelFactory`](crate::ModelFactory) makes it once, at load; then `score` is called with one
/// batch at a time, from several threads at once, until the model is swapped and the last batch that
/// uses it is done. After `score`, `contribute` may be called for some rows of the same batch.
pub trait Model: fmt::Debug + Send + Sync {
    /// Name, version, kind and inputs.
    fn info(&self) -> &ModelInfo;

    /// Scores `input.rows` rows: pushes exactly one raw score and probability per row, in order. A
    /// kind that knows its reasons as soon as it scores, as rules do, pushes them too.
    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput);

    /// Writes what each input adds to the raw score of each of `rows`, and what is left if all of it
    /// is taken away; says how it was done. A kind that has no such thing writes nothing.
    fn contribute(
        &self,
        input: &ModelInput<'_>,
        rows: &[u32],
        depth: Depth,
        contributions: &mut Contributions,
    ) -> Attribution {
        let _ = (input, rows, depth, contributions);
        Attribution::None
    }

    /// When the model may be skipped to keep a deadline. Asked once, when a lane puts the model to work.
    fn shedding(&self) -> Shedding {
        Shedding::UnderLoad
    }

    /// The rules that are switched on, where the model is made of rules. A signal of one that fired carries
    /// the same allocation of the definition.
    fn rules(&self) -> &[RuleInfo] {
        &[]
    }
}

/// When a model may be skipped to keep a deadline. A model that learns never is: what it knows must not
/// depend on how busy the machine was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shedding {
    /// It is cheap enough to answer always. An ensemble under load is scored by such members and by those
    /// that learn, where it has such members.
    Never,
    /// Under load it is skipped in an ensemble of which another member is never skipped.
    UnderLoad,
}

/// What is known of a rule before it fires.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleInfo {
    /// The reason it gives, its own even where rules share a code.
    pub definition: Arc<ReasonDefinition>,
    /// Inputs that decide whether it fires, each once.
    pub reads: Vec<String>,
}

/// A model that learns from the rows that it scores. What is loaded is where every lane starts from.
pub trait LearningModel: fmt::Debug + Send + Sync {
    /// Name, version, kind and inputs.
    fn info(&self) -> &ModelInfo;

    /// A learner that has seen nothing: the same one every time.
    fn start(&self) -> Box<dyn Learner>;
}

/// One lane's share of a [`LearningModel`]: a deterministic fold over the rows of the lane.
///
/// It scores every row and learns from those of transactions alone, even where records of other kinds and
/// timers are scored too: what is usual of a transaction is not told by rows that have no amount, and what
/// a transaction scores must not depend on what else is scored. Where transactions are not scored, it
/// learns from the first kind that is, in the order of [`RecordKind::ALL`]. A timer teaches nothing, and
/// nor does a row that changes no state ([`Flags::changes_state`]).
///
/// [`RecordKind::ALL`]: tillwatch_records::RecordKind::ALL
/// [`Flags::changes_state`]: tillwatch_records::Flags::changes_state
///
/// `score_and_learn` is called with every batch of the lane, in order. Between batches the state may be
/// frozen; a fresh learner that has read what was written of it goes on as this one would.
pub trait Learner: fmt::Debug + Send {
    /// Scores each row by the rows before it, as [`Model::score`] does, then learns from it if it is one of
    /// the `lessons`, of which there are as many as rows. The probability is NaN as long as too little was
    /// learnt. Pushes reasons for the rows that `explain` wants explained: later the learner will know more
    /// than it knew.
    fn score_and_learn(
        &mut self,
        input: &ModelInput<'_>,
        lessons: &[bool],
        explain: &Explain<'_>,
        output: &mut ModelOutput,
    );

    /// The state as it is, to be written in pieces while the learner goes on. A lane waits for it, so what is
    /// large is shared and copied piece by piece when it changes.
    fn freeze(&self) -> Box<dyn Frozen>;

    /// Replaces the state by one that was frozen and written.
    ///
    /// # Errors
    /// Refuses bytes that are not such a state, and then is as it was.
    fn read(&mut self, bytes: &[u8]) -> Result<(), ScoringError>;

    /// Bytes that the state takes up, without what learners of one model share.
    fn state_bytes(&self) -> usize;
}

/// Which rows of a batch are to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Explain<'a> {
    /// From which probability on.
    pub from: f64,
    /// What models before this one have made of each row, NaN where there is none; may be empty.
    pub others: &'a [f64],
}

impl Explain<'_> {
    /// Whether `row` is, to which the asking model gives `probability`.
    pub fn wants(&self, row: usize, probability: f64) -> bool {
        let others = self
            .others
            .get(row)
            .is_some_and(|other| *other >= self.from);
        others || probability >= self.from
    }
}

/// What is fixed about a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Name, unique among the members of an ensemble.
    pub name: String,
    /// Version, as the author counts.
    pub version: String,
    /// Kind, as in model.toml.
    pub kind: String,
    /// Hash of model.toml and artefact, and of the members' for an ensemble: 16 hexadecimal digits.
    pub hash: String,
    /// Features, event columns and joined columns it reads, in the order of [`ModelInput::columns`].
    pub inputs: Vec<String>,
    /// Per input, the reason that its contribution to a score stands for; none past the end.
    pub reasons: Vec<Option<InputReason>>,
}

/// What it means that an input raised the score.
#[derive(Debug, Clone, PartialEq)]
pub struct InputReason {
    /// The reason.
    pub definition: Arc<ReasonDefinition>,
    /// What is usual.
    pub baseline: Option<Baseline>,
}

/// What a reason's value is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// A number that the author gave, such as the median of the training data.
    Number(f64),
    /// The value of the input at this position.
    Input(usize),
}

impl ModelInfo {
    /// `name@version`.
    pub fn versioned_name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Whether any contribution would become a reason.
    pub fn has_reasons(&self) -> bool {
        self.reasons.iter().any(Option::is_some)
    }
}

/// The inputs of a batch.
#[derive(Debug, Clone, Copy)]
pub struct ModelInput<'a> {
    /// One array per input of [`ModelInfo::inputs`], each with `rows` rows: Float64 for a feature,
    /// the canonical type for an event column, its own for a joined one. Null where there is no value.
    pub columns: &'a [ArrayRef],
    /// Number of rows.
    pub rows: usize,
}

/// How much trouble to take over contributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Exact ones.
    Exact,
    /// Whatever costs about as much as the score.
    Cheap,
}

pub use tillwatch_records::Attribution;

/// Contributions of inputs to raw scores.
#[derive(Debug, Default)]
pub struct Contributions {
    /// What every row's raw score is without any contribution.
    pub bias: f64,
    /// One value per asked row and input, row by row. With the bias a row's values sum to its raw score.
    pub values: Vec<f64>,
    /// Whether a lower raw score is a higher risk.
    pub lower_is_riskier: bool,
    pub(crate) scratch: ExplainScratch,
}

impl Contributions {
    /// Forgets everything, keeping the room.
    pub(crate) fn reset(&mut self) {
        self.values.clear();
        self.bias = 0.0;
        self.lower_is_riskier = false;
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>() + self.scratch.bytes()
    }
}

/// The output of a batch.
#[derive(Debug, Default)]
pub struct ModelOutput {
    /// Raw score of each row: log-odds, or what the kind says.
    pub raw: Vec<f64>,
    /// Probability of each row, 0 to 1; NaN where the model has no opinion yet.
    pub probability: Vec<f64>,
    /// Reasons, in any order.
    pub signals: Vec<Signal>,
    pub(crate) scratch: Scratch,
}

/// A reason for one row.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The row.
    pub row: u32,
    /// The reason.
    pub reason: Reason,
    /// Whether something was established that may raise an alert by itself: a rule fired. The share
    /// of a feature in a learnt score is not.
    pub fired: bool,
    /// How long an alert is to cool down before this rule raises the next of its typology, where the rule
    /// says so itself.
    pub cooldown: Option<DurationMs>,
}

impl ModelOutput {
    /// Forgets everything, keeping the room.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.probability.clear();
        self.signals.clear();
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        let rows = (self.raw.capacity() + self.probability.capacity()) * size_of::<f64>();
        rows + self.signals.capacity() * size_of::<Signal>() + self.scratch.bytes()
    }
}
