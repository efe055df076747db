//! `tillwatch dlq`: what was refused, and how it is sent again.

mod choice;
mod files;
mod letters;
mod list;
mod redrive;
mod show;
mod words;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::DlqCommand;
use crate::serve::signals::SignalWatch;

/// `tillwatch dlq …`
pub fn dlq(command: &DlqCommand, signals: &SignalWatch) -> Result<ExitCode> {
    match command {
        DlqCommand::List(args) => list::list(args),
        DlqCommand::Show(args) => show::show(args),
        DlqCommand::Redrive(args) => redrive::redrive(args, signals),
    }
}
