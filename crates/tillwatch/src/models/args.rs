//! The command line of `tillwatch models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List model directories: what each is, and whether it can be loaded
    #[command(after_long_help = "\
Examples:
  tillwatch models list
  tillwatch models list models /srv/models --json | jq '.[] | select(.error)'
  tillwatch models list --config tillwatch.toml")]
    List(ListArgs),
}

/// What models are loaded against.
#[derive(Debug, Clone, Default, Args)]
pub struct GroundArgs {
    /// Configuration whose catalogs and columns the model must fit, as `run` would have it
    #[arg(long, short, value_name = "FILE", conflicts_with = "catalog")]
    pub config: Option<PathBuf>,
    /// Catalog that the model must fit
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Model directories, or directories of such
    #[arg(value_name = "DIR", default_value = "models")]
    pub directories: Vec<PathBuf>,
    #[command(flatten)]
    pub ground: GroundArgs,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}
