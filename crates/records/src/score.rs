//! Scores, reasons and alerts.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::emission::Emissions;
use crate::event::EventBatch;
use crate::flags::Flags;
use crate::limits::REASONS_MAX;
use crate::typology::Typology;

/// How bad it is when a rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look today.
    Warning,
    /// Act now.
    Critical,
}

impl Severity {
    /// The name in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to do about an emission of a given score, such as a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Let it pass.
    Approve,
    /// Let a person look.
    Review,
    /// Stop it.
    Decline,
}

impl Band {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Review => "review",
            Self::Decline => "decline",
        }
    }
}

/// What is fixed about a reason, defined once by a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ReasonDefinition {
    /// Published reason code, such as `CARD_ENUMERATION`; append-only.
    pub code: String,
    /// The scam it points to, if it points to one.
    pub typology: Option<Typology>,
    /// How bad it is.
    pub severity: Severity,
    /// Feature or column that the reason's value is taken from.
    pub feature: String,
    /// Threshold that the value was compared with.
    pub threshold: Option<f64>,
    /// Window of the feature, as in the catalog (`1h`), empty when it has none.
    pub window: String,
    /// What an analyst reads.
    pub words: String,
    /// What an analyst should do.
    pub action: String,
}

/// Why a score is what it is.
#[derive(Debug, Clone)]
pub struct Reason {
    /// What is fixed about it.
    pub definition: Arc<ReasonDefinition>,
    /// Value of the feature on this row; NaN when it has none.
    pub value: f64,
    /// What is usual for this key, where the model knows it.
    pub baseline: Option<f64>,
    /// Share of the raw score (log-odds) that the reason carries.
    pub contribution: f64,
}

/// The reasons of every row of a batch in one list, so that rows without any cost nothing.
#[derive(Debug, Clone, Default)]
pub struct ReasonLists {
    /// Reasons of row `i` are `items[ends[i - 1]..ends[i]]`; non-decreasing.
    ends: Vec<u32>,
    items: Vec<Reason>,
}

impl ReasonLists {
    /// Lists for `rows` rows, to be filled in order.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            ends: Vec::with_capacity(rows),
            items: Vec::new(),
        }
    }

    /// Appends the reasons of the next row; what is past [`REASONS_MAX`] is dropped.
    pub fn push_row(&mut self, reasons: impl IntoIterator<Item = Reason>) {
        self.items.extend(reasons.into_iter().take(REASONS_MAX));
        self.ends.push(self.items.len() as u32);
    }

    /// Reasons of `row`, strongest first.
    pub fn row(&self, row: usize) -> &[Reason] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.items[start as usize..self.ends[row] as usize]
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// How contributions of features to a score were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// They were not asked for, or the model has none.
    None,
    /// By a method that costs about as much as the score: they sum to it, but a feature's share depends
    /// on the order in which the model looks at features.
    Cheap,
    /// By the method that is exact for the kind of model.
    Exact,
}

impl Attribution {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cheap => "cheap",
            Self::Exact => "exact",
        }
    }
}

/// What made a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// `name@version` of the model.
    pub model: String,
    /// Hash of the model's files, those of its members included, hexadecimal.
    pub model_hash: String,
    /// Hash of the feature catalog, hexadecimal.
    pub catalog: String,
    /// Hash of the reference data that was joined to the records, hexadecimal; `None` when none is.
    pub reference: Option<String>,
}

/// One score per emission.
#[derive(Debug, Clone)]
pub struct ScoreBatch {
    /// The event of each row; see [`EventBatch`] for the event of a timer.
    pub events: EventBatch,
    /// Key, time and cause of each row.
    pub emissions: Emissions,
    /// The features of each row, for outputs that ask for them.
    pub features: RecordBatch,
    /// Risk, 0 to 999: `min(999, floor(1000 × probability))`.
    pub scores: Vec<u16>,
    /// Probability of fraud, 0 to 1: that the transaction is fraudulent, or what another emission tells of.
    pub probabilities: Vec<f64>,
    /// Decision band of each row.
    pub bands: Vec<Band>,
    /// Reasons of each row.
    pub reasons: ReasonLists,
    /// Marks of each row.
    pub flags: Vec<Flags>,
    /// How the contributions of learnt models among each row's reasons were found.
    pub attributions: Vec<Attribution>,
    /// What made the scores of all rows but those of `challenge`.
    pub versions: Arc<Versions>,
    /// The rows whose score is another model's, if there are any.
    pub challenge: Option<Challenge>,
    /// What shadows said of the same rows.
    pub shadows: Vec<ShadowScores>,
    /// Alerts raised by rows of this batch, in row order.
    pub alerts: Vec<Alert>,
}

impl ScoreBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The identities of all scores, in the order of the rows; see [`Emissions::score_id`].
    pub fn score_ids(&self) -> impl ExactSizeIterator<Item = String> {
        let prefix = self.events.score_id_prefix();
        let rows = self.events.offsets.iter().enumerate();
        rows.map(move |(row, offset)| self.emissions.score_id(row, &prefix, *offset))
    }

    /// What made the score of `row`.
    pub fn versions_of(&self, row: usize) -> &Arc<Versions> {
        match &self.challenge {
            Some(challenge) if challenge.rows.get(row) == Some(&true) => &challenge.versions,
            _ => &self.versions,
        }
    }
}

/// The rows of a batch that a challenger scored in the place of the active model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What made the scores of these rows.
    pub versions: Arc<Versions>,
    /// Per row of the batch, whether it is one of them.
    pub rows: Vec<bool>,
}

/// What a shadow said of a batch: a model whose scores decide nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowScores {
    /// `name@version` of the model.
    pub model: Arc<str>,
    /// Probability of each row; empty where the model was skipped to keep a deadline.
    pub probabilities: Vec<f64>,
}

/// Something for a person to act on: one terminal, one typology.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Row of the batch whose emission raised it.
    pub row: u32,
    /// The scam; `None` when only the score was high.
    pub typology: Option<Typology>,
    /// How bad it is.
    pub severity: Severity,
    /// Alerts of the same key and typology that were held back since the last one sent.
    pub suppressed_count: u32,
}
