//! The command line of `tillwatch models`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::shared::ConfigArgs;

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List model directories: what each is, and whether it can be loaded
    #[command(after_long_help = "\
Examples:
  tillwatch models list
  tillwatch models list models /srv/models --json | jq '.[] | select(.error)'
  tillwatch models list --config tillwatch.toml")]
    List(ListArgs),
    /// Load models as `run` would and check their golden vectors
    #[command(after_long_help = "\
Without a configuration or catalog a model is loaded for tables that hold its inputs, whatever made
them: for which catalog it was made is not checked then.

Examples:
  tillwatch models verify models/terminal-gbdt --catalog models/features/card-present.toml
  tillwatch models verify my-model --config tillwatch.toml")]
    Verify(VerifyArgs),
    /// Make a model directory of a file that a library saved
    #[command(
        disable_version_flag = true,
        after_long_help = "\
LightGBM's text, XGBoost's JSON and UBJSON, isolation forests (docs/isolation-forest.md), logistic
coefficients in TOML or JSON, and ONNX.

Golden vectors come from a table of samples with the library's own scores, every row of which is
compared. Without samples they are made with this program's own engine: these only guard against
change.

Examples:
  tillwatch models new --from model.txt --output models/mine --catalog features.toml \\
      --samples test.parquet --expected-column predict_proba
  tillwatch models new --from model.json --output models/mine --inputs amount,hour,count_24h --card"
    )]
    New(NewArgs),
    /// Apply a model to a table that holds its input columns
    #[command(after_long_help = "\
Writes one row per row of the input: `raw_score`, `probability`, and asked for one
`contribution_<input>` each and `contribution_bias`, which add up to the raw score. A missing value is
null. Columns that the model does not read are passed over, but for those that --keep names.

Examples:
  tillwatch models predict --model models/mine --input test.parquet --output scores.parquet
  tillwatch models predict --model models/mine --input test.csv --output scores.parquet \\
      --keep transaction_id --contributions")]
    Predict(PredictArgs),
    /// Say what the score of one row of a table is made of
    #[command(after_long_help = "\
Examples:
  tillwatch models explain --model models/mine --input test.parquet --row 17
  tillwatch models explain --model models/mine --input test.parquet --row 17 --json | jq .bias")]
    Explain(ExplainArgs),
    /// Make a model the champion: the line-up file of the configuration names it once it is known to fit
    #[command(after_long_help = "\
A running tillwatch with the same line-up file takes the model over between two batches.

Examples:
  tillwatch models promote models/candidate --config tillwatch.toml
  tillwatch models rollback --config tillwatch.toml")]
    Promote(PromoteArgs),
    /// Make the champion before the champion again
    Rollback(LineupArgs),
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

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Model directories
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    #[command(flatten)]
    pub ground: GroundArgs,
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// File that a library saved
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Model directory to make; must not be there yet
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
    /// Name of the model; that of the directory when absent
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Version of the model
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pub version: String,
    /// Inputs in training order, where the file does not name them
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub inputs: Vec<String>,
    /// Catalog that the model was trained on: it must have every input, and the model is tied to it
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// Output of an ONNX graph that is the score, with its column where it has several: NAME or NAME:1
    #[arg(long, value_name = "NAME[:COLUMN]")]
    pub score_output: Option<String>,
    /// Table of inputs with the library's own scores: .parquet, .csv or JSON lines
    #[arg(long, value_name = "FILE", requires = "expected_column")]
    pub samples: Option<PathBuf>,
    /// Column of the samples that holds the library's scores
    #[arg(long, value_name = "COLUMN", requires = "samples")]
    pub expected_column: Option<String>,
    /// What that column holds
    #[arg(long, value_enum, default_value_t = Expected::Probability)]
    pub expected_is: Expected,
    /// Largest difference from the library's scores that counts as equal
    #[arg(long, value_name = "X", default_value_t = 1e-9)]
    pub tolerance: f64,
    /// Golden rows to keep, spread over the samples
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub golden_rows: u32,
    /// Add a model card to fill in
    #[arg(long)]
    pub card: bool,
}

/// What a column of expected scores holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Expected {
    /// Probabilities
    Probability,
    /// Raw scores: log-odds, margins
    Raw,
}

#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Model directory
    #[arg(long, short, value_name = "DIR")]
    pub model: PathBuf,
    #[command(flatten)]
    pub ground: GroundArgs,
    /// Parquet (.parquet), CSV (.csv) or JSON lines (any other name) file
    #[arg(long, short, value_name = "FILE")]
    pub input: PathBuf,
    /// Parquet file to write: one row per row of the input, in its order
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Add what each input contributes to the raw score
    #[arg(long)]
    pub contributions: bool,
    /// Columns of the input to pass through
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub keep: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Model directory
    #[arg(long, short, value_name = "DIR")]
    pub model: PathBuf,
    #[command(flatten)]
    pub ground: GroundArgs,
    /// Parquet (.parquet), CSV (.csv) or JSON lines (any other name) file
    #[arg(long, short, value_name = "FILE")]
    pub input: PathBuf,
    /// Row of the file, from 0
    #[arg(long, value_name = "N")]
    pub row: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Whose line-up file is changed.
#[derive(Debug, Clone, Args)]
pub struct LineupArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Stage whose catalog the model must fit, where the configuration has several and `run` runs one
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct PromoteArgs {
    /// Directory of the model
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    #[command(flatten)]
    pub lineup: LineupArgs,
}
