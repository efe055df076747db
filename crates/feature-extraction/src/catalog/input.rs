//! The columns that a catalog may name: those of the records, and those joined to them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use tillwatch_predicate::Scope;
use tillwatch_records::Column;
use tillwatch_records::column::ColumnType;
use tillwatch_records::suggest::did_you_mean;

/// A column of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Unique among canonical and joined columns.
    pub name: Arc<str>,
    /// The canonical column; `None` when it is joined.
    pub column: Option<Column>,
    /// Type.
    pub kind: ColumnType,
}

/// The names that a catalog may use.
pub(crate) struct EventScope<'a> {
    pub(crate) joined: &'a Schema,
}

impl InputColumn {
    /// A canonical column.
    pub fn event(column: Column) -> Self {
        Self {
            name: column.name().into(),
            column: Some(column),
            kind: column.kind(),
        }
    }
}

impl EventScope<'_> {
    /// The column called `name`, or what is wrong with the name.
    pub(crate) fn input(&self, name: &str) -> Result<InputColumn, String> {
        if let Some(column) = Column::from_name(name) {
            return Ok(InputColumn::event(column));
        }
        let joined = self.joined.field_with_name(name).ok();
        let Some(field) = joined else {
            let known = self.names();
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            return Err(format!("column `{name}` is not a known column{hint}"));
        };
        let Some(kind) = kind_of(field.data_type()) else {
            return Err(format!(
                "column `{name}` is {}, which cannot be read",
                field.data_type()
            ));
        };
        Ok(InputColumn {
            name: name.into(),
            column: None,
            kind,
        })
    }
}

impl EventScope<'_> {
    /// Every joined column that can be read.
    pub(crate) fn joined_inputs(&self) -> Vec<InputColumn> {
        let fields = self.joined.fields().iter();
        fields
            .filter_map(|field| self.input(field.name()).ok())
            .filter(|input| input.column.is_none())
            .collect()
    }
}

impl Scope for EventScope<'_> {
    fn data_type(&self, name: &str) -> Option<DataType> {
        self.input(name).ok().map(|input| input.kind.data_type())
    }

    fn names(&self) -> Vec<String> {
        let joined = self.joined.fields().iter().map(|field| field.name());
        Column::names()
            .map(str::to_owned)
            .chain(joined.cloned())
            .collect()
    }
}

fn kind_of(data_type: &DataType) -> Option<ColumnType> {
    match data_type {
        DataType::Utf8 => Some(ColumnType::Text),
        DataType::Int64 => Some(ColumnType::Int64),
        DataType::Float64 => Some(ColumnType::Float64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => Some(ColumnType::TimestampMs),
        DataType::Boolean => Some(ColumnType::Boolean),
        _ => None,
    }
}
