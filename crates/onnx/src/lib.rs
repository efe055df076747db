//! Kind `onnx`: a graph that ONNX Runtime runs, on one thread of the CPU per batch.
//!
//! The runtime is no part of the build. It is opened when the first model of the kind is loaded: the shared
//! library that `ORT_DYLIB_PATH` names, or the one that the system's loader finds; version 1.17 or newer.
//! `pip install onnxruntime` brings it as `onnxruntime/capi/libonnxruntime.so.<version>`.
//!
//! **Inputs.** Either one tensor `[batch, inputs]`, whose columns are the inputs of model.toml in
//! their order, or one tensor `[batch, 1]` per input, called as the input is; of 32-bit floats, to
//! which values are rounded, or 64-bit ones. What is missing is NaN, so a graph that takes missing
//! values imputes them itself: one that makes NaN of them has no opinion on such a row. Other
//! dimensions and types are refused, and so are batches of a fixed size; but a fixed size of one is
//! run row by row.
//!
//! **Output.** The tensor that `[output] name` says, `[batch]` or `[batch, columns]`; without it
//! the only output, or the one called `probabilities` or `output_probability`, as skl2onnx and
//! onnxmltools write it. Of two columns the second is the score unless `[output] column` says
//! otherwise; of more it has to. A probability becomes a raw score as its log-odds, which are kept
//! within ±[`RAW_MAX`]; with `is = "log_odds"` the output is the raw score itself. A value that is
//! no probability is no opinion; at load it refuses the model. Maps and sequences are refused:
//! export with `zipmap=False`.
//!
//! **The same bits?** Not on every machine: the runtime picks its kernels by the CPU, and another
//! version may pick others. So golden vectors need a tolerance, such as 1e-6. On one machine a
//! row's score does not depend on the rows beside it for what was measured (linear models, trees,
//! perceptrons): the runtime adds up a single row in another order than several, so no run has a
//! single row; a lone one goes twice.
//!
//! **Reasons.** None: the runtime does not say what an input contributed ([`Attribution::None`]),
//! so `[[reasons]]` are refused. For trees that are to give reasons, bring the LightGBM or XGBoost
//! file itself.
//!
//! A session of the runtime must not run twice at once, so there is one for each thread that scores at
//! the same time, with weights of its own.
//!
//! A graph is code: an operator may take as long and as much memory as its inputs make it. Bytes
//! that are no graph are an error, but whoever may write to a model's directory is trusted as far
//! as the runtime is.
//!
//! [`Attribution::None`]: tillwatch_scoring::Attribution::None

mod error;
mod graph;
mod model;
mod runtime;
mod session;

use std::path::PathBuf;
use std::sync::Arc;

use tillwatch_scoring::{LoadContext, MemberKind, ModelFactory, ScoringError};

pub use error::OnnxError;
pub use model::RAW_MAX;

/// Makes models of kind `onnx`.
#[derive(Debug, Clone, Default)]
pub struct Factory {
    /// The runtime's library; none for `ORT_DYLIB_PATH` or what the system finds.
    library: Option<PathBuf>,
}

impl Factory {
    /// With the runtime that `ORT_DYLIB_PATH` names, or that the system's loader finds.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the runtime in the shared library at `path`. A process opens one, once: what came of the
    /// first that a model asked for stays for all.
    pub fn with_library(path: impl Into<PathBuf>) -> Self {
        Self {
            library: Some(path.into()),
        }
    }
}

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        "onnx"
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        context.require_numbers()?;
        if context.info.has_reasons() {
            return Err(context.error(
                "a graph has no contributions of its inputs, so no reasons: take [[reasons]] out \
                 of model.toml",
            ));
        }
        let loaded = runtime::open(self.library.as_deref())
            .and_then(|()| model::Onnx::load(artefact, context.info.clone(), context.output));
        let model = loaded.map_err(|error| context.error(error.to_string()))?;
        Ok(MemberKind::Fixed(Arc::new(model)))
    }
}
