//! What is said of a file when it is scored.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tillwatch_decode::{Refusal, RefusalReason};
use tillwatch_records::{FieldCounts, Flags, RawBatch, RecordKinds, ScoreBatch, UnknownCodes};

/// Counts rows and what became of them.
#[derive(Debug, Default)]
pub struct Summary {
    read: u64,
    scored: u64,
    refused: u64,
    ignored: u64,
    flags: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<&'static str, u64>,
    unknown_codes: UnknownCodes,
    invalid_fields: FieldCounts,
    /// Row, reason and detail of the first refusal.
    first_refusal: Option<(i64, RefusalReason, String)>,
}

impl Summary {
    /// Counts a batch. `row_of` gives the number of a row by its index in `raw`.
    pub fn count(
        &mut self,
        raw: &RawBatch,
        scores: &ScoreBatch,
        refusals: &[Refusal],
        row_of: impl Fn(usize) -> i64,
    ) {
        self.read += raw.len() as u64;
        self.scored += scores.emissions.records() as u64;
        self.refused += refusals.len() as u64;
        for flags in scores.flags.iter().filter(|flags| !flags.is_empty()) {
            for name in flags.names() {
                *self.flags.entry(name).or_default() += 1;
            }
        }
        for refusal in refusals {
            *self.reasons.entry(refusal.reason.code()).or_default() += 1;
        }
        if let (None, Some(first)) = (&self.first_refusal, refusals.first()) {
            self.first_refusal = Some((row_of(first.index), first.reason, first.detail.clone()));
        }
    }

    /// Counts records that are ignored because of their type.
    pub fn count_ignored(&mut self, records: usize) {
        self.ignored += records as u64;
    }

    /// Counts the codes of a batch that nobody knows.
    pub fn count_unknown(&mut self, codes: &UnknownCodes) {
        self.unknown_codes += codes;
    }

    /// Counts the fields of a batch that could not be read.
    pub fn count_invalid(&mut self, fields: &FieldCounts) {
        self.invalid_fields += fields;
    }

    /// Whether there were rows and every one was refused.
    pub fn is_all_refused(&self) -> bool {
        self.refused > 0 && self.refused + self.ignored == self.read
    }

    /// Whether a row came later than its key's others allow.
    pub fn is_late(&self) -> bool {
        self.flags.contains_key(late())
    }

    /// Why nothing was scored, in words; `kept` is where the refused rows are.
    pub fn nothing_scored(&self, kept: Option<&Path>) -> String {
        let first = self.first_refusal.as_ref();
        let first = first.map_or_else(String::new, |(row, reason, detail)| {
            format!("; the first, row {row}: {reason}: {detail}")
        });
        format!(
            "all rows were refused: {}{first}{}. Is it the right file, and does [decode] fit it? No output was \
             written",
            counted(&self.reasons),
            in_file(kept),
        )
    }

    /// The lines of the summary.
    pub fn lines(&self, scored: RecordKinds, took: Duration, kept: Option<&Path>) -> Vec<String> {
        let seconds = took.as_secs_f64();
        let mut lines = vec![format!(
            "{} {} scored, {} records folded into state, {} refused{} in {seconds:.1} s ({:.0} records/s)",
            self.scored,
            match scored {
                RecordKinds::TRANSACTIONS => "transactions",
                _ => "records",
            },
            self.read
                .saturating_sub(self.scored + self.refused + self.ignored),
            self.refused,
            in_file(kept),
            self.read as f64 / seconds.max(1e-9),
        )];
        if self.read == 0 {
            lines.push("the input holds no row".into());
        }
        if self.ignored > 0 {
            lines.push(format!("ignored because of their type: {}", self.ignored));
        }
        if !self.reasons.is_empty() {
            lines.push(format!("refused: {}", counted(&self.reasons)));
        }
        if !self.flags.is_empty() {
            lines.push(format!("flags: {}", counted(&self.flags)));
        }
        let is_card = |cause| cause == RefusalReason::PAN_IN_CLEAR.code();
        let fields = || self.invalid_fields.iter();
        let invalid = fields().filter(|(_, cause, _)| !is_card(*cause));
        let invalid = invalid.map(|(column, cause, count)| format!("{column} {count} ({cause})"));
        let invalid: Vec<_> = invalid.collect();
        if !invalid.is_empty() {
            lines.push(format!(
                "fields that could not be read, and are null: {}",
                invalid.join(", ")
            ));
        }
        let cards = fields().filter(|(_, cause, _)| is_card(*cause));
        let cards = cards.map(|(column, _, count)| format!("{column} {count}"));
        let cards: Vec<_> = cards.collect();
        if !cards.is_empty() {
            lines.push(format!(
                "fields that looked like card numbers, whose digits are hidden: {} (see [decode] \
                 no_card_numbers_in, if they are other numbers)",
                cards.join(", ")
            ));
        }
        let unknown = self.unknown_codes.iter();
        let unknown = unknown.filter(|(_, count)| *count > 0);
        let unknown = unknown.map(|(column, count)| (column.name(), count));
        let unknown: BTreeMap<_, _> = unknown.collect();
        if !unknown.is_empty() {
            lines.push(format!(
                "unknown codes, which features and rules see as they are: {}",
                counted(&unknown)
            ));
        }
        lines
    }
}

fn late() -> &'static str {
    Flags::LATE.names().next().unwrap_or_default()
}

fn counted(counts: &BTreeMap<&'static str, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
    let counts = counts.iter().map(|(name, count)| format!("{name} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn in_file(kept: Option<&Path>) -> String {
    kept.map_or_else(String::new, |path| format!(" (see {})", path.display()))
}
