//! The file behind the active table.

use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_engine::SharedReference;
use tillwatch_reference::ReferenceTable;

use super::error::ReferenceFileError;
use super::read;
use crate::config::ReferenceSettings;
use crate::watch::Stamp;

/// Makes a changed file the active table.
#[derive(Debug)]
pub struct ReferenceFile {
    settings: ReferenceSettings,
    shared: Arc<SharedReference>,
    /// What the file was when it was last taken or refused.
    handled: Mutex<Stamp>,
}

/// A table as it was read, and its file.
#[derive(Debug)]
pub struct LoadedReference {
    pub table: ReferenceTable,
    pub stamp: Stamp,
}

/// What a look at the file found.
#[derive(Debug)]
pub enum Look {
    /// Nothing to do: it is as it was, or still being written.
    Same,
    /// A new table is active.
    Taken(Arc<ReferenceTable>),
    /// The file is not used; the table before it stays active.
    Refused(ReferenceFileError),
}

impl LoadedReference {
    /// Reads the table that `settings` name.
    pub fn read(settings: &ReferenceSettings) -> Result<Self, ReferenceFileError> {
        let stamp = Stamp::of_file(&settings.path);
        Ok(Self {
            table: read::table(settings)?,
            stamp,
        })
    }
}

impl ReferenceFile {
    /// The file that `settings` name, of which the table of `shared` was read when it looked like `stamp`.
    pub fn new(settings: ReferenceSettings, shared: Arc<SharedReference>, stamp: Stamp) -> Self {
        Self {
            settings,
            shared,
            handled: Mutex::new(stamp),
        }
    }

    /// The active table.
    pub fn current(&self) -> Arc<ReferenceTable> {
        self.shared.current()
    }

    pub fn settings(&self) -> &ReferenceSettings {
        &self.settings
    }

    /// Looks at the file, which looked like `last` before, and takes its table if it has changed and
    /// has come to rest: a file that is still being written changes between two looks.
    pub fn look(&self, last: &mut Option<Stamp>) -> Look {
        let mut handled = self.handled.lock();
        let stamp = Stamp::of_file(&self.settings.path);
        let is_settled = last.replace(stamp.clone()).as_ref() == Some(&stamp);
        if stamp == *handled || !is_settled {
            return Look::Same;
        }
        let read = LoadedReference::read(&self.settings);
        if Stamp::of_file(&self.settings.path) != stamp {
            return Look::Same;
        }
        *handled = stamp;
        let taken = read.and_then(|loaded| {
            let taken = self.shared.exchange(loaded.table);
            taken.map_err(|source| ReferenceFileError::Table {
                path: self.settings.path.clone(),
                source,
            })
        });
        match taken {
            Ok(None) => Look::Same,
            Ok(Some(table)) => Look::Taken(table),
            Err(error) => Look::Refused(error),
        }
    }
}
