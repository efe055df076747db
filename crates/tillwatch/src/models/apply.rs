//! A model at work on a table.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use tillwatch_records::Flags;
use tillwatch_scoring::{Effort, InputScope, LoadedModel, Runner, Signal};

use super::ground::Opened;
use crate::exit::misconfigured;
use crate::files::Wanted;

/// A model that scores rows of a table, in their order.
pub struct Applied {
    pub runner: Runner,
    /// Its inputs, as a table is asked for them.
    pub wanted: Vec<Wanted>,
    /// From which probability on rows get reasons with their score.
    pub explain_from: f64,
}

impl Applied {
    /// The model of `opened`; its learners have seen nothing.
    pub fn new(opened: &Opened) -> Self {
        let inputs = opened.model.info().inputs.iter();
        let wanted = inputs.map(|name| Wanted {
            name: name.clone(),
            data_type: Some(data_type(name, &opened.scope)),
        });
        Self {
            runner: Runner::new(&opened.model, &opened.scope),
            wanted: wanted.collect(),
            explain_from: f64::INFINITY,
        }
    }

    /// Scores the next rows, given one column per input; the answers are the runner's.
    pub fn score(&mut self, columns: &[ArrayRef]) -> Vec<Signal> {
        let rows = columns.first().map_or(0, |column| column.len());
        let names = self.wanted.iter().map(|wanted| wanted.name.as_str());
        let by_name: BTreeMap<&str, &ArrayRef> = names.zip(columns).collect();
        self.runner.bind(rows, |source| {
            by_name.get(source.name()).map(|column| Arc::clone(column))
        });
        let mut signals = Vec::new();
        let flags = vec![Flags::default(); rows];
        self.runner
            .score(&flags, Effort::Full, self.explain_from, &mut signals);
        signals
    }
}

fn data_type(name: &str, scope: &InputScope) -> DataType {
    if let Some(column) = scope.event_column(name) {
        return column.kind().data_type();
    }
    let joined = scope.joined_column(name);
    joined.map_or(DataType::Float64, |field| field.data_type().clone())
}

/// Why a model has no contributions.
pub fn no_contributions(model: &LoadedModel, directory: &Path) -> anyhow::Error {
    let at = directory.display();
    if model.is_ensemble() {
        let members = model.members().map(|member| member.versioned_name());
        return misconfigured(format!(
            "model {at} is an ensemble, which has no contributions of its own; ask a member for its: {}",
            members.collect::<Vec<_>>().join(", ")
        ));
    }
    misconfigured(format!(
        "model {at} is of kind `{}` and has no contributions that add up to its raw score; a model of trees needs \
         the covers of its nodes in the file",
        model.info().kind
    ))
}
