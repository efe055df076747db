//! The command line of tillwatch-lab.

mod report;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use clap::{Args, Parser, Subcommand};
use tillwatch_lab::compare::{KNOWN_LATER, LATE, SAME_TIME, compare};
use tillwatch_lab::declared::Declared;
use tillwatch_lab::rolling;
use tillwatch_lab::rows::Rows;
use tillwatch_lab::table::{self, AMOUNT_DECIMALS_MAX, Mapping};
use tillwatch_records::Column;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::units::DurationMs;

/// Features in batch by polars, and how they differ from the stream's
#[derive(Debug, Parser)]
#[command(name = "tillwatch-lab", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compute the features of a catalog over a Parquet file with polars' rolling windows
    #[command(after_long_help = "\
The output has one row per row of the input, in its order: event id where there is one, key, time, one
column per feature, and marks. Windows are ranges of event time, so they hold records that a stream had
not seen: `same_time` marks rows that share their time with another row of the key, `known_later` rows
before whose time there is a record that stands later in the file. With --allowed-lateness, rows that
the stream refuses as late are in no window and marked `refused_late`. All others count, duplicates too.

Example:
  tillwatch-lab features --catalog models/features/card-present.toml --input day.parquet \\
      --key acquirer_id,merchant_id,terminal_id --allowed-lateness 10m --output polars.parquet")]
    Features(FeaturesArgs),
    /// Compare two Parquet files of features, column by column
    #[command(after_long_help = "\
Exit codes:
  0  the same, or different only in marked rows
  1  something else differs
  2  nothing could be compared

Example:
  tillwatch-lab compare --ours scores.parquet --theirs polars.parquet --on event_id")]
    Compare(CompareArgs),
}

#[derive(Debug, Args)]
struct FeaturesArgs {
    /// Feature catalog (TOML)
    #[arg(long, value_name = "FILE")]
    catalog: PathBuf,
    /// Parquet file of transactions, in the order of arrival
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,
    /// Canonical columns that name the entity
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', required = true, value_parser = column)]
    key: Vec<Column>,
    /// The file's column of event times
    #[arg(long, value_name = "COLUMN", default_value = "event_time")]
    time: String,
    /// The file's name of a canonical column, as canonical=theirs; may be repeated
    #[arg(long = "column", value_name = "CANONICAL=THEIRS", value_parser = renamed)]
    columns: Vec<(Column, String)>,
    /// Amounts are in major units with this many decimals; whole minor units when absent
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=i64::from(AMOUNT_DECIMALS_MAX)),
    )]
    amount_decimals: Option<u32>,
    /// Keep rows out of all windows that are older than the newest of their key by more than this, as
    /// the stream's `allowed_lateness` does; every row counts when absent
    #[arg(long, value_name = "DURATION")]
    allowed_lateness: Option<DurationMs>,
    /// Parquet file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Features of the stream (Parquet)
    #[arg(long, value_name = "FILE")]
    ours: PathBuf,
    /// Features to compare with (Parquet)
    #[arg(long, value_name = "FILE")]
    theirs: PathBuf,
    /// Column that names a row in both files
    #[arg(long, value_name = "COLUMN", default_value = "event_id")]
    on: String,
    /// Largest difference of equal values, relative where they are above 1
    #[arg(long, value_name = "X", default_value_t = 1e-9)]
    tolerance: f64,
}

fn main() -> ExitCode {
    let result = match &Cli::parse().command {
        Command::Features(args) => features(args).map(|()| false),
        Command::Compare(args) => compare_files(args),
    };
    match result {
        Ok(differs) => ExitCode::from(u8::from(differs)),
        Err(error) => {
            // Errors say their cause themselves.
            eprintln!("tillwatch-lab: {error}");
            ExitCode::from(2)
        }
    }
}

fn features(args: &FeaturesArgs) -> Result<()> {
    let declared = Declared::open(&args.catalog)?;
    for left_out in &declared.left_out {
        eprintln!("left out: {}: {}", left_out.name, left_out.reason);
    }
    anyhow::ensure!(
        !declared.features.is_empty(),
        "no feature of {} can be computed by polars",
        args.catalog.display()
    );
    let mut mapping = Mapping {
        names: args.columns.iter().cloned().collect(),
        amount_decimals: args.amount_decimals,
    };
    mapping.names.insert(Column::EventTime, args.time.clone());
    let mut required = args.key.clone();
    required.push(Column::EventTime);
    let mut columns = declared.inputs();
    columns.push(Column::EventId);
    columns.extend(&required);
    columns.sort_unstable();
    columns.dedup();
    let columns = table::read_canonical(&args.input, &mapping, &columns, &required)?;
    for column in declared.inputs() {
        if columns.column_by_name(column.name()).is_none() {
            eprintln!(
                "{} has no `{}`: taken as null",
                args.input.display(),
                column.name()
            );
        }
    }
    let mut rows = Rows::new(columns, &args.key)?;
    if let Some(allowed) = args.allowed_lateness {
        rows = rows.without_late(allowed.as_ms());
    }
    let features = rolling::compute(&declared, &rows)?;
    let output = with_names(&rows, &args.key, &features)
        .map_err(|error| anyhow::anyhow!("cannot lay out the output: {error}"))?;
    table::write(&args.output, &output)?;
    eprintln!(
        "{} features of {} rows, {} keys",
        features.num_columns(),
        rows.len(),
        rows.keys().iter().max().map_or(0, |last| last + 1)
    );
    Ok(())
}

/// Event id, key and time, the features, and the marks.
fn with_names(rows: &Rows, key: &[Column], features: &RecordBatch) -> Result<RecordBatch> {
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    let mut names = vec![Column::EventId, Column::EventTime];
    names.extend(key.iter().filter(|column| **column != Column::EventId));
    for column in names {
        if let Some(array) = rows.columns().column_by_name(column.name()) {
            columns.push((column.name(), array.clone()));
        }
    }
    let schema = features.schema();
    for (field, array) in schema.fields().iter().zip(features.columns()) {
        columns.push((field.name(), array.clone()));
    }
    let marks = rows.marks();
    columns.push((SAME_TIME, Arc::new(BooleanArray::from(marks.same_time))));
    columns.push((KNOWN_LATER, Arc::new(BooleanArray::from(marks.known_later))));
    columns.push((LATE, Arc::new(BooleanArray::from(marks.late))));
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )?)
}

/// Whether something differs that arrival does not explain.
fn compare_files(args: &CompareArgs) -> Result<bool> {
    let ours = table::read(&args.ours, None)?;
    let theirs = table::read(&args.theirs, None)?;
    let found = compare(&ours, &theirs, &args.on, args.tolerance)?;
    let text = if io::stdout().is_terminal() {
        report::table(&found)
    } else {
        report::lines(&found)
    };
    print!("{text}");
    Ok(found.differs())
}

fn column(name: &str) -> Result<Column, String> {
    Column::from_name(name).ok_or_else(|| {
        let hint = did_you_mean(name, Column::names());
        format!("`{name}` is not a canonical column{hint}")
    })
}

fn renamed(text: &str) -> Result<(Column, String), String> {
    let (canonical, theirs) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not of the form canonical=theirs"))?;
    Ok((column(canonical)?, theirs.to_owned()))
}
