//! Reference data in the process: one table that all lanes share, exchanged when its file changes.

mod read;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use tillwatch_records::EventBatch;
use tillwatch_reference::{ReferenceError, ReferenceTable};

use crate::config::RegistrySettings;
use crate::watch::Stamp;
pub use watch::watch;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot read {path}: {source}; [registry] path names a CSV or a Parquet file", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} has {bytes} bytes, more than the {max} that a registry may have", path = path.display(), max = read::BYTES_MAX)]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{path}: {reason}", path = path.display())]
    Format { path: PathBuf, reason: String },
    #[error("{path}: {source}", path = path.display())]
    Table {
        path: PathBuf,
        source: ReferenceError,
    },
}

/// The table in force. Every lane takes it anew for every batch, so a change takes effect between two
/// batches of a lane, and a batch is joined to one table.
#[derive(Debug)]
pub struct Reference {
    settings: RegistrySettings,
    /// The columns that catalogs and models read. Every table has them.
    wanted: SchemaRef,
    current: Mutex<Arc<ReferenceTable>>,
    /// What the file was when it was last taken or refused.
    handled: Mutex<Stamp>,
}

/// A table as it was read, and its file.
#[derive(Debug)]
pub struct Loaded {
    pub table: ReferenceTable,
    stamp: Stamp,
}

/// What a look at the file found.
#[derive(Debug)]
pub enum Look {
    /// Nothing to do: it is as it was, or still being written.
    Same,
    /// A new table is in force.
    Taken(Arc<ReferenceTable>),
    /// The file is not used; the table before it stays in force.
    Refused(RegistryError),
}

/// A lane's share of the reference data.
#[derive(Debug, Clone)]
pub struct Joiner {
    reference: Arc<Reference>,
    /// The table of the last batch.
    table: Arc<ReferenceTable>,
}

impl Loaded {
    /// Reads the table that `settings` name.
    pub fn read(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let stamp = Stamp::of_file(&settings.path);
        Ok(Self {
            table: read::table(settings)?,
            stamp,
        })
    }
}

impl Reference {
    /// Shares a table of which `wanted` is read.
    pub fn new(settings: RegistrySettings, loaded: Loaded, wanted: SchemaRef) -> Self {
        debug_assert_eq!(loaded.table.fits(&wanted), Ok(()));
        Self {
            settings,
            wanted,
            current: Mutex::new(Arc::new(loaded.table)),
            handled: Mutex::new(loaded.stamp),
        }
    }

    /// The table in force.
    pub fn current(&self) -> Arc<ReferenceTable> {
        Arc::clone(&self.current.lock())
    }

    pub fn settings(&self) -> &RegistrySettings {
        &self.settings
    }

    /// The columns that are joined.
    pub fn wanted(&self) -> &SchemaRef {
        &self.wanted
    }

    /// Looks at the file, which looked like `last` before, and takes its table if it has changed and
    /// has come to rest: a file that is still being written changes between two looks.
    fn look(&self, last: &mut Option<Stamp>) -> Look {
        let mut handled = self.handled.lock();
        let stamp = Stamp::of_file(&self.settings.path);
        let is_settled = last.replace(stamp.clone()).as_ref() == Some(&stamp);
        if stamp == *handled || !is_settled {
            return Look::Same;
        }
        let read = Loaded::read(&self.settings);
        if Stamp::of_file(&self.settings.path) != stamp {
            return Look::Same;
        }
        *handled = stamp;
        let table = match read.and_then(|loaded| self.fit(loaded.table)) {
            Ok(table) => Arc::new(table),
            Err(error) => return Look::Refused(error),
        };
        let mut current = self.current.lock();
        if current.version() == table.version() {
            return Look::Same;
        }
        *current = Arc::clone(&table);
        Look::Taken(table)
    }

    fn fit(&self, table: ReferenceTable) -> Result<ReferenceTable, RegistryError> {
        match table.fits(&self.wanted) {
            Ok(()) => Ok(table),
            Err(source) => Err(RegistryError::Table {
                path: self.settings.path.clone(),
                source,
            }),
        }
    }
}

impl Joiner {
    pub fn new(reference: &Arc<Reference>) -> Self {
        Self {
            table: reference.current(),
            reference: Arc::clone(reference),
        }
    }

    /// Joins the table in force to a batch.
    pub fn join(&mut self, events: &mut EventBatch) {
        self.table = self.reference.current();
        let wanted = &self.reference.wanted;
        if wanted.fields().is_empty() {
            return;
        }
        debug_assert!(events.joined.is_none(), "nothing is joined before");
        let keys = self.reference.settings.key.of(events);
        let joined: RecordBatch = self.table.join(events, &keys, wanted);
        events.joined = Some(joined);
    }

    /// Version of the table of the last batch; before the first, of the one in force.
    pub fn version(&self) -> &str {
        self.table.version()
    }
}
