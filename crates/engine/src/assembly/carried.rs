//! What records carry besides canonical columns, before the first stage.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use tillwatch_decode::OwnColumn;
use tillwatch_records::RecordKinds;

use super::error::AssemblyError;
use super::stage_plan::StagePlan;

/// What catalogs and models may name besides canonical columns and features.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The columns that the site has declared, whether or not they are read.
    pub own: Vec<OwnColumn>,
    /// The columns of the reference table, where there is one.
    pub reference: Option<Schema>,
    /// Types of record that are scored.
    pub scored: RecordKinds,
}

impl Default for Carried {
    /// Transactions are scored by what they carry themselves.
    fn default() -> Self {
        Self {
            own: Vec::new(),
            reference: None,
            scored: RecordKinds::TRANSACTIONS,
        }
    }
}

impl Carried {
    /// All of it: the site's own columns, then those of the reference table.
    pub(super) fn fields(&self) -> Vec<FieldRef> {
        let own = self.own.iter().map(|column| Arc::new(column.field()));
        let reference = self.reference.iter().flat_map(Schema::fields);
        own.chain(reference.cloned()).collect()
    }

    /// Refuses a stage with a feature called like one of the site's own columns: a feature hides the column
    /// of its name.
    pub(super) fn refuse_hidden(&self, stage: &StagePlan) -> Result<(), AssemblyError> {
        let is_hidden = |own: &&OwnColumn| stage.plan.feature(own.name()).is_some();
        match self.own.iter().find(is_hidden) {
            None => Ok(()),
            Some(column) => Err(AssemblyError::OwnColumnTwice {
                feature: column.name().to_owned(),
                stage: stage.name.clone(),
            }),
        }
    }
}
