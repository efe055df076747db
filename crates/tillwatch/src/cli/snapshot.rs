//! The command line of `tillwatch snapshot`.

use clap::{Args, Subcommand};

use super::shared::ConfigArgs;

#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// List the snapshots in the store: of which lane, at which offset, of what
    #[command(after_long_help = "\
Examples:
  tillwatch snapshot list --config tillwatch.toml
  tillwatch snapshot list --config tillwatch.toml --json | jq '.[] | select(.partition == 3)'")]
    List(ListArgs),
    /// Read snapshots whole and compare every checksum, order and count
    #[command(after_long_help = "\
Exit codes: 0 all is well, 1 something is damaged; a lane passes over a damaged snapshot by itself.

Examples:
  tillwatch snapshot verify --config tillwatch.toml
  tillwatch snapshot verify --config tillwatch.toml --partition 3 --all")]
    Verify(VerifyArgs),
    /// Say how much the newest snapshots hold of a key: a terminal, a card
    #[command(after_long_help = "\
The key is written as scores write it in `key`: its columns joined by `/`. For each stage it says how many
records are held, the newest event time among them, the flags of scores that may lack records and the event
time from which on no window lacks any, and bytes. Values of records are not shown.

Examples:
  tillwatch snapshot show --config tillwatch.toml a1/m17/T42
  tillwatch snapshot show --config tillwatch.toml a1/m17/T42 --json | jq '.[].newest'")]
    Show(ShowArgs),
    /// Delete what is older than an hour and no snapshot names; `run` does so by itself
    #[command(after_long_help = "\
Example:
  tillwatch snapshot gc --config tillwatch.toml")]
    Gc(GcArgs),
}

/// Which lanes.
#[derive(Debug, Clone, Args)]
pub struct LanesArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stage that is run, where the configuration has several
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Partition; without it, all of them
    #[arg(long, value_name = "N")]
    pub partition: Option<i32>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub lanes: LanesArgs,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub lanes: LanesArgs,
    /// Read all snapshots of each lane, not the newest one alone
    #[arg(long)]
    pub all: bool,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The key
    #[arg(value_name = "KEY")]
    pub key: String,
    #[command(flatten)]
    pub lanes: LanesArgs,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub lanes: LanesArgs,
}
