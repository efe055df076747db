//! Parquet as output, complete or absent.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::whole::WholeFile;

/// A Parquet file, complete or absent.
pub struct ParquetFile {
    path: PathBuf,
    opened: Option<Opened>,
}

struct Opened {
    writer: ArrowWriter<Box<dyn Write + Send>>,
    whole: WholeFile,
}

impl ParquetFile {
    /// A file with the schema of the first rows; without any it is an error to finish it.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: None,
        }
    }

    /// A file that has a schema even without rows; that it can be made is known at once.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let mut file = Self::new(path);
        file.opened = Some(open(path, schema)?);
        Ok(file)
    }

    /// Appends rows, all of one schema.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            none => none.insert(open(&self.path, rows.schema_ref())?),
        };
        let written = opened.writer.write(rows);
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        let Some(Opened { writer, whole }) = self.opened else {
            anyhow::bail!("the input holds no record, so there is nothing to write");
        };
        let written = writer.into_inner().map_err(anyhow::Error::from);
        let flushed = written.and_then(|mut bytes| Ok(bytes.flush()?));
        flushed.with_context(|| format!("cannot write {}", self.path.display()))?;
        whole.complete()
    }
}

fn open(path: &Path, schema: &SchemaRef) -> Result<Opened> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    let (whole, bytes) = WholeFile::create(path)?;
    let writer = ArrowWriter::try_new(bytes, SchemaRef::clone(schema), Some(properties))?;
    Ok(Opened { writer, whole })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;
    use crate::files::FileReader;

    #[test]
    fn a_file_is_complete_or_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let column: Arc<Int64Array> = Arc::new(vec![1, 2].into());
        let rows = RecordBatch::try_from_iter([("n", column as _)]).unwrap();
        for early in [true, false] {
            let mut file = match early {
                true => ParquetFile::create(&path, rows.schema_ref()).unwrap(),
                false => ParquetFile::new(&path),
            };
            file.write(&rows).unwrap();
            assert!(!path.exists());
            file.finish().unwrap();
            let read = FileReader::open(&path).unwrap().next_batch().unwrap();
            assert_eq!(read.unwrap().len(), 2);
            std::fs::remove_file(&path).unwrap();
        }
        ParquetFile::create(&path, rows.schema_ref())
            .unwrap()
            .finish()
            .unwrap();
        assert!(
            FileReader::open(&path)
                .unwrap()
                .next_batch()
                .unwrap()
                .is_none()
        );
        assert!(
            ParquetFile::new(&path).finish().is_err(),
            "no schema is known"
        );
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        let nowhere = directory.path().join("none/t.parquet");
        assert!(ParquetFile::create(&nowhere, rows.schema_ref()).is_err());
    }
}
