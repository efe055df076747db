//! `tillwatch snapshot`: what lies in the store of snapshots.

mod gc;
mod lanes;
mod list;
mod show;
mod verify;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::SnapshotCommand;

/// Runs the command.
pub fn snapshot(command: &SnapshotCommand) -> Result<ExitCode> {
    match command {
        SnapshotCommand::List(args) => list::list(args),
        SnapshotCommand::Verify(args) => verify::verify(args),
        SnapshotCommand::Show(args) => show::show(args),
        SnapshotCommand::Gc(args) => gc::gc(args),
    }
}
