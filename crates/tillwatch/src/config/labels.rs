//! `[labels]`: labels that are made from a column of a file.

use serde::Deserialize;
use tillwatch_records::limits::WINDOW_MS_MAX;
use tillwatch_records::units::DurationMs;

/// `[labels]`: labels that are made from a column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSettings {
    /// Field of a row that says whether the transaction is fraud: 0/1 or true/false, in any spelling.
    pub column: String,
    /// Event time from a transaction to its label.
    pub delay: DurationMs,
}

/// Longest delay of a label: nothing remembers a transaction for longer than the longest window.
const LABEL_DELAY_MS_MAX: i64 = WINDOW_MS_MAX;

impl LabelSettings {
    /// Checks each value; an error names its key.
    pub fn validate(&self) -> Result<(), String> {
        if self.column.is_empty() {
            return Err("column: name the field that holds the outcome".into());
        }
        if !(0..=LABEL_DELAY_MS_MAX).contains(&self.delay.as_ms()) {
            return Err(format!("delay: `{}` is longer than 400d", self.delay));
        }
        Ok(())
    }
}
