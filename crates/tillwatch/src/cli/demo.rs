//! Arguments of `tillwatch demo`.

use std::path::PathBuf;

use clap::Args;
use tillwatch_records::units::DurationMs;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long to run
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub duration: DurationMs,
    /// Transactions per second to send
    #[arg(long, value_name = "N", default_value_t = 25_000,
          value_parser = clap::value_parser!(u32).range(1..))]
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
