//! The `[scoring]` table.

use serde::Deserialize;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Band, RecordKinds, Severity};

use crate::error::ScoringError;

/// The `[scoring]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoringSettings {
    /// Types of record that are scored; the others only change state. Default `["transaction"]`.
    pub record_types: RecordKinds,
    /// Scores from here on are for a person to look at, 0 to 1000. Default 500.
    pub review_from: u16,
    /// Scores from here on are to be declined, `review_from` to 1000. Default 900.
    pub decline_from: u16,
    /// What decisions cost; in place of `review_from` and `decline_from`.
    pub costs: Option<Costs>,
    /// Scores from here on raise an alert, 0 to 1000 (1000: never). Default 900.
    pub alert_from: u16,
    /// A fired rule of at least this severity raises an alert. Default `critical`.
    pub alert_severity: Severity,
    /// For this long before and after an alert, in event time, further ones of the same key and typology are
    /// counted but not sent, unless a rule has a cool-down of its own. Default 1 h.
    pub alert_cooldown: DurationMs,
    /// How much is said about what moved a learnt score.
    pub attribution: AttributionSettings,
    /// Names that switch rules on which ask for them.
    pub flags: Vec<String>,
}

/// The `[scoring.costs]` table: what a decision costs on average, in any one unit of money. A transaction
/// goes where the expected cost is least.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// A person's look at a transaction.
    pub review: f64,
    /// A fraudulent transaction that was approved.
    pub missed_fraud: f64,
    /// An honest transaction that was declined.
    pub false_decline: f64,
}

/// The `[scoring.attribution]` table.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttributionSettings {
    /// When contributions are computed.
    pub policy: AttributionPolicy,
    /// Probability from which a row's contributions are exact, 0 to 1. Default 0.5.
    pub from: f64,
    /// What the rows below get. Default `none`.
    pub below: Below,
}

/// When contributions of features to a learnt score are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributionPolicy {
    /// Exact ones for every row.
    Always,
    /// Exact ones for rows of at least the probability `from`.
    AboveThreshold,
    /// As `above_threshold`, but cheap ones for a batch that is late.
    Deadline,
}

/// What rows get whose score asks for no explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Below {
    /// Nothing.
    None,
    /// Cheap contributions.
    Cheap,
}

impl Default for AttributionSettings {
    fn default() -> Self {
        Self {
            policy: AttributionPolicy::AboveThreshold,
            from: 0.5,
            below: Below::None,
        }
    }
}

impl Default for ScoringSettings {
    fn default() -> Self {
        Self {
            record_types: RecordKinds::TRANSACTIONS,
            review_from: 500,
            decline_from: 900,
            costs: None,
            alert_from: 900,
            alert_severity: Severity::Critical,
            alert_cooldown: DurationMs::from_ms(3_600_000),
            attribution: AttributionSettings::default(),
            flags: Vec::new(),
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
        } else if !(0.0..=1.0).contains(&self.attribution.from) {
            "attribution: from is a probability, 0 to 1"
        } else if self.costs.is_some_and(|costs| !costs.is_sound()) {
            "costs: each is a number above 0"
        } else if self.costs.is_some() && !self.has_default_bands() {
            "costs take the place of review_from and decline_from; leave those out"
        } else {
            return Ok(());
        };
        Err(ScoringError::Settings(fault.to_owned()))
    }

    /// The decision band of a score.
    pub fn band(&self, score: u16) -> Band {
        let (review_from, decline_from) = self.bands_from();
        if score >= decline_from {
            Band::Decline
        } else if score >= review_from {
            Band::Review
        } else {
            Band::Approve
        }
    }

    /// The scores from which a transaction is reviewed and declined: as configured, or from costs.
    pub fn bands_from(&self) -> (u16, u16) {
        match self.costs {
            Some(costs) => costs.bands_from(),
            None => (self.review_from, self.decline_from),
        }
    }

    fn has_default_bands(&self) -> bool {
        let default = Self::default();
        (self.review_from, self.decline_from) == (default.review_from, default.decline_from)
    }
}

impl Costs {
    fn is_sound(self) -> bool {
        let all = [self.review, self.missed_fraud, self.false_decline];
        all.iter().all(|cost| *cost > 0.0 && cost.is_finite())
    }

    /// Approving costs p × missed_fraud, a review its price, declining (1 − p) × false_decline. So a review
    /// pays from p = review / missed_fraud on, declining from p = 1 − review / false_decline on; where
    /// reviews never pay, declining does from p = false_decline / (false_decline + missed_fraud) on.
    fn bands_from(self) -> (u16, u16) {
        let review = self.review / self.missed_fraud;
        let decline = 1.0 - self.review / self.false_decline;
        let score = |probability: f64| (1000.0 * probability).ceil().clamp(0.0, 1000.0) as u16;
        if review < decline {
            (score(review), score(decline))
        } else {
            let even = score(self.false_decline / (self.false_decline + self.missed_fraud));
            (even, even)
        }
    }
}
