//! Files as output, complete or absent.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// A file under a temporary name, which gets its own when it is whole, so that a reader never sees a half of
/// it.
pub struct WholeFile {
    path: PathBuf,
    temporary: PathBuf,
}

impl WholeFile {
    /// The file that will be at `path`, made when it is opened.
    fn new(path: &Path) -> Self {
        let mut temporary: OsString = path.into();
        temporary.push(".partial");
        Self {
            path: path.to_owned(),
            temporary: temporary.into(),
        }
    }

    /// The file that will be at `path`, open.
    pub fn create(path: &Path) -> Result<(Self, File)> {
        let whole = Self::new(path);
        let file = whole.open()?;
        Ok((whole, file))
    }

    fn open(&self) -> Result<File> {
        File::create(&self.temporary)
            .with_context(|| format!("cannot create {}", self.temporary.display()))
    }

    /// Completes it; `file` is the one that was opened, with everything written.
    pub fn complete(self, file: &File) -> Result<()> {
        file.sync_all()
            .with_context(|| format!("cannot write {}", self.temporary.display()))?;
        std::fs::rename(&self.temporary, &self.path)
            .with_context(|| format!("cannot rename {}", self.temporary.display()))
    }
}

/// A Parquet file, complete or absent.
pub struct ParquetFile {
    whole: WholeFile,
    writer: Option<ArrowWriter<File>>,
}

impl ParquetFile {
    /// A file with the schema of the first rows; without any it is an error to finish it.
    pub fn new(path: &Path) -> Self {
        Self {
            whole: WholeFile::new(path),
            writer: None,
        }
    }

    /// A file that has a schema even without rows; that it can be made is known at once.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self> {
        let mut file = Self::new(path);
        file.writer = Some(open(&file.whole, schema)?);
        Ok(file)
    }

    /// Appends rows, all of one schema.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(open(&self.whole, rows.schema_ref())?),
        };
        writer
            .write(rows)
            .with_context(|| format!("cannot write {}", self.whole.temporary.display()))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        let Some(writer) = self.writer else {
            anyhow::bail!("the input holds no record, so there is nothing to write");
        };
        let file = writer
            .into_inner()
            .with_context(|| format!("cannot write {}", self.whole.temporary.display()))?;
        self.whole.complete(&file)
    }
}

fn open(whole: &WholeFile, schema: &SchemaRef) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    let schema = SchemaRef::clone(schema);
    Ok(ArrowWriter::try_new(
        whole.open()?,
        schema,
        Some(properties),
    )?)
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
