//! Why a connection to the HTTP port was cut.

/// A connection that did not come to its own end.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// To make room for a newer one.
    Crowded,
    /// The client took too long to ask or to take its answer.
    Slow,
}

impl Cut {
    pub const ALL: [Self; 2] = [Self::Crowded, Self::Slow];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::Slow => "slow",
        }
    }
}
