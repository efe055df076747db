//! Which buffer every column has.

use tillwatch_records::Column;
use tillwatch_records::column::ColumnType;

use crate::buffer::{BufferId, Buffers};
use crate::own::OwnColumn;
use crate::row::Origin;

/// The columns that are read, where their values are and which buffers take them.
#[derive(Debug)]
pub(super) struct Layout {
    /// In the order in which a row is filled.
    pub(super) columns: Vec<Entry>,
    /// The site's own, in their order.
    pub(super) own: Vec<OwnEntry>,
    /// Position of the event id among the texts, which every record has a buffer for.
    pub(super) event_id: usize,
    /// Position of the event time among the times, which every record has a buffer for.
    pub(super) event_time: usize,
    /// Types of the buffers, in the order in which they were added.
    pub(super) kinds: Vec<ColumnType>,
    buffers: Buffers,
}

/// A canonical column.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) column: Column,
    pub(super) id: BufferId,
    /// `None` when its values do not come from the record.
    pub(super) origin: Option<Origin>,
}

/// A column of the site's own.
#[derive(Debug)]
pub(super) struct OwnEntry {
    pub(super) id: BufferId,
    pub(super) origin: Origin,
}

impl Layout {
    /// Buffers for event id and event time, whose columns are still to be added.
    pub(super) fn new() -> Self {
        let mut buffers = Buffers::default();
        Self {
            columns: Vec::new(),
            own: Vec::new(),
            event_id: buffers.add_text(),
            event_time: buffers.add_time(),
            kinds: vec![ColumnType::Text, ColumnType::TimestampMs],
            buffers,
        }
    }

    /// Adds `column`, which is not there yet.
    pub(super) fn add(&mut self, column: Column, origin: Option<Origin>) {
        let id = match column {
            Column::EventId => BufferId::Text(self.event_id),
            Column::EventTime => BufferId::Time(self.event_time),
            other => self.buffer(other.kind()),
        };
        self.columns.push(Entry { column, id, origin });
    }

    /// Adds a column of the site's own.
    pub(super) fn add_own(&mut self, column: &OwnColumn, origin: Origin) {
        let id = self.buffer(column.kind());
        self.own.push(OwnEntry { id, origin });
    }

    /// The buffer of `column`, if it is read.
    pub(super) fn id(&self, column: Column) -> Option<BufferId> {
        let found = self.columns.iter().find(|entry| entry.column == column);
        found.map(|entry| entry.id)
    }

    /// The buffers of `columns`, all of which are read.
    pub(super) fn ids(&self, columns: &[Column]) -> Vec<BufferId> {
        columns
            .iter()
            .filter_map(|column| self.id(*column))
            .collect()
    }

    /// The position of `column` among the texts, if it is read and one.
    pub(super) fn text(&self, column: Column) -> Option<usize> {
        match self.id(column)? {
            BufferId::Text(at) => Some(at),
            _ => None,
        }
    }

    /// The position of `column` among the times, if it is read and one.
    pub(super) fn time(&self, column: Column) -> Option<usize> {
        match self.id(column)? {
            BufferId::Time(at) => Some(at),
            _ => None,
        }
    }

    fn buffer(&mut self, kind: ColumnType) -> BufferId {
        self.kinds.push(kind);
        self.buffers.add(kind)
    }
}
