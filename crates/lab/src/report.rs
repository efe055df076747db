//! A comparison as a person or a program reads it.

use std::fmt::Write as _;

use tillwatch_lab::compare::{Comparison, Difference};

const HEADINGS: [&str; 8] = [
    "feature",
    "rows",
    "mismatches",
    "largest",
    "same_time",
    "known_later",
    "refused_late",
    "unexplained",
];

/// Aligned columns and a sentence.
pub fn table(found: &Comparison) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(found.features.iter().map(cells));
    let width = |index: usize| rows.iter().map(|row| row[index].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(out, "  {cell:>width$}");
        }
        out.push('\n');
    }
    for (rows, which) in [(found.only_ours, "ours"), (found.only_theirs, "theirs")] {
        if rows > 0 {
            let _ = writeln!(out, "{rows} rows are in {which} alone");
        }
    }
    let verdict = match (found.differs(), found.marked) {
        (true, true) => "they differ by more than a batch differs from a stream by nature",
        (true, false) => "they differ",
        (false, _) if found.features.iter().all(|f| f.mismatches == 0) => "they are the same",
        (false, _) => "they differ only where a batch differs from a stream by nature",
    };
    let _ = writeln!(out, "{verdict}");
    out
}

/// One line per feature, its cells between tabs, under a line of names.
pub fn lines(found: &Comparison) -> String {
    let mut out = HEADINGS.join("\t");
    out.push('\n');
    for feature in &found.features {
        out.push_str(&cells(feature).join("\t"));
        out.push('\n');
    }
    for (rows, which) in [(found.only_ours, "ours"), (found.only_theirs, "theirs")] {
        if rows > 0 {
            let _ = writeln!(out, "only_{which}\t{rows}");
        }
    }
    out
}

fn cells(found: &Difference) -> [String; 8] {
    [
        found.name.clone(),
        found.rows.to_string(),
        found.mismatches.to_string(),
        format!("{:.1e}", found.largest),
        found.same_time.to_string(),
        found.known_later.to_string(),
        found.late.to_string(),
        found.unexplained().to_string(),
    ]
}
