//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tillwatch_records::units::DurationMs;

use crate::models::ModelsCommand;

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
  1  failed while working: broker, disk or input; what was not committed is read again
  2  wrong command line
  3  wrong configuration, catalog or model: nothing was started
  4  stopped before everything was delivered (drain timeout or a second signal)";

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
  tillwatch check --config tillwatch.toml --offline --explain-plan | grep ^feature
  tillwatch check --config tillwatch.toml --offline --transactions-per-day 20,2000")]
    Check(CheckArgs),
    /// Write simulated transactions to Kafka, JSON lines or Parquet, with their ground truth beside
    #[command(after_long_help = "\
Examples:
  tillwatch simulate --records 1000000 --output day.parquet --truth day.truth.jsonl
  tillwatch simulate --records 100000 --output - > day.jsonl
  tillwatch simulate --brokers localhost:9092 --topic transactions --rate 5000 --duration 1h")]
    Simulate(SimulateArgs),
    /// Send a Parquet or JSON lines file to Kafka, keyed and timed as the configuration maps it
    #[command(after_long_help = "\
Examples:
  tillwatch publish --config examples/handbook/tillwatch.toml --input transactions.parquet
  tillwatch publish --config examples/handbook/tillwatch.toml --input transactions.parquet \\
      --label-column TX_FRAUD --label-delay 7d --rate 20000")]
    Publish(PublishArgs),
    /// Score a Parquet or JSON lines file with the same core that `run` uses
    #[command(after_long_help = "\
Examples:
  tillwatch score --config tillwatch.toml --input day.parquet --output scores.parquet
  tillwatch score --config tillwatch.toml --input day.jsonl --output features.parquet --features")]
    Score(ScoreArgs),
    /// List, check, make, apply and explain models
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
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

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, short, value_name = "FILE", env = "TILLWATCH_CONFIG")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stage to run, where the configuration has several: the one that the topics are keyed for
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Leave the broker alone: check files only
    #[arg(long)]
    pub offline: bool,
    /// Say what each stage keeps and how each feature is read: row layout, windows, filters, memories
    #[arg(long)]
    pub explain_plan: bool,
    /// Rates to estimate the memory of a key at
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "5,50,500",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub transactions_per_day: Vec<u32>,
    /// How long to wait for the broker
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub timeout: DurationMs,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long to run
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub duration: DurationMs,
    /// Transactions per second to send
    #[arg(long, value_name = "N", default_value_t = 25_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Seed of the simulation: the same seed gives the same transactions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object at the end instead of the live view
    #[arg(long)]
    pub json: bool,
    /// Write the ground truth of the simulated frauds here (JSON lines)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Stop after this many transactions
    #[arg(long, value_name = "N", required_unless_present = "duration")]
    pub records: Option<u64>,
    /// Stop after this long
    #[arg(long, value_name = "DURATION")]
    pub duration: Option<DurationMs>,
    /// Terminals in the fleet
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub terminals: u32,
    /// Seed of the simulation: the same seed gives the same transactions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Transactions per second; flat out when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Ground truth of the simulated frauds (JSON lines)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Registry of the fleet's terminals, as the table of that name in a configuration reads it: .csv or .parquet
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// Write every column, application version and sequence counters included
    #[arg(long)]
    pub full: bool,
    /// File to write: .parquet, .jsonl, or - for JSON lines on standard output
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "brokers",
        required_unless_present = "brokers"
    )]
    pub output: Option<PathBuf>,
    /// Kafka to write to
    #[arg(long, value_name = "HOST:PORT,…", requires = "topic")]
    pub brokers: Option<String>,
    /// Topic to write to
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Further librdkafka property of the producer, as name=value; may be repeated
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    pub properties: Vec<(String, String)>,
    /// Record timestamp: when the transaction happened, or when it is sent
    #[arg(long, value_enum, default_value_t = TimestampSource::Now)]
    pub timestamp: TimestampSource,
}

#[derive(Debug, Args)]
pub struct PublishArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Parquet (.parquet) or JSON lines (any other name) file
    #[arg(long, short, value_name = "FILE")]
    pub input: PathBuf,
    /// Topic; the first of `consumer.topics` when absent
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Records per second; flat out when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Stop after this many rows of the file
    #[arg(long, value_name = "N")]
    pub records: Option<u64>,
    /// Stage whose key the records get, where the configuration has several; the first when absent
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Column that says whether a row is fraud (0/1, true/false); each row is followed by a label
    /// record; `[labels] column` when absent
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Event time from a transaction to its label record; `[labels] delay` when absent
    #[arg(long, value_name = "DURATION")]
    pub label_delay: Option<DurationMs>,
    /// Record timestamp: when the transaction happened, or when it is sent
    #[arg(long, value_enum, default_value_t = TimestampSource::Event)]
    pub timestamp: TimestampSource,
}

#[derive(Debug, Args)]
pub struct ScoreArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Parquet (.parquet) or JSON lines (any other name) file, in the order of arrival
    #[arg(long, short, value_name = "FILE")]
    pub input: PathBuf,
    /// Parquet file to write: one row per transaction, in input order
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Add a column for every feature of the catalog
    #[arg(long)]
    pub features: bool,
    /// Stop after this many rows of the file
    #[arg(long, value_name = "N")]
    pub records: Option<u64>,
}

/// What the Kafka record timestamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TimestampSource {
    /// When the transaction happened
    Event,
    /// When the record is sent
    Now,
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not of the form name=value"))
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
