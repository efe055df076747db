//! Rows of fields on standard output.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Result;
use serde::Serialize;

/// `lines` as one JSON document if `as_json`, else as rows of their `fields`: see [`print()`].
pub fn tell<T: Serialize>(
    as_json: bool,
    headings: &[&str],
    lines: &[T],
    fields: impl Fn(&T) -> Vec<String>,
) -> Result<()> {
    if as_json {
        return document(&lines);
    }
    let rows: Vec<Vec<String>> = lines.iter().map(fields).collect();
    print(headings, &rows)
}

/// `value` as a JSON document for people to read.
pub fn document(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A table with `headings` for a person, lines of fields between tabs for a pipe. A row of two fields is a
/// name and a remark: it does not make columns wider.
pub fn print(headings: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if !out.is_terminal() {
        for row in rows {
            writeln!(out, "{}", row.join("\t"))?;
        }
        return Ok(());
    }
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let whole = || [&headings].into_iter().chain(rows);
    let width = |column: usize| {
        let cells = whole().filter_map(|row| row.get(column).filter(|_| row.len() > 2));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in whole() {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
