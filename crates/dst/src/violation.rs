//! What must not be, and was.

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Another thing was said of a record than by a lane that nothing interrupts.
    #[error("{record}: {difference}")]
    Differs {
        /// `topic/partition/offset`.
        record: String,
        /// What differs.
        difference: String,
    },
    /// Under exactly once, something was said of a record more than once.
    #[error("{record} was told {times} times")]
    Twice {
        /// `topic/partition/offset`.
        record: String,
        /// How often.
        times: u32,
    },
    /// Nothing was said of a record that is still in the log, after everything has come to rest.
    #[error("{record} was never told")]
    Never {
        /// `topic/partition/offset`.
        record: String,
    },
    /// An offset was committed though nothing was said of a record before it.
    #[error("{source_of}: {committed} is committed, and {offset} is not told")]
    Committed {
        /// `topic/partition`.
        source_of: String,
        /// What was committed.
        committed: i64,
        /// The first record that lacks.
        offset: i64,
    },
    /// A committed offset went back.
    #[error("{source_of}: {before} was committed, and then {after}")]
    Back {
        /// `topic/partition`.
        source_of: String,
        /// What was committed before.
        before: i64,
        /// What was committed after it.
        after: i64,
    },
    /// A snapshot is not what the records before its position make.
    #[error("snapshot {name}: {difference}")]
    Snapshot {
        /// Name of the manifest.
        name: String,
        /// What differs.
        difference: String,
    },
    /// Something holds more than it may.
    #[error("{what}: {found}, at most {most}")]
    Bound {
        /// What holds it.
        what: &'static str,
        /// How much.
        found: u64,
        /// How much it may hold.
        most: u64,
    },
    /// A part of the product failed where nothing should make it fail.
    #[error("{what}")]
    Failed {
        /// Which, and how.
        what: String,
    },
    /// After all faults are over, it does not come to rest.
    #[error("it does not come to rest: {what}")]
    Restless {
        /// What is still open.
        what: String,
    },
}

impl Violation {
    /// Which kind it is: a run that is shortened must keep it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Differs { .. } => "differs",
            Self::Twice { .. } => "twice",
            Self::Never { .. } => "never",
            Self::Committed { .. } => "committed",
            Self::Back { .. } => "back",
            Self::Snapshot { .. } => "snapshot",
            Self::Bound { .. } => "bound",
            Self::Failed { .. } => "failed",
            Self::Restless { .. } => "restless",
        }
    }
}
