//! How two tables of features differ.

use std::collections::HashMap;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::error::LabError;

/// Column of a batch computation: another record of the key has exactly the same time.
pub const SAME_TIME: &str = "same_time";

/// Column of a batch computation: a record of the key with an earlier time stands later in the file.
pub const KNOWN_LATER: &str = "known_later";

/// Column of a batch computation: the stream refuses the record as late, so no window holds it.
pub const LATE: &str = "refused_late";

/// What was found in one column that both tables have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// The feature.
    pub name: String,
    /// Rows of both tables.
    pub rows: u64,
    /// Rows that differ by more than the tolerance, or have a value in one table only.
    pub mismatches: u64,
    /// Largest difference, relative to the larger value where that is above 1; infinite where only one
    /// table has a value.
    pub largest: f64,
    /// Mismatches on rows marked [`SAME_TIME`].
    pub same_time: u64,
    /// Further mismatches on rows marked [`KNOWN_LATER`].
    pub known_later: u64,
    /// Further mismatches on rows marked [`LATE`].
    pub late: u64,
}

impl Difference {
    /// Mismatches that arrival does not explain.
    pub fn unexplained(&self) -> u64 {
        self.mismatches - self.same_time - self.known_later - self.late
    }
}

/// What was found in two tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// One per feature, in the order of the second table.
    pub features: Vec<Difference>,
    /// Rows of the first table that the second lacks.
    pub only_ours: u64,
    /// Rows of the second table that the first lacks.
    pub only_theirs: u64,
    /// Whether one of the tables is marked, so that mismatches can be told apart.
    pub marked: bool,
}

impl Comparison {
    /// Whether anything differs that arrival does not explain.
    pub fn differs(&self) -> bool {
        let unexplained = self.features.iter().any(|found| found.unexplained() > 0);
        unexplained || self.only_ours > 0 || self.only_theirs > 0
    }
}

/// Compares every column of numbers that both tables have, row by row where `on` is the same. Two values
/// are the same when they differ by at most `tolerance`, relative to the larger one where that is above
/// 1. NaN counts as null.
///
/// # Errors
/// `on` is missing, null or not unique in a table, or no column of numbers is in both.
pub fn compare(
    ours: &RecordBatch,
    theirs: &RecordBatch,
    on: &str,
    tolerance: f64,
) -> Result<Comparison, LabError> {
    let our_rows = rows_by_id(ours, on, "the first table")?;
    let their_ids = ids(theirs, on, "the second table")?;
    let their_rows = rows_by_id(theirs, on, "the second table")?;
    let pairs: Vec<(usize, usize)> = their_ids
        .iter()
        .flatten()
        .enumerate()
        .filter_map(|(row, id)| our_rows.get(id).map(|ours| (*ours, row)))
        .collect();
    let marks = |name| mark(ours, theirs, name, &pairs);
    let (same_time, known_later, late) = (marks(SAME_TIME), marks(KNOWN_LATER), marks(LATE));
    let mut features = Vec::new();
    for field in theirs.schema().fields() {
        let name = field.name();
        let columns = (numbers(ours, name), numbers(theirs, name));
        let (Some(our_values), Some(their_values)) = columns else {
            continue;
        };
        if name == on {
            continue;
        }
        let mut found = Difference {
            name: name.clone(),
            rows: pairs.len() as u64,
            ..Difference::default()
        };
        for (pair, (our_row, their_row)) in pairs.iter().enumerate() {
            let a = value(&our_values, *our_row);
            let b = value(&their_values, *their_row);
            let difference = distance(a, b);
            found.largest = found.largest.max(difference);
            if difference <= tolerance {
                continue;
            }
            found.mismatches += 1;
            let marked = |marks: &Option<Vec<bool>>| marks.as_ref().is_some_and(|m| m[pair]);
            if marked(&same_time) {
                found.same_time += 1;
            } else if marked(&known_later) {
                found.known_later += 1;
            } else if marked(&late) {
                found.late += 1;
            }
        }
        features.push(found);
    }
    if features.is_empty() {
        return Err(join("no column of numbers is in both tables"));
    }
    Ok(Comparison {
        features,
        only_ours: (our_rows.len() - pairs.len()) as u64,
        only_theirs: (their_rows.len() - pairs.len()) as u64,
        marked: same_time.is_some() || known_later.is_some() || late.is_some(),
    })
}

fn join(message: impl Into<String>) -> LabError {
    LabError::Join {
        message: message.into(),
    }
}

fn ids(table: &RecordBatch, on: &str, which: &str) -> Result<StringArray, LabError> {
    let column = table.column_by_name(on).ok_or_else(|| {
        join(format!(
            "{which} has no column `{on}`; name another with --on"
        ))
    })?;
    let ids = cast(column, &DataType::Utf8)?.as_string::<i32>().clone();
    if ids.null_count() > 0 {
        return Err(join(format!("`{on}` of {which} has rows without a value")));
    }
    Ok(ids)
}

fn rows_by_id(
    table: &RecordBatch,
    on: &str,
    which: &str,
) -> Result<HashMap<String, usize>, LabError> {
    let ids = ids(table, on, which)?;
    let mut rows = HashMap::with_capacity(ids.len());
    for (row, id) in ids.iter().flatten().enumerate() {
        if rows.insert(id.to_owned(), row).is_some() {
            return Err(join(format!("`{on}` of {which} is not unique: `{id}`")));
        }
    }
    Ok(rows)
}

/// The mark of each pair, from whichever table has it.
fn mark(
    ours: &RecordBatch,
    theirs: &RecordBatch,
    name: &str,
    pairs: &[(usize, usize)],
) -> Option<Vec<bool>> {
    let of = |table: &RecordBatch| -> Option<BooleanArray> {
        table.column_by_name(name)?.as_boolean_opt().cloned()
    };
    let picked: Vec<bool> = if let Some(marks) = of(theirs) {
        pairs.iter().map(|(_, row)| marks.value(*row)).collect()
    } else {
        let marks = of(ours)?;
        pairs.iter().map(|(row, _)| marks.value(*row)).collect()
    };
    Some(picked)
}

fn numbers(table: &RecordBatch, name: &str) -> Option<Float64Array> {
    let column: &ArrayRef = table.column_by_name(name)?;
    if !column.data_type().is_numeric() {
        return None;
    }
    let floats = cast(column, &DataType::Float64).ok()?;
    floats.as_primitive_opt::<Float64Type>().cloned()
}

fn value(values: &Float64Array, row: usize) -> Option<f64> {
    let known = values.is_valid(row).then(|| values.value(row));
    known.filter(|value| !value.is_nan())
}

/// 0 for the same, infinite where only one has a value.
fn distance(a: Option<f64>, b: Option<f64>) -> f64 {
    match (a, b) {
        (None, None) => 0.0,
        (Some(a), Some(b)) if a == b => 0.0,
        (Some(a), Some(b)) => (a - b).abs() / a.abs().max(b.abs()).max(1.0),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    fn table(ids: &[i64], values: Vec<Option<f64>>, same_time: Option<Vec<bool>>) -> RecordBatch {
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from(ids.to_vec()))),
            ("spent", Arc::new(Float64Array::from(values))),
        ];
        if let Some(marks) = same_time {
            columns.push((SAME_TIME, Arc::new(BooleanArray::from(marks))));
        }
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap()
    }

    #[test]
    fn tells_mismatches_apart() {
        let ours = table(
            &[1, 2, 3, 4],
            vec![Some(1.0), Some(2.0), None, Some(1e12)],
            None,
        );
        let theirs = table(
            &[4, 3, 2, 1],
            vec![Some(1e12 + 1.0), Some(3.0), Some(2.5), Some(1.0)],
            Some(vec![false, false, true, true]),
        );
        let found = compare(&ours, &theirs, "id", 1e-9).unwrap();
        assert!(found.marked && found.differs());
        let spent = &found.features[0];
        assert_eq!((spent.rows, spent.mismatches, spent.same_time), (4, 2, 1));
        assert_eq!(spent.unexplained(), 1);
        assert_eq!(spent.largest, f64::INFINITY);
    }

    #[test]
    fn a_row_in_one_table_only_is_a_difference() {
        let ours = table(&[1, 2], vec![Some(1.0), None], None);
        let theirs = table(&[1], vec![Some(1.0)], None);
        let found = compare(&ours, &theirs, "id", 0.0).unwrap();
        assert_eq!((found.only_ours, found.only_theirs), (1, 0));
        assert!(found.differs());
        let found = compare(&ours, &ours, "id", 0.0).unwrap();
        assert!(!found.differs());
    }

    #[test]
    fn ids_must_tell_rows_apart() {
        let twice = table(&[1, 1], vec![None, None], None);
        let error = compare(&twice, &twice, "id", 0.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot compare: `id` of the first table is not unique: `1`"
        );
    }
}
