//! The steps of the flow that are timed.

/// The four parts of the work on a batch that are timed, each per batch.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Decode,
    Features,
    Scoring,
    Sink,
}

impl Step {
    pub const ALL: [Self; 4] = [Self::Decode, Self::Features, Self::Scoring, Self::Sink];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Features => "features",
            Self::Scoring => "scoring",
            Self::Sink => "sink",
        }
    }
}

impl From<tillwatch_engine::Step> for Step {
    fn from(step: tillwatch_engine::Step) -> Self {
        match step {
            tillwatch_engine::Step::Decode => Self::Decode,
            tillwatch_engine::Step::Features => Self::Features,
            tillwatch_engine::Step::Scoring => Self::Scoring,
        }
    }
}
