//! `tillwatch models predict`: a model over a table.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use tillwatch_scoring::{Contributions, Depth};

use super::apply::{Applied, no_contributions, row_bias};
use super::ground::Ground;
use crate::cli::models::PredictArgs;
use crate::exit::misconfigured;
use crate::files::{Inputs, ParquetFile, Table, Wanted};

const RAW_SCORE: &str = "raw_score";
const PROBABILITY: &str = "probability";
/// What stands before an input's name.
const CONTRIBUTION: &str = "contribution_";
const BIAS: &str = "contribution_bias";

/// Applies the model to every row, in order; the room it takes does not depend on their number.
pub fn predict(args: &PredictArgs) -> Result<ExitCode> {
    let opened = Ground::new(&args.ground)?
        .open(&args.model)
        .map_err(misconfigured)?;
    let mut applied = Applied::new(&opened);
    let inputs = applied.wanted.len();
    refuse_taken_names(args, &applied.wanted)?;
    if args.contributions && opened.model.is_ensemble() {
        return Err(no_contributions(&opened.model, &args.model));
    }
    let kept = args.keep.iter().map(|name| Wanted {
        name: name.clone(),
        data_type: None,
    });
    let wanted = applied.wanted.iter().cloned().chain(kept).collect();
    Inputs::find(std::slice::from_ref(&args.input))?.refuse_output(&args.output)?;
    let mut table = Table::open(&args.input, wanted)?;
    let mut output = ParquetFile::new(&args.output);
    let mut rows_total = 0;
    while let Some(columns) = table.next_batch()? {
        applied.score(&columns[..inputs]);
        let runner = &mut applied.runner;
        let rows = runner.raw().len();
        let mut written: Vec<(String, ArrayRef)> = Vec::new();
        written.extend(
            args.keep
                .iter()
                .cloned()
                .zip(columns[inputs..].iter().cloned()),
        );
        written.push((RAW_SCORE.to_owned(), doubles(runner.raw().to_vec())));
        // No opinion is no number.
        let probability = runner.probability().iter();
        let probability = probability.map(|p| (!p.is_nan()).then_some(*p));
        let probability = Arc::new(probability.collect::<Float64Array>());
        written.push((PROBABILITY.to_owned(), probability));
        if args.contributions {
            let raw = runner.raw().to_vec();
            let all: Vec<u32> = (0..rows as u32).collect();
            let Some(found) = runner.contributions(&all, Depth::Exact) else {
                return Err(no_contributions(&opened.model, &args.model));
            };
            let names = applied.wanted.iter().map(|wanted| wanted.name.as_str());
            written.extend(contributions(found, names, &raw));
        }
        let nullable = written
            .into_iter()
            .map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(nullable)
            .context("cannot lay out scores as columns")?;
        output.write(&batch)?;
        rows_total += rows;
    }
    output
        .finish()
        .with_context(|| format!("cannot complete {}", args.output.display()))?;
    println!(
        "{rows_total} rows of {} scored by {} into {}",
        args.input.display(),
        opened.model.info().versioned_name(),
        args.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// One column per input and one for the bias.
fn contributions<'a>(
    found: &Contributions,
    names: impl ExactSizeIterator<Item = &'a str>,
    raw: &[f64],
) -> Vec<(String, ArrayRef)> {
    let width = names.len();
    let column = |(position, name): (usize, &str)| {
        let values = found.values.iter().skip(position).step_by(width);
        (
            format!("{CONTRIBUTION}{name}"),
            doubles(values.copied().collect()),
        )
    };
    let mut columns: Vec<_> = names.enumerate().map(column).collect();
    let rows = found.values.chunks_exact(width.max(1)).zip(raw);
    let bias = rows.map(|(values, raw)| row_bias(found.bias, values, *raw));
    columns.push((BIAS.to_owned(), doubles(bias.collect())));
    columns
}

fn doubles(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

/// A file has one column of a name.
fn refuse_taken_names(args: &PredictArgs, inputs: &[Wanted]) -> Result<()> {
    for (position, name) in args.keep.iter().enumerate() {
        let taken = name == RAW_SCORE
            || name == PROBABILITY
            || args.keep[..position].contains(name)
            || (args.contributions && name.starts_with(CONTRIBUTION));
        if taken {
            return Err(misconfigured(format!(
                "--keep `{name}`: the output has another column of this name; rename it in the input"
            )));
        }
    }
    if args.contributions && inputs.iter().any(|input| input.name == "bias") {
        return Err(misconfigured(format!(
            "an input is called `bias`, so that `{BIAS}` would mean two things; rename it"
        )));
    }
    Ok(())
}
