//! The command line.

mod check;
mod demo;
pub mod dlq;
mod health;
pub mod models;
mod publish;
mod run;
mod score;
pub mod shared;
mod simulate;
pub mod snapshot;

use clap::{Parser, Subcommand};

pub use check::CheckArgs;
pub use demo::DemoArgs;
pub use dlq::{
    ChoiceArgs, DlqCommand, ListArgs as DlqListArgs, RedriveArgs, ShowArgs as DlqShowArgs,
};
pub use health::HealthArgs;
pub use models::{LineupArgs, ModelsCommand, PromoteArgs};
pub use publish::PublishArgs;
pub use run::RunArgs;
pub use score::ScoreArgs;
pub use shared::{FileFormat, InputArgs, RecordTimestamp};
pub use simulate::SimulateArgs;
pub use snapshot::SnapshotCommand;

/// A streaming scorer for card-present payments: Kafka in, risk scores with reasons out.
#[derive(Debug, Parser)]
#[command(name = "tillwatch", version, propagate_version = true, after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; after `run`, everything read was scored, delivered and committed
  1  failed while working: broker, disk, input, or a port in use; what was not committed is read again
  2  wrong command line
  3  wrong configuration, catalog or model: nothing was started
  4  stopped before everything was delivered (drain timeout or a second signal; `dlq redrive`: a signal)
  130, 143  ended by SIGINT or SIGTERM; `run` and `dlq redrive` end with 0 or 4 instead, `demo` in order";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch it work: an embedded broker, a simulated fleet and the real pipeline
    #[command(after_long_help = "\
Examples:
  tillwatch demo
  tillwatch demo --duration 10s --rate 5000 --seed 7
  tillwatch demo --json | jq .alerts")]
    Demo(DemoArgs),
    /// Score a Kafka topic until told to stop
    #[command(after_long_help = "\
SIGINT or SIGTERM drains, flushes and commits within `consumer.drain_timeout`; a second signal stops
at once, and what was not committed is read again at the next start.

Examples:
  tillwatch run --config tillwatch.toml
  tillwatch run --config examples/handbook/tillwatch.toml --stage terminal
  TILLWATCH__KAFKA__SASL_PASSWORD=… tillwatch run --config tillwatch.toml")]
    Run(RunArgs),
    /// Check configuration, catalog, models and topics; each problem comes with its fix
    #[command(after_long_help = "\
Examples:
  tillwatch check --config tillwatch.toml
  tillwatch check --config tillwatch.toml --offline
  tillwatch check --config tillwatch.toml --offline --sample day.csv
  tillwatch check --config tillwatch.toml --sample transactions
  tillwatch check --config tillwatch.toml --offline --explain-plan | grep ^feature
  tillwatch check --config tillwatch.toml --offline --transactions-per-day 20,2000")]
    Check(CheckArgs),
    /// Ask a running `tillwatch run` whether it is ready, or alive
    #[command(after_long_help = "\
Exit codes: 0 yes, 1 no or no answer.

Examples:
  tillwatch health
  tillwatch health --live --address 127.0.0.1:9700 --timeout 1s")]
    Health(HealthArgs),
    /// Write simulated transactions to Kafka, JSON lines or Parquet, with their ground truth beside
    #[command(after_long_help = "\
Examples:
  tillwatch simulate --records 1000000 --output day.parquet --truth day.truth.jsonl
  tillwatch simulate --records 100000 --output - > day.jsonl
  tillwatch simulate --brokers localhost:9092 --topic transactions --rate 5000 --duration 1h")]
    Simulate(SimulateArgs),
    /// Send the rows of files to Kafka, keyed and timed as the configuration maps it
    #[command(after_long_help = "\
Examples:
  tillwatch publish --config examples/handbook/tillwatch.toml --input transactions.parquet
  tillwatch publish --config examples/handbook/tillwatch.toml --input transactions.parquet \\
      --label-column TX_FRAUD --label-delay 7d --rate 20000")]
    Publish(PublishArgs),
    /// Score the rows of files with the same lane that `run` uses
    #[command(after_long_help = "\
Examples:
  tillwatch score --config tillwatch.toml --input day.parquet --output scores.parquet
  tillwatch score --config tillwatch.toml --input day.jsonl.gz --output features.parquet --features
  tillwatch score --config tillwatch.toml --input spark-export/ --output scores.csv
  tillwatch score --config tillwatch.toml --input 'day-*.csv' --sort-by-time --output scores.parquet
  zcat day.jsonl.gz | tillwatch score --config tillwatch.toml --input - --output - | jq .score")]
    Score(ScoreArgs),
    /// List, check, make, apply and explain models
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// List, show and send again what was refused: dead letters
    Dlq {
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// List, check, look into and clean up the snapshots that `run` keeps of its state
    Snapshot {
        #[command(subcommand)]
        command: SnapshotCommand,
    },
    /// Print a completion script for a shell
    #[command(after_long_help = "\
Example:
  tillwatch completions bash > ~/.local/share/bash-completion/completions/tillwatch")]
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
