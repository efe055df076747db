//! Why a snapshot is not taken.

use tillwatch_feature_extraction::SnapshotError;
use tillwatch_scoring::ScoringError;

/// Why a lane cannot be restored from a snapshot. None is mended by trying again: take an older snapshot, or
/// read the log again.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A part is not there.
    #[error("the snapshot has no part `{name}`; it is of another lane or damaged")]
    Missing {
        /// The part.
        name: String,
    },
    /// A part that no lane of this configuration has.
    #[error("the snapshot has a part `{name}`, which is not of this lane")]
    Unknown {
        /// The part.
        name: String,
    },
    /// An entry of what no lane of this configuration has.
    #[error("the snapshot has an entry of space {space}, which is not of this lane")]
    Space {
        /// Its number.
        space: u16,
    },
    /// State of a stage.
    #[error("stage `{stage}`: {source}")]
    Stage {
        /// Name of the stage.
        stage: String,
        /// Why it is refused.
        source: SnapshotError,
    },
    /// State of scoring.
    #[error("scoring: {0}")]
    Scoring(#[from] ScoringError),
    /// How far topics were taken.
    #[error("the order of the topics is of others, or damaged")]
    Order,
}
