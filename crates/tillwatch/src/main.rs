//! The command line of tillwatch.

mod cli;
mod clock;
mod commands;
mod config;
mod estimate;
mod exit;
mod files;
mod kinds;
mod labels;
mod letters;
mod lineup;
mod log;
mod reference;
mod rounds;
mod serve;
mod setup;
mod store;
#[cfg(test)]
mod test_support;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command};
use commands::{check, demo, dlq, health, models, publish, run, score, simulate, snapshot};
use serve::signals::SignalWatch;

/// Lanes allocate and free many small arrays from several threads, which is what it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let signals = match SignalWatch::install() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("tillwatch: cannot listen for signals: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let started_ms = clock::unix_ms();
    let cli = Cli::parse();
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    let result = match &cli.command {
        Command::Demo(args) => demo::demo(args, &signals),
        Command::Run(args) => run::run(args, &signals, started_ms),
        Command::Check(args) => Ok(check::check(args)),
        Command::Health(args) => health::health(args),
        Command::Simulate(args) => done(simulate::simulate(args)),
        Command::Publish(args) => done(publish::publish(args)),
        Command::Models { command } => models::models(command),
        Command::Dlq { command } => dlq::dlq(command, &signals),
        Command::Snapshot { command } => snapshot::snapshot(command),
        Command::Score(args) => done(score::score(args)),
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut Cli::command(),
                "tillwatch",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("tillwatch: {}", exit::message(&error));
        ExitCode::from(exit::code(&error))
    })
}
