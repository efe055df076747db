//! The fraud typologies that reasons and ground truth name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of scam a reason points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Typology {
    /// Transactions made up by a tampered terminal program.
    Fabricated,
    /// Card data read off at a tampered terminal.
    Skimming,
    /// A counterfeit or cloned terminal.
    ClonedTerminal,
    /// Stolen card details swiped to move money to the holder's own account.
    CashOut,
    /// A terminal that stopped working.
    Outage,
}

impl Typology {
    /// Every typology, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Fabricated,
        Self::Skimming,
        Self::ClonedTerminal,
        Self::CashOut,
        Self::Outage,
    ];

    /// The name in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fabricated => "fabricated",
            Self::Skimming => "skimming",
            Self::ClonedTerminal => "cloned_terminal",
            Self::CashOut => "cash_out",
            Self::Outage => "outage",
        }
    }

    /// What an analyst reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fabricated => "fabricated transactions",
            Self::Skimming => "card skimming",
            Self::ClonedTerminal => "cloned terminal",
            Self::CashOut => "stolen-card cash-out",
            Self::Outage => "terminal out of service",
        }
    }
}

impl fmt::Display for Typology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
