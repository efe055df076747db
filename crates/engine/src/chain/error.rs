//! Why a batch cannot pass a stage.

use arrow::error::ArrowError;

/// Why a batch cannot pass a stage. What a stage joins is what stages gave, so each of these is a defect of
/// the program or of whoever made the batch, and none is mended by trying again.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Columns of different lengths or of other types than they should have.
    #[error(
        "stage `{stage}`: features and records do not fit together: {source}; report it with the catalogs"
    )]
    Columns {
        /// Name of the stage.
        stage: String,
        /// What does not fit.
        source: ArrowError,
    },
    /// Stages that give features of different rows.
    #[error(
        "stage `{stage}` gave {rows} rows of features, the stages before it {before}; report it \
         with the catalogs"
    )]
    Rows {
        /// Name of the stage.
        stage: String,
        /// What it gave.
        rows: usize,
        /// What those before it gave.
        before: usize,
    },
}
