//! The models in force, shared by all lanes, and `tillwatch models`.

mod apply;
mod args;
mod explain;
mod ground;
mod list;
mod new;
mod predict;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use tillwatch_decode::DecodePlan;
use tillwatch_scoring::Lineup;

pub use args::ModelsCommand;

/// `tillwatch models …`
pub fn models(command: &ModelsCommand) -> Result<ExitCode> {
    match command {
        ModelsCommand::List(args) => list::list(args),
        ModelsCommand::Verify(args) => verify::verify(args),
        ModelsCommand::New(args) => new::new(args),
        ModelsCommand::Predict(args) => predict::predict(args),
        ModelsCommand::Explain(args) => explain::explain(args),
    }
}

/// The models that score, and how records are decoded so that these have what they read.
#[derive(Debug, Clone)]
pub struct InForce {
    pub lineup: Arc<Lineup>,
    pub decode: Arc<DecodePlan>,
}

/// What is in force now. Every lane takes it anew for every batch, so a change takes effect between two
/// batches of a lane, and a batch is scored by one line-up from its first record to its last.
#[derive(Debug)]
pub struct Models {
    current: Mutex<Arc<InForce>>,
}

impl Models {
    pub fn new(in_force: InForce) -> Self {
        Self {
            current: Mutex::new(Arc::new(in_force)),
        }
    }

    /// What is in force.
    pub fn current(&self) -> Arc<InForce> {
        Arc::clone(&self.current.lock())
    }
}
