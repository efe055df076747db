//! Arguments of `tillwatch check`.

use std::path::PathBuf;

use clap::Args;
use tillwatch_records::units::DurationMs;

use super::shared::ConfigArgs;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stage to check, where the configuration has several; without it, all of them
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Check the configuration and the files that it names only: leave brokers, ports and
    /// directories alone
    #[arg(long)]
    pub offline: bool,
    /// Say what each stage keeps and how each feature is read: row layout, windows, filters, what
    /// is kept in fixed size
    #[arg(long)]
    pub explain_plan: bool,
    /// Read the first records of this file, or the newest of this topic, and say of each column how many
    /// are null and distinct, how many codes are unknown, and what else stands out; no value is shown.
    /// What is no file is a topic, which `topic:NAME` says where it is both
    #[arg(long, value_name = "FILE|TOPIC")]
    pub sample: Option<PathBuf>,
    /// Rates to estimate the bytes of a key at
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "5,50,500",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub transactions_per_day: Vec<u32>,
    /// How long to wait for all brokers together
    #[arg(long, value_name = "DURATION", default_value = "4s")]
    pub timeout: DurationMs,
}
