//! Scores as one Parquet file.

use std::path::Path;

use anyhow::{Context as _, Result};
use tillwatch_records::ScoreBatch;
use tillwatch_sink::scores_to_record_batch;

use crate::files::ParquetFile;

/// A [`ParquetFile`] of scores.
pub struct TableWriter {
    file: ParquetFile,
    features: bool,
}

impl TableWriter {
    pub fn new(path: &Path, features: bool) -> Self {
        Self {
            file: ParquetFile::new(path),
            features,
        }
    }

    /// Appends one row per score.
    pub fn write(&mut self, scores: &ScoreBatch) -> Result<()> {
        let rows = scores_to_record_batch(scores, self.features)
            .context("cannot lay out scores as columns")?;
        self.file.write(&rows)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        self.file.finish()
    }
}
