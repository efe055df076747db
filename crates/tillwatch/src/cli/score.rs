//! Arguments of `tillwatch score`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{ConfigArgs, FileFormat, InputArgs};

#[derive(Debug, Args)]
pub struct ScoreArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub input: InputArgs,
    /// File to write, complete or not at all: one row per transaction, in input order. Its ending says the
    /// format: .parquet, .jsonl, .csv or .tsv, these three also with .gz or .zst; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// What to write, whatever the ending; JSON lines to standard output when absent
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub output_format: Option<FileFormat>,
    /// Add a column for every feature of the catalog
    #[arg(long)]
    pub features: bool,
    /// File for refused rows; OUTPUT.dead-letters.jsonl when absent, none beside standard output
    #[arg(long, value_name = "FILE")]
    pub dead_letters: Option<PathBuf>,
}
