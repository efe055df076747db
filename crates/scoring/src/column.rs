//! The columns that a model's inputs are read from.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field};
use tillwatch_records::{Column, EventBatch, FeatureBatch};

use crate::scope::InputScope;

/// The column that an input is read from.
#[derive(Debug, Clone, PartialEq)]
pub enum InputColumn {
    /// A feature, by its name.
    Feature(String),
    /// An event column.
    Event(Column),
    /// A joined column.
    Joined(Field),
}

impl InputColumn {
    /// What the input `name` stands for.
    pub(crate) fn of(name: &str, scope: &InputScope) -> Self {
        if let Some(column) = scope.event_column(name) {
            return Self::Event(column);
        }
        match scope.joined_column(name) {
            Some(field) => Self::Joined(field.clone()),
            None => Self::Feature(name.to_owned()),
        }
    }

    /// Whether `batch` has the column.
    pub(crate) fn is_in(&self, batch: &FeatureBatch) -> bool {
        match self {
            Self::Feature(name) => batch.features.schema_ref().index_of(name).is_ok(),
            Self::Event(column) => batch.events.column(*column).is_some(),
            Self::Joined(field) => joined(&batch.events, field).is_some(),
        }
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Feature(name) => name,
            Self::Event(column) => column.name(),
            Self::Joined(field) => field.name(),
        }
    }

    /// The type of its values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Feature(_) => DataType::Float64,
            Self::Event(column) => column.kind().data_type(),
            Self::Joined(field) => field.data_type().clone(),
        }
    }
}

/// A joined column; `None` where the batch has none of its type.
pub(crate) fn joined(events: &EventBatch, field: &Field) -> Option<ArrayRef> {
    let found = events.joined.as_ref()?.column_by_name(field.name());
    let found = found.filter(|array| array.data_type() == field.data_type());
    found.map(Arc::clone)
}
