//! The columns that models read, for all lanes.

use std::sync::Arc;

use crate::column::InputColumn;
use crate::loaded::LoadedModel;
use crate::scope::InputScope;

/// What each member of a model reads. Hundreds of lanes share it.
#[derive(Debug, Clone)]
pub(crate) struct Reads(Vec<Arc<[InputColumn]>>);

impl Reads {
    pub(crate) fn of(model: &LoadedModel, scope: &InputScope) -> Self {
        let members = model.members.iter();
        let reads = members.map(|member| {
            let inputs = member.kind.info().inputs.iter();
            inputs.map(|name| InputColumn::of(name, scope)).collect()
        });
        Self(reads.collect())
    }

    /// The column of each input, of one member after the other.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Arc<[InputColumn]>> {
        self.0.iter()
    }
}
