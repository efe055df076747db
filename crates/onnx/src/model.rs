//! A graph as a model.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use tillwatch_scoring::{
    Model, ModelInfo, ModelInput, ModelOutput, OutputKind, OutputTable, doubles,
};

use crate::error::OnnxError;
use crate::graph::Graph;
use crate::session::{self, RUN_ROWS_MAX, Sessions};

/// Largest raw score that a probability becomes, and with a minus the smallest. A probability of 1 has no
/// log-odds; this is more than those of any other 64-bit float near it.
pub const RAW_MAX: f64 = 40.0;

/// How far beyond 0 or 1 a sum of 32-bit floats may come out and still mean it.
const ROUNDING: f64 = 1e-5;

/// What a graph is tried with at load: nothing, everything missing, and something.
const TRIAL: [f64; 3] = [0.0, f64::NAN, 1.0];

/// A graph that ONNX Runtime runs.
#[derive(Debug)]
pub(crate) struct Onnx {
    info: ModelInfo,
    graph: Graph,
    sessions: Sessions,
    /// Values per row of the output.
    width: usize,
    /// Which of them is the score; less than `width`.
    column: usize,
    is: OutputKind,
    /// Whether a run failed: that is said once, not with every batch.
    has_failed: AtomicBool,
}

impl Onnx {
    /// Makes a model of the graph in `artefact` and tries it out.
    pub(crate) fn load(
        artefact: &[u8],
        info: ModelInfo,
        output: Option<&OutputTable>,
    ) -> Result<Self, OnnxError> {
        let session = session::make(artefact)?;
        let graph = Graph::new(&session, &info.inputs, output)?;
        let sessions = Sessions::new(artefact, session, &graph)?;
        let mut model = Self {
            info,
            graph,
            sessions,
            width: 0,
            column: 0,
            is: output.map_or(OutputKind::Probability, |output| output.is),
            has_failed: AtomicBool::new(false),
        };
        model.try_out(output.and_then(|output| output.column))?;
        Ok(model)
    }

    /// Runs one row, then several, and settles which column is the score.
    fn try_out(&mut self, column: Option<usize>) -> Result<(), OnnxError> {
        let columns = vec![Cow::Borrowed(&TRIAL[..]); self.info.inputs.len()];
        let one = self.sessions.run(&self.graph, &columns, 0..1)?;
        let name = &self.graph.output;
        self.width = one.width;
        self.column = match (column, one.width) {
            (Some(column), width) if column < width => column,
            (Some(column), width) => {
                return Err(OnnxError::Output(format!(
                    "output `{name}` has {width} columns, [output] column says {column}; the first is 0"
                )));
            }
            (None, 1) => 0,
            (None, 2) => 1,
            (None, width) => {
                return Err(OnnxError::Output(format!(
                    "output `{name}` has {width} columns; say in [output] column which is the \
                     score, the first is 0"
                )));
            }
        };
        let scores = self.run(&columns, 0..TRIAL.len())?;
        let is_wrong = |score: &&f64| !score.is_nan() && clamp(**score).is_nan();
        match scores.iter().find(is_wrong) {
            Some(score) if self.is == OutputKind::Probability => Err(OnnxError::Output(format!(
                "output `{name}` is {score} for a row, which is no probability; if it is log-odds, write \
                 `is = \"log_odds\"` in [output]"
            ))),
            _ => Ok(()),
        }
    }

    /// What the score's column is for each of `rows`.
    fn run(
        &self,
        columns: &[Cow<'_, [f64]>],
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<f64>, OnnxError> {
        let step = if self.graph.is_for_one_row {
            1
        } else {
            RUN_ROWS_MAX
        };
        let mut scores = Vec::with_capacity(rows.len());
        for start in rows.clone().step_by(step) {
            let end = rows.end.min(start + step);
            let outcome = self.sessions.run(&self.graph, columns, start..end)?;
            if outcome.width != self.width {
                return Err(OnnxError::Run(format!(
                    "output `{}` had {} columns at load and has {} now",
                    self.graph.output, self.width, outcome.width
                )));
            }
            let found = outcome.values.iter().skip(self.column).step_by(self.width);
            scores.extend(found);
        }
        Ok(scores)
    }
}

impl Model for Onnx {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput) {
        let columns = doubles(input.columns, input.rows);
        let scores = self.run(&columns, 0..input.rows).unwrap_or_else(|error| {
            if !self.has_failed.swap(true, Ordering::Relaxed) {
                let model = self.info.versioned_name();
                tracing::error!(model, %error, "a batch has no score of this model, as if it had no opinion");
            }
            vec![f64::NAN; input.rows]
        });
        debug_assert_eq!(scores.len(), input.rows);
        for score in scores {
            let (raw, probability) = match self.is {
                OutputKind::Probability => {
                    let probability = clamp(score);
                    (log_odds(probability), probability)
                }
                OutputKind::LogOdds => (score, 1.0 / (1.0 + libm::exp(-score))),
            };
            output.raw.push(raw);
            output.probability.push(probability);
        }
    }
}

/// `score` as a probability; NaN if it is none.
fn clamp(score: f64) -> f64 {
    if (-ROUNDING..=1.0 + ROUNDING).contains(&score) {
        score.clamp(0.0, 1.0)
    } else {
        f64::NAN
    }
}

fn log_odds(probability: f64) -> f64 {
    libm::log(probability / (1.0 - probability)).clamp(-RAW_MAX, RAW_MAX)
}
