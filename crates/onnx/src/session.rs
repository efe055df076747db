//! Sessions of the runtime: a graph made ready to run, once per thread that runs it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ort::logging::LogLevel;
use ort::session::builder::SessionBuilder;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::Tensor;

use crate::error::OnnxError;
use crate::graph::{Feed, Graph, Precision};

/// Rows of one run: past that a run is no cheaper per row, and the tensors between a graph's operators
/// are as large as this says.
pub(crate) const RUN_ROWS_MAX: usize = 1024;

/// Rows that a run has at least, unless the graph takes one alone: a single row is added up in another order.
const RUN_ROWS_MIN: usize = 2;

/// The sessions of one graph. There are as many as threads have run it at the same time.
pub(crate) struct Sessions {
    artefact: Vec<u8>,
    idle: Mutex<Vec<Worker>>,
}

/// A session that one thread uses.
struct Worker {
    session: Session,
    options: RunOptions<HasSelectedOutputs>,
}

/// What a run gives.
pub(crate) struct Outcome {
    /// Values per row.
    pub(crate) width: usize,
    /// Row by row.
    pub(crate) values: Vec<f64>,
}

/// Makes a session: one thread, on the CPU, in the calling thread.
///
/// # Errors
/// Passes on why the runtime refuses the bytes.
pub(crate) fn make(artefact: &[u8]) -> Result<Session, OnnxError> {
    let made = configure().and_then(|mut builder| builder.commit_from_memory(artefact));
    made.map_err(|error| OnnxError::Refused(error.to_string()))
}

fn configure() -> ort::Result<SessionBuilder> {
    Ok(Session::builder()?
        .with_log_level(LogLevel::Fatal)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_deterministic_compute(true)?
        // A plan of memory is kept for every size of batch that was seen.
        .with_memory_pattern(false)?)
}

impl Sessions {
    /// Takes over the first one.
    pub(crate) fn new(artefact: &[u8], first: Session, graph: &Graph) -> Result<Self, OnnxError> {
        Ok(Self {
            artefact: artefact.to_vec(),
            idle: Mutex::new(vec![Worker::new(first, graph)?]),
        })
    }

    /// Runs the graph on some rows of `columns`, which are those of model.toml; not more than
    /// [`RUN_ROWS_MAX`], and one at a time if the graph wants that.
    ///
    /// # Errors
    /// Passes on what the runtime says, and refuses an output that is not one row of floats per row.
    pub(crate) fn run(
        &self,
        graph: &Graph,
        columns: &[Cow<'_, [f64]>],
        rows: Range<usize>,
    ) -> Result<Outcome, OnnxError> {
        debug_assert!(!rows.is_empty() && rows.len() <= RUN_ROWS_MAX);
        let idle = self.lock().pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => Worker::new(make(&self.artefact)?, graph)?,
        };
        let outcome = worker.run(graph, columns, rows);
        self.lock().push(worker);
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let idle = self.lock().len();
        f.debug_struct("Sessions").field("idle", &idle).finish()
    }
}

impl Worker {
    fn new(session: Session, graph: &Graph) -> Result<Self, OnnxError> {
        // What else the graph computes, such as a label, is left out.
        let only = OutputSelector::no_default().with(&graph.output);
        let options = RunOptions::new().map_err(|error| OnnxError::Run(error.to_string()))?;
        Ok(Self {
            session,
            options: options.with_outputs(only),
        })
    }

    fn run(
        &mut self,
        graph: &Graph,
        columns: &[Cow<'_, [f64]>],
        rows: Range<usize>,
    ) -> Result<Outcome, OnnxError> {
        let failed = |error: ort::Error| OnnxError::Run(error.to_string());
        let least = if graph.is_for_one_row {
            1
        } else {
            RUN_ROWS_MIN
        };
        let run_rows = rows.len().max(least);
        let mut feeds: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(graph.feeds.len());
        for feed in &graph.feeds {
            let tensor = tensor(feed, columns, &rows, run_rows).map_err(failed)?;
            feeds.push((&feed.name, tensor));
        }
        let outputs = self.session.run_with_options(feeds, &self.options);
        let outputs = outputs.map_err(failed)?;
        let Some(output) = outputs.get(&graph.output) else {
            return Err(OnnxError::Run(format!(
                "`{}` did not come out",
                graph.output
            )));
        };
        let (shape, mut values): (_, Vec<f64>) = match output.try_extract_tensor::<f32>() {
            Ok((shape, values)) => (shape, values.iter().copied().map(f64::from).collect()),
            Err(_) => {
                let (shape, values) = output.try_extract_tensor::<f64>().map_err(failed)?;
                (shape, values.to_vec())
            }
        };
        let width = match shape[..] {
            [got] if got == run_rows as i64 => 1,
            [got, width] if got == run_rows as i64 && width > 0 => width as usize,
            _ => {
                return Err(OnnxError::Output(format!(
                    "output `{}` of {run_rows} rows has the dimensions {:?}; a score has batch, \
                     or batch and columns",
                    graph.output,
                    &shape[..]
                )));
            }
        };
        values.truncate(rows.len() * width);
        Ok(Outcome { width, values })
    }
}

/// The rows of a feed, the last one again until there are `run_rows`.
fn tensor(
    feed: &Feed,
    columns: &[Cow<'_, [f64]>],
    rows: &Range<usize>,
    run_rows: usize,
) -> ort::Result<SessionInputValue<'static>> {
    let shape = [run_rows, feed.columns.len()];
    Ok(match feed.precision {
        Precision::Single => {
            let values = row_major(feed, columns, rows, run_rows, |value| value as f32);
            Tensor::from_array((shape, values))?.into()
        }
        Precision::Double => {
            let values = row_major(feed, columns, rows, run_rows, |value| value);
            Tensor::from_array((shape, values))?.into()
        }
    })
}

fn row_major<T: Copy + Default>(
    feed: &Feed,
    columns: &[Cow<'_, [f64]>],
    rows: &Range<usize>,
    run_rows: usize,
    convert: impl Fn(f64) -> T,
) -> Vec<T> {
    let width = feed.columns.len();
    let mut values = vec![T::default(); run_rows * width];
    for (position, column) in feed.columns.iter().enumerate() {
        let column = &columns[*column][rows.clone()];
        let last = column.last().copied().unwrap_or(f64::NAN);
        let padded = column.iter().copied().chain(std::iter::repeat(last));
        for (cell, value) in values[position..].iter_mut().step_by(width).zip(padded) {
            *cell = convert(value);
        }
    }
    values
}
