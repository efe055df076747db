//! Reference data that all lanes share.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use tillwatch_records::KeySpec;
use tillwatch_reference::{ReferenceError, ReferenceTable};

/// The active reference table. Every lane takes it anew for every batch, so a change takes effect between two
/// batches of a lane, and a batch is joined to one table.
#[derive(Debug)]
pub struct SharedReference {
    /// Columns of a record that name its row.
    key: KeySpec,
    /// The columns that catalogs and models read. Every table has them.
    wanted: SchemaRef,
    current: Mutex<Arc<ReferenceTable>>,
}

impl SharedReference {
    /// Shares `table`, of which `wanted` is read.
    pub(crate) fn new(
        table: ReferenceTable,
        key: KeySpec,
        wanted: SchemaRef,
    ) -> Result<Self, ReferenceError> {
        table.fits(&wanted)?;
        Ok(Self {
            key,
            wanted,
            current: Mutex::new(Arc::new(table)),
        })
    }

    /// The active table.
    pub fn current(&self) -> Arc<ReferenceTable> {
        Arc::clone(&self.current.lock())
    }

    /// Columns of a record that name its row.
    pub fn key(&self) -> &KeySpec {
        &self.key
    }

    /// The columns that are joined.
    pub fn wanted(&self) -> &SchemaRef {
        &self.wanted
    }

    /// Makes `table` the active one and gives it back; `None` where its content is that of the active one.
    ///
    /// # Errors
    /// Refuses a table without a column that catalogs or models read; the one before stays active.
    pub fn exchange(
        &self,
        table: ReferenceTable,
    ) -> Result<Option<Arc<ReferenceTable>>, ReferenceError> {
        table.fits(&self.wanted)?;
        let mut current = self.current.lock();
        if current.version() == table.version() {
            return Ok(None);
        }
        *current = Arc::new(table);
        Ok(Some(Arc::clone(&current)))
    }
}
