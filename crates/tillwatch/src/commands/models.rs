//! `tillwatch models`: what is done with models without a stream.

mod apply;
mod explain;
mod ground;
mod list;
mod new;
mod predict;
pub mod promote;
mod verify;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::ModelsCommand;

/// `tillwatch models …`
pub fn models(command: &ModelsCommand) -> Result<ExitCode> {
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    match command {
        ModelsCommand::List(args) => list::list(args),
        ModelsCommand::Verify(args) => verify::verify(args),
        ModelsCommand::New(args) => new::new(args),
        ModelsCommand::Predict(args) => predict::predict(args),
        ModelsCommand::Explain(args) => explain::explain(args),
        ModelsCommand::Promote(args) => done(promote::promote(args)),
        ModelsCommand::Rollback(args) => done(promote::rollback(args)),
    }
}
