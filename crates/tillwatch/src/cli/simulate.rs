//! Arguments of `tillwatch simulate`.

use std::path::PathBuf;

use clap::Args;
use tillwatch_records::units::DurationMs;

use super::shared::RecordTimestamp;

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
    /// Reference table of the fleet's terminals, as `[reference]` in a configuration reads it: .csv
    /// or .parquet
    #[arg(long, value_name = "FILE", alias = "registry")]
    pub reference: Option<PathBuf>,
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
    #[arg(long, value_enum, default_value_t = RecordTimestamp::Now)]
    pub timestamp: RecordTimestamp,
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not of the form name=value"))
}
