//! An explanation as aligned lines.

use std::fmt;

use tillwatch_records::units::DurationMs;

use super::explanation::Explanation;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Widest that a column is made for what stands in it; what is longer runs over.
const WIDTH_MAX: usize = 64;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "catalog {}: {} features, {} bytes per record kept, for {}",
            self.catalog,
            self.features.len(),
            self.bytes_per_record,
            span(self.retention.as_ms())
        )?;
        self.costs(f)?;
        self.parts(f)?;
        table(
            f,
            "keep",
            ["per", "features", "bytes", "besides", "what"],
            self.kept.iter().map(|kept| {
                let of = if kept.is_of_lane { "lane" } else { "key" };
                [
                    of.to_owned(),
                    kept.features.to_string(),
                    kept.bytes.to_string(),
                    kept.grows.to_owned(),
                    kept.what.clone(),
                ]
            }),
        )?;
        table(
            f,
            "feature",
            ["name", "window", "cost", "formula"],
            self.features.iter().map(|feature| {
                [
                    &feature.name,
                    &feature.window,
                    &feature.cost,
                    &feature.formula,
                ]
                .map(String::clone)
            }),
        )
    }
}

impl Explanation {
    /// What a late record costs, and how long a lane takes that lacks records.
    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lateness = span(self.lateness.as_ms());
        writeln!(
            f,
            "a late record changes every newer row of its key: those of {lateness} at most"
        )?;
        if self.looking > 0 {
            let features = self.looking;
            writeln!(
                f,
                "a late or refused one takes {features} features a look at each row in which its window and \
                 the newest differ"
            )?;
        }
        let whole_after = span(self.whole_after.as_ms());
        write!(
            f,
            "after a start in the middle of a log, windows are whole {whole_after} after its newest record"
        )?;
        match self.memories {
            0 => writeln!(f),
            memories => writeln!(f, ", and {memories} memories later (docs/catalog.md)"),
        }
    }

    /// What rows hold, and where windows and filters are.
    fn parts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(
            f,
            "row",
            ["at", "bytes", "what"],
            self.row.iter().map(|field| {
                [
                    field.at.to_string(),
                    field.bytes.to_string(),
                    field.what.clone(),
                ]
            }),
        )?;
        table(
            f,
            "window",
            ["begin", "end", "at"],
            self.windows.iter().map(|window| {
                let [begin, end] = [window.begin, window.end].map(|n| n.to_string());
                [begin, end, window.bound.clone()]
            }),
        )?;
        table(
            f,
            "filter",
            ["features", "of", "predicate"],
            self.filters.iter().map(|filter| {
                let of = if filter.is_label { "labels" } else { "records" };
                [
                    filter.features.to_string(),
                    of.to_owned(),
                    filter.predicate.clone(),
                ]
            }),
        )
    }
}

/// Whole days and what remains of them: a retention is a window and a few minutes.
fn span(ms: i64) -> String {
    let (days, rest) = (ms / DAY_MS, DurationMs::from_ms(ms % DAY_MS));
    match (days, rest.as_ms()) {
        (0, _) => rest.to_string(),
        (_, 0) => format!("{days}d"),
        _ => format!("{days}d {rest}"),
    }
}

/// One line per row, each of which begins with `kind`, and a head above them; nothing without rows.
/// Numbers stand on the right of their column.
fn table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> fmt::Result {
    let rows: Vec<[String; N]> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let is_number = |cell: &str| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
    let columns: [(usize, bool); N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        let widest = cells.chain([head[column].len()]).max().unwrap_or(0);
        let on_right = rows.iter().all(|row| is_number(&row[column]));
        (widest.min(WIDTH_MAX), on_right)
    });
    writeln!(f)?;
    for cells in [head.map(str::to_owned)].iter().chain(&rows) {
        let mut line = format!("{kind:<7}");
        for (cell, (width, on_right)) in cells.iter().zip(columns) {
            line.push_str("  ");
            line.push_str(&if on_right {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            });
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
