//! A Parquet file as output.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Writes under a temporary name and gives the file its own when it is whole, so that a reader never
/// sees a half of it.
pub struct ParquetFile {
    path: PathBuf,
    temporary: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl ParquetFile {
    pub fn new(path: &Path) -> Self {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".partial");
        Self {
            path: path.to_owned(),
            temporary: temporary.into(),
            writer: None,
        }
    }

    /// Appends rows, all of one schema. The file is made with the first ones.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(open(&self.temporary, rows)?),
        };
        writer
            .write(rows)
            .with_context(|| format!("cannot write {}", self.temporary.display()))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        let Some(writer) = self.writer else {
            anyhow::bail!("the input holds no record, so there is nothing to write");
        };
        let file = writer.into_inner()?;
        file.sync_all()?;
        std::fs::rename(&self.temporary, &self.path)?;
        Ok(())
    }
}

fn open(path: &Path, rows: &RecordBatch) -> Result<ArrowWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    Ok(ArrowWriter::try_new(file, rows.schema(), Some(properties))?)
}
