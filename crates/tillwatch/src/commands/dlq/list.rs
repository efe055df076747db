//! `tillwatch dlq list`: how many letters there are, of what, from where and when.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tillwatch_sink::{Entry, Fate, Letter};

use super::choice::Choice;
use super::letters::LetterTopic;
use super::words;
use crate::cli::DlqListArgs;
use crate::clock;
use crate::config::Config;
use crate::log;

/// Lines of the list. There is one per reason and partition; what more there is counts as one line, so that
/// whoever writes to the topic cannot fill memory.
const LINES_MAX: usize = 10_000;

/// What stands for reason and topic of the rest.
const REST: &str = "(others)";

/// Letters of one reason whose records came from one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Kind {
    reason: String,
    topic: String,
    partition: i32,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    letters: u64,
    /// Neither sent again nor discarded.
    open: u64,
    sent: u64,
    discarded: u64,
    /// Without all bytes of their records.
    reduced: u64,
    /// Milliseconds since 1970 of the first and the last record, by their own time.
    first_ms: Option<i64>,
    last_ms: Option<i64>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    kind: &'a Kind,
    #[serde(flatten)]
    counts: &'a Counts,
}

/// Prints a line for each reason and partition.
pub fn list(args: &DlqListArgs) -> Result<ExitCode> {
    let config = Config::load(&args.config.config)?;
    log::install(&config.log, &config.notices);
    let choice = Choice::new(&args.choice, &[], clock::unix_ms());
    let mut letters = LetterTopic::open(&config)?;
    let mut lines = BTreeMap::new();
    let mut foreign = 0_u64;
    while let Some((place, entry)) = letters.read_next()? {
        match entry {
            Entry::Letter(letter) if choice.takes(&letter) => {
                count(&mut lines, &letter, letters.done.fate(place));
            }
            Entry::Letter(_) | Entry::Note { .. } => {}
            Entry::Other => foreign += 1,
        }
    }
    print(&lines, args.json)?;
    if foreign > 0 {
        eprintln!("{foreign} records of {} are no dead letters", letters.name);
    }
    Ok(ExitCode::SUCCESS)
}

fn count(lines: &mut BTreeMap<Kind, Counts>, letter: &Letter, fate: Option<Fate>) {
    let kind = Kind {
        reason: letter.reason.clone(),
        topic: letter.source.topic.to_string(),
        partition: letter.source.partition,
    };
    let is_rest = lines.len() >= LINES_MAX && !lines.contains_key(&kind);
    let rest = || Kind {
        reason: REST.to_owned(),
        topic: REST.to_owned(),
        partition: -1,
    };
    let counts = lines
        .entry(if is_rest { rest() } else { kind })
        .or_default();
    counts.letters += 1;
    counts.reduced += u64::from(!letter.is_whole());
    match fate {
        None => counts.open += 1,
        Some(Fate::Sent) => counts.sent += 1,
        Some(Fate::Discarded) => counts.discarded += 1,
    }
    if let Some(time_ms) = letter.time_ms() {
        counts.first_ms = Some(counts.first_ms.map_or(time_ms, |first| first.min(time_ms)));
        counts.last_ms = Some(counts.last_ms.map_or(time_ms, |last| last.max(time_ms)));
    }
}

const HEADINGS: [&str; 9] = [
    "reason",
    "topic",
    "partition",
    "letters",
    "open",
    "discarded",
    "reduced",
    "first record",
    "last record",
];

/// A table for a person, lines of fields between tabs for a pipe, or JSON lines.
fn print(lines: &BTreeMap<Kind, Counts>, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        for (kind, counts) in lines {
            serde_json::to_writer(&mut out, &Line { kind, counts })?;
            writeln!(out)?;
        }
        return Ok(());
    }
    let rows = lines.iter().map(|(kind, counts)| fields(kind, counts));
    if !out.is_terminal() {
        for row in rows {
            writeln!(out, "{}", row.join("\t"))?;
        }
        return Ok(());
    }
    let rows: Vec<[String; 9]> = [HEADINGS.map(str::to_owned)]
        .into_iter()
        .chain(rows)
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(move |row| row[column].chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn fields(kind: &Kind, counts: &Counts) -> [String; 9] {
    [
        kind.reason.clone(),
        kind.topic.clone(),
        kind.partition.to_string(),
        counts.letters.to_string(),
        counts.open.to_string(),
        counts.discarded.to_string(),
        counts.reduced.to_string(),
        words::time(counts.first_ms),
        words::time(counts.last_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::dlq::choice::tests::letter;

    #[test]
    fn a_line_counts_what_has_one_reason_and_partition() {
        let mut lines = BTreeMap::new();
        for (partition, time_ms, reason, fate) in [
            (0, Some(5), "bad_time", None),
            (0, Some(3), "bad_time", Some(Fate::Sent)),
            (0, None, "bad_time", Some(Fate::Discarded)),
            (1, Some(9), "bad_time", None),
        ] {
            count(&mut lines, &letter(partition, 1, time_ms, reason), fate);
        }
        let rows: Vec<_> = lines
            .iter()
            .map(|(kind, counts)| fields(kind, counts))
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0][..7],
            ["bad_time", "transactions", "0", "3", "1", "1", "0"]
        );
        assert_eq!(rows[0][7], "1970-01-01T00:00:00.003Z");
        assert_eq!(rows[1][4], "1");
    }

    #[test]
    fn the_list_is_bounded() {
        let mut lines = BTreeMap::new();
        for n in 0..LINES_MAX + 50 {
            count(&mut lines, &letter(0, 1, None, &n.to_string()), None);
        }
        assert_eq!(lines.len(), LINES_MAX + 1);
        let rest = lines.iter().find(|(kind, _)| kind.reason == REST);
        assert_eq!(rest.map(|(_, counts)| counts.letters), Some(50));
    }
}
