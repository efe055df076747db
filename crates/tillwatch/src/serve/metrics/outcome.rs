//! What becomes of records.

/// What became of a record. Every record has exactly one outcome.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// Scored and folded into state.
    Scored,
    /// Scored, changed no state: too late.
    Late,
    /// Scored, changed no state: seen before.
    Duplicate,
    /// Scored, changed no state: its clock runs ahead.
    ClockSkew,
    /// Terminal events and labels: folded into state.
    Folded,
    /// Of a type that is ignored.
    Ignored,
    /// Refused by decode, sent to the dead-letter topic.
    DeadLettered,
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Scored,
        Self::Late,
        Self::Duplicate,
        Self::ClockSkew,
        Self::Folded,
        Self::Ignored,
        Self::DeadLettered,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::ClockSkew => "clock_skew",
            Self::Folded => "folded",
            Self::Ignored => "ignored",
            Self::DeadLettered => "dead_lettered",
        }
    }
}
