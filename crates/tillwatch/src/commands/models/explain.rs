//! `tillwatch models explain`: what a row's score is made of.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use arrow::array::ArrayRef;
use serde::Serialize;
use tillwatch_records::Reason;
use tillwatch_scoring::{Depth, LoadedModel, Signal};

use super::apply::{Applied, row_bias};
use super::ground::{Ground, Opened};
use crate::cli::models::ExplainArgs;
use crate::commands::rows;
use crate::exit::misconfigured;
use crate::files::{Table, value_text};

/// What a row's score is made of.
#[derive(Debug, Serialize)]
struct Explanation {
    model: String,
    kind: String,
    row: u64,
    /// 0 to 999; none where the model has no opinion yet.
    score: Option<u16>,
    probability: Option<f64>,
    raw_score: f64,
    /// Whether a lower raw score is a higher risk.
    lower_is_riskier: bool,
    /// What the raw score is without any contribution; none for a kind without contributions.
    bias: Option<f64>,
    /// Bias and contributions, added.
    sum: Option<f64>,
    /// Of every input, the largest first.
    contributions: Vec<Contribution>,
    /// Where there are no contributions that add up to the raw score: the reasons, the largest first.
    reasons: Vec<Stated>,
}

#[derive(Debug, Serialize)]
struct Contribution {
    input: String,
    value: String,
    contribution: f64,
    /// Reason code, where model.toml gives the input one.
    reason: Option<String>,
    words: Option<String>,
}

#[derive(Debug, Serialize)]
struct Stated {
    reason: String,
    input: String,
    value: f64,
    contribution: f64,
    words: String,
}

/// Explains one row. A model that learns is given the rows before it first.
pub fn explain(args: &ExplainArgs) -> Result<ExitCode> {
    let opened = Ground::new(&args.ground)?
        .open(&args.model)
        .map_err(misconfigured)?;
    let mut applied = Applied::new(&opened);
    // A learner explains a row when it scores it or never.
    applied.explain_from = 0.0;
    let mut table = Table::open(&args.input, applied.wanted.clone())?;
    let mut first = 0;
    while let Some(columns) = table.next_batch()? {
        let rows = columns.first().map_or(0, |column| column.len()) as u64;
        if args.row < first + rows {
            let explanation = explanation(&mut applied, &opened, &columns, first, args.row);
            return print(&explanation, args.json);
        }
        if opened.model.learns() {
            applied.score(&columns);
        }
        first += rows;
    }
    bail!(
        "{} has {first} rows, so there is no row {}; rows count from 0",
        args.input.display(),
        args.row
    );
}

/// Of `row`, which is one of those in `columns`; the first of these is row `first`.
fn explanation(
    applied: &mut Applied,
    opened: &Opened,
    columns: &[ArrayRef],
    first: u64,
    row: u64,
) -> Explanation {
    let model = &opened.model;
    let position = (row - first) as u32;
    let at = position as usize;
    let mut signals = applied.score(columns);
    let runner = &mut applied.runner;
    let (raw_score, probability) = (runner.raw()[at], runner.probability()[at]);
    let known = !probability.is_nan();
    let mut explanation = Explanation {
        model: model.info().versioned_name(),
        kind: model.info().kind.clone(),
        row,
        score: known.then(|| (probability * 1000.0).floor().clamp(0.0, 999.0) as u16),
        probability: known.then_some(probability),
        raw_score,
        lower_is_riskier: false,
        bias: None,
        sum: None,
        contributions: Vec::new(),
        reasons: Vec::new(),
    };
    match runner.contributions(&[position], Depth::Exact) {
        Some(found) => {
            explanation.lower_is_riskier = found.lower_is_riskier;
            let bias = row_bias(found.bias, &found.values, raw_score);
            explanation.bias = Some(bias);
            explanation.sum = Some(bias + found.values.iter().sum::<f64>());
            explanation.contributions = contributions(model, columns, at, &found.values);
        }
        None => {
            runner.explain(&[position], Depth::Exact, &mut signals);
            explanation.reasons = stated(&signals, position);
        }
    }
    explanation
}

fn contributions(
    model: &LoadedModel,
    columns: &[ArrayRef],
    row: usize,
    values: &[f64],
) -> Vec<Contribution> {
    let info = model.info();
    let inputs = info.inputs.iter().zip(columns).zip(values).enumerate();
    let mut all: Vec<Contribution> = inputs
        .map(|(position, ((input, column), contribution))| {
            let reason = info.reasons.get(position).and_then(Option::as_ref);
            Contribution {
                input: input.clone(),
                value: value_text(column, row),
                contribution: *contribution,
                reason: reason.map(|reason| reason.definition.code.clone()),
                words: reason.map(|reason| reason.definition.words.clone()),
            }
        })
        .collect();
    all.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    all
}

fn stated(signals: &[Signal], row: u32) -> Vec<Stated> {
    let of_row = signals.iter().filter(|signal| signal.row == row);
    let mut all: Vec<Stated> = of_row.map(|signal| state(&signal.reason)).collect();
    all.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    all
}

fn state(reason: &Reason) -> Stated {
    Stated {
        reason: reason.definition.code.clone(),
        input: reason.definition.feature.clone(),
        value: reason.value,
        contribution: reason.contribution,
        words: reason.definition.words.clone(),
    }
}

fn print(found: &Explanation, json: bool) -> Result<ExitCode> {
    if json {
        rows::document(found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} ({}), row {}", found.model, found.kind, found.row)?;
    match (found.score, found.probability) {
        (Some(score), Some(probability)) => {
            writeln!(out, "score {score}, probability {probability}")?;
        }
        _ => writeln!(out, "no score yet: the model has seen too few rows")?,
    }
    let direction = if found.lower_is_riskier {
        "; lower is riskier"
    } else {
        ""
    };
    writeln!(out, "raw score {}{direction}\n", found.raw_score)?;
    let width = found.contributions.iter().map(|c| c.input.chars().count());
    let width = width.chain(found.reasons.iter().map(|r| r.input.chars().count()));
    let width = width.max().unwrap_or(0);
    let line = |contribution: f64, input: &str, value: &str, reason: Option<(&str, &str)>| {
        let reason = reason.map_or(String::new(), |(code, words)| format!("{code}: {words}"));
        let line = format!("{contribution:>+12.6}  {input:width$}  {value:>12}  {reason}");
        line.trim_end().to_owned()
    };
    for entry in &found.contributions {
        let reason = entry.reason.as_deref().zip(entry.words.as_deref());
        let text = line(entry.contribution, &entry.input, &entry.value, reason);
        writeln!(out, "{text}")?;
    }
    for entry in &found.reasons {
        let reason = Some((entry.reason.as_str(), entry.words.as_str()));
        let text = line(
            entry.contribution,
            &entry.input,
            &entry.value.to_string(),
            reason,
        );
        writeln!(out, "{text}")?;
    }
    match (found.bias, found.sum) {
        (Some(bias), Some(sum)) => {
            writeln!(out, "{bias:>+12.6}  bias")?;
            writeln!(
                out,
                "\nbias and contributions add up to {sum}, {:e} off the raw score",
                (sum - found.raw_score).abs()
            )?;
        }
        _ if found.reasons.is_empty() => writeln!(out, "no reasons")?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}
