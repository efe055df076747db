//! Arguments of `tillwatch score`.

use std::path::PathBuf;

use clap::Args;

use super::shared::ConfigArgs;

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
