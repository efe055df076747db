//! The `[scoring]` table.

use serde::Deserialize;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Band, Severity};

use crate::error::ScoringError;

/// The `[scoring]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoringSettings {
    /// Scores from here on are for a person to look at, 0 to 1000. Default 500.
    pub review_from: u16,
    /// Scores from here on are to be declined, `review_from` to 1000. Default 900.
    pub decline_from: u16,
    /// Scores from here on raise an alert, 0 to 1000 (1000: never). Default 900.
    pub alert_from: u16,
    /// A fired rule of at least this severity raises an alert. Default `critical`.
    pub alert_severity: Severity,
    /// For this long in event time, further alerts of the same key and typology are counted but not
    /// sent. Default 1 h.
    pub alert_cooldown: DurationMs,
}

impl Default for ScoringSettings {
    fn default() -> Self {
        Self {
            review_from: 500,
            decline_from: 900,
            alert_from: 900,
            alert_severity: Severity::Critical,
            alert_cooldown: DurationMs::from_ms(3_600_000),
        }
    }
}

impl ScoringSettings {
    /// Checks that the values fit together.
    ///
    /// # Errors
    /// Names the value that does not.
    pub fn validate(&self) -> Result<(), ScoringError> {
        let fault = if self.decline_from < self.review_from {
            "decline_from is below review_from; raise it"
        } else if self.decline_from > 1000 || self.alert_from > 1000 {
            "decline_from and alert_from are scores, 0 to 1000 (1000: never)"
        } else if self.alert_cooldown.as_ms() < 0 {
            "alert_cooldown is negative"
        } else {
            return Ok(());
        };
        Err(ScoringError::Settings(fault.to_owned()))
    }

    /// The decision band of a score.
    pub fn band(&self, score: u16) -> Band {
        if score >= self.decline_from {
            Band::Decline
        } else if score >= self.review_from {
            Band::Review
        } else {
            Band::Approve
        }
    }
}
