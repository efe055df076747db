//! Why lanes cannot be made.

use tillwatch_decode::DecodeError;
use tillwatch_feature_extraction::FeatureError;
use tillwatch_reference::{PREFIX, ReferenceError};
use tillwatch_scoring::ScoringError;

/// Why texts, models and settings do not make lanes. A person must change one of them.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// Nothing is computed.
    #[error("there is no stage; name a key and a catalog")]
    NoStage,
    /// A catalog is refused.
    #[error("catalog {origin}: {source}")]
    Catalog {
        /// Where it comes from.
        origin: String,
        /// What is wrong with it.
        source: FeatureError,
    },
    /// Two stages with features of one name.
    #[error(
        "stages `{first}` and `{second}` both have a feature `{feature}`; rename it in one of their catalogs"
    )]
    FeatureTwice {
        /// The feature.
        feature: String,
        /// The earlier stage.
        first: String,
        /// The later stage.
        second: String,
    },
    /// A feature that would hide a column of the site's own.
    #[error(
        "stage `{stage}` has a feature `{feature}`, and [decode.columns] a column of that name; \
         rename one of them"
    )]
    OwnColumnTwice {
        /// The feature.
        feature: String,
        /// The stage that has it.
        stage: String,
    },
    /// A model is refused.
    #[error("model {origin}: {source}")]
    Model {
        /// Where it comes from.
        origin: String,
        /// What is wrong with it.
        source: ScoringError,
    },
    /// The reference table lacks what is read of it.
    #[error("[reference]: {0}")]
    Reference(ReferenceError),
    /// A catalog or a model reads columns of a reference table, and there is none.
    #[error(
        "{0}; columns called `{PREFIX}…` are those of a reference table: name its file in [reference] path"
    )]
    NeedsReference(Box<AssemblyError>),
    /// Models that are to take the place of others read a column that lanes do not join.
    #[error(
        "the models read `{column}` of the reference table, which is not joined; restart to join it"
    )]
    NotJoined {
        /// The column.
        column: String,
    },
    /// Settings of scoring that contradict each other or the models.
    #[error("[scoring]: {0}")]
    Scoring(ScoringError),
    /// The mapping of records to columns is refused.
    #[error("[decode]: {0}")]
    Decode(DecodeError),
}
