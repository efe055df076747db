//! What the arguments of several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, short, value_name = "FILE", env = "TILLWATCH_CONFIG")]
    pub config: PathBuf,
}

/// What the Kafka record timestamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordTimestamp {
    /// When the transaction happened
    Event,
    /// When the record is sent
    Now,
}
