//! Rows whose label cannot be read.

use std::fmt;

/// Rows that are named.
const NAMED_MAX: usize = 20;

/// How many rows have a label, and which have one that cannot be read. Such a row is a transaction whose
/// outcome nobody knows.
#[derive(Debug, Default)]
pub struct RefusedLabels {
    read: u64,
    refused: u64,
    /// The first rows that were refused.
    rows: Vec<i64>,
}

impl RefusedLabels {
    /// Notes that the label of a row was read.
    pub fn note_read(&mut self) {
        self.read += 1;
    }

    /// Notes that the label of `row` cannot be read.
    pub fn note(&mut self, row: i64) {
        self.refused += 1;
        if self.rows.len() < NAMED_MAX {
            self.rows.push(row);
        }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.refused == 0
    }

    /// Whether there are labels and none of them can be read, which is the mark of a wrong column.
    pub fn are_all(&self) -> bool {
        self.read == 0 && self.refused > 0
    }

    /// Which rows, in words; `column` is where their labels are read from.
    pub fn words<'a>(&'a self, column: &'a str) -> impl fmt::Display + 'a {
        Words {
            labels: self,
            column,
        }
    }
}

struct Words<'a> {
    labels: &'a RefusedLabels,
    column: &'a str,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, column } = self;
        let rows = labels.rows.iter().map(ToString::to_string);
        let rows = rows.collect::<Vec<String>>().join(", ");
        write!(
            f,
            "{} of {} labels refused: column `{column}` holds none of 0, 1, false, true and null in row \
             {rows}",
            labels.refused,
            labels.read + labels.refused,
        )?;
        match labels.refused as usize - labels.rows.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_named() {
        let mut labels = RefusedLabels::default();
        labels.note(3);
        assert!(labels.are_all());
        labels.note_read();
        assert!(!labels.are_all());
        for row in 4..30 {
            labels.note(row);
        }
        let words = labels.words("y").to_string();
        assert!(
            words.starts_with("27 of 28 labels refused: column `y` holds"),
            "{words}"
        );
        let rows = (3..23).map(|row: i64| row.to_string()).collect::<Vec<_>>();
        let expected = format!("in row {} and 7 more", rows.join(", "));
        assert!(words.ends_with(&expected), "{words}");
    }
}
