//! The records whose features are computed.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::datatypes::TimestampMillisecondType;
use arrow::row::{RowConverter, SortField};
use tillwatch_records::Column;

use crate::error::LabError;

/// Transactions in the order of their arrival, as canonical columns.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Canonical columns by their names and types.
    columns: RecordBatch,
    /// Number of each row's key, in the order in which keys first appear.
    keys: Vec<u32>,
    /// Event time of each row, milliseconds since 1970.
    times_ms: Vec<i64>,
    /// Rows that no window holds.
    late: Vec<bool>,
}

/// Where a batch computation differs from a stream by nature, for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Another record of the key has exactly the same time.
    pub same_time: Vec<bool>,
    /// A record of the key with an earlier time stands later in the file.
    pub known_later: Vec<bool>,
    /// The stream refuses it as late: no window holds it, not even its own.
    pub late: Vec<bool>,
}

impl Rows {
    /// The rows of `columns`, which are canonical and hold `event_time` and all of `key`.
    ///
    /// # Errors
    /// A key column or the event time is missing, or a row has no time.
    pub fn new(columns: RecordBatch, key: &[Column]) -> Result<Self, LabError> {
        let keys = numbers_of(&columns, key)?;
        let times = required(&columns, Column::EventTime)?;
        let fault = |message: &str| LabError::Column {
            name: Column::EventTime.name().to_owned(),
            message: message.to_owned(),
        };
        let times = times
            .as_primitive_opt::<TimestampMillisecondType>()
            .ok_or_else(|| fault("it is not a time in milliseconds"))?;
        if times.null_count() > 0 {
            return Err(fault("every row needs a time; fill or remove the others"));
        }
        let times_ms = times.values().to_vec();
        Ok(Self {
            late: vec![false; times_ms.len()],
            columns,
            keys,
            times_ms,
        })
    }

    /// Keeps rows out of all windows that are older than the newest row of their key that was not kept
    /// out, by more than `allowed_ms`: those that the stream marks `LATE`.
    #[must_use]
    pub fn without_late(mut self, allowed_ms: i64) -> Self {
        let mut newest: HashMap<u32, i64> = HashMap::new();
        for (row, late) in self.late.iter_mut().enumerate() {
            let time = self.times_ms[row];
            let newest = newest.entry(self.keys[row]).or_insert(time);
            *late = time < newest.saturating_sub(allowed_ms);
            *newest = time.max(*newest);
        }
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.times_ms.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }

    /// The number of each row's key.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// Event times, milliseconds since 1970.
    pub fn times_ms(&self) -> &[i64] {
        &self.times_ms
    }

    /// Which rows no window holds.
    pub fn late(&self) -> &[bool] {
        &self.late
    }

    /// The canonical columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// The array of `column`; null in every row when the file does not have it.
    pub fn array(&self, column: Column) -> ArrayRef {
        match self.columns.column_by_name(column.name()) {
            Some(array) => array.clone(),
            None => new_null_array(&column.kind().data_type(), self.len()),
        }
    }

    /// A number for each row, the same where all of `columns` are the same.
    ///
    /// # Errors
    /// A column is missing.
    pub fn tuple_numbers(&self, columns: &[Column]) -> Result<Vec<u32>, LabError> {
        numbers_of(&self.columns, columns)
    }

    /// Row numbers by key, time and arrival.
    pub fn by_key_and_time(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|row| (self.keys[*row], self.times_ms[*row]));
        order
    }

    /// Where a window of event times does not hold what a stream knew.
    pub fn marks(&self) -> Marks {
        let mut marks = Marks {
            same_time: vec![false; self.len()],
            known_later: vec![false; self.len()],
            late: self.late.clone(),
        };
        let mut order = self.by_key_and_time();
        order.retain(|row| !self.late[*row]);
        for of_key in order.chunk_by(|a, b| self.keys[*a] == self.keys[*b]) {
            // The newest arrival among the records of an earlier time.
            let mut newest = None;
            for of_time in of_key.chunk_by(|a, b| self.times_ms[*a] == self.times_ms[*b]) {
                for row in of_time {
                    marks.same_time[*row] = of_time.len() > 1;
                    marks.known_later[*row] = newest.is_some_and(|newest| newest > *row);
                }
                newest = newest.max(of_time.iter().copied().max());
            }
        }
        marks
    }
}

fn required(columns: &RecordBatch, column: Column) -> Result<&ArrayRef, LabError> {
    let name = column.name();
    columns
        .column_by_name(name)
        .ok_or_else(|| LabError::Column {
            name: name.to_owned(),
            message: "it is needed and not among the columns".to_owned(),
        })
}

/// Dense numbers of the different tuples, in the order in which they first appear.
fn numbers_of(columns: &RecordBatch, of: &[Column]) -> Result<Vec<u32>, LabError> {
    let arrays: Vec<ArrayRef> = of
        .iter()
        .map(|column| required(columns, *column).cloned())
        .collect::<Result<_, _>>()?;
    let fields = arrays.iter().map(|a| SortField::new(a.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(&arrays)?;
    let mut numbers = HashMap::new();
    let mut found = Vec::with_capacity(columns.num_rows());
    for row in &rows {
        let next = numbers.len() as u32;
        found.push(*numbers.entry(row).or_insert(next));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringArray, TimestampMillisecondArray};
    use tillwatch_records::Projection;

    use super::*;

    fn rows(records: &[(&str, i64)]) -> Rows {
        let projection = Projection::new([Column::TerminalId, Column::EventTime]);
        let keys: StringArray = records.iter().map(|(key, _)| Some(*key)).collect();
        let times = records.iter().map(|(_, time)| *time);
        let times = TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC");
        let arrays: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(keys)];
        let columns = RecordBatch::try_new(projection.schema().clone(), arrays).unwrap();
        Rows::new(columns, &[Column::TerminalId]).unwrap()
    }

    #[test]
    fn marks_what_a_stream_could_not_know() {
        // b/9 arrives before b/7; a/5 twice.
        let rows = rows(&[("a", 5), ("b", 9), ("a", 5), ("b", 7), ("b", 10), ("a", 6)]);
        assert_eq!(rows.keys(), [0, 1, 0, 1, 1, 0]);
        let marks = rows.marks();
        assert_eq!(marks.same_time, [true, false, true, false, false, false]);
        assert_eq!(marks.known_later, [false, true, false, false, false, false]);
        assert_eq!(rows.by_key_and_time(), [0, 2, 5, 3, 1, 4]);

        let rows = rows.without_late(1);
        assert_eq!(rows.late(), [false, false, false, true, false, false]);
        assert!(!rows.marks().known_later.contains(&true));
    }
}
