//! The command line of tillwatch.

mod chain;
mod check;
mod cli;
mod clock;
mod config;
mod core;
mod deadline;
mod defaults;
mod demo;
mod exit;
mod files;
mod health;
mod histogram;
mod http;
mod kinds;
mod labels;
mod lane;
mod lanes;
mod lineup;
mod log;
mod metrics;
mod model_files;
mod models;
mod pace;
mod pipeline;
mod progress;
mod publish;
mod reference;
mod run;
mod score;
mod signals;
mod simulate;
#[cfg(test)]
mod test_support;
mod truth;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command};

/// Lanes allocate and free many small arrays from several threads, which is what it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    let result = match &cli.command {
        Command::Demo(args) => demo::demo(args),
        Command::Run(args) => run::run(args),
        Command::Check(args) => Ok(check::check(args)),
        Command::Simulate(args) => done(simulate::simulate(args)),
        Command::Publish(args) => done(publish::publish(args)),
        Command::Models { command } => models::models(command),
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
        eprintln!("tillwatch: {error:#}");
        ExitCode::from(exit::code(&error))
    })
}
