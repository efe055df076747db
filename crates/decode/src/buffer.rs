//! Column buffers: plain vectors that become Arrow arrays at the end of a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, NullBufferBuilder, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use tillwatch_records::column::ColumnType;

/// Values of one column. Rows that are left out are null: they cost nothing until a later row has a
/// value, so columns that a source never fills are free.
#[derive(Debug)]
pub(crate) enum ColumnBuffer {
    Text(TextBuffer),
    Int64(FixedBuffer<i64>),
    Float64(FixedBuffer<f64>),
    TimestampMs(FixedBuffer<i64>),
}

/// Texts back to back.
#[derive(Debug)]
pub(crate) struct TextBuffer {
    /// UTF-8; past the last end there may be the beginning of a value that is not yet pushed.
    bytes: Vec<u8>,
    /// A zero, then where each row ends; non-decreasing.
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// Values of one width; a null row holds the default.
#[derive(Debug)]
pub(crate) struct FixedBuffer<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl ColumnBuffer {
    pub(crate) fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Self::Text(TextBuffer::new()),
            ColumnType::Int64 => Self::Int64(FixedBuffer::new()),
            ColumnType::Float64 => Self::Float64(FixedBuffer::new()),
            ColumnType::TimestampMs => Self::TimestampMs(FixedBuffer::new()),
        }
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        match self {
            Self::Text(text) => text.ends.reserve(rows),
            Self::Int64(fixed) | Self::TimestampMs(fixed) => fixed.values.reserve(rows),
            Self::Float64(fixed) => fixed.values.reserve(rows),
        }
    }

    /// Forgets everything after the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Text(text) => text.truncate(rows),
            Self::Int64(fixed) | Self::TimestampMs(fixed) => fixed.truncate(rows),
            Self::Float64(fixed) => fixed.truncate(rows),
        }
    }

    /// The text of `row`, the last one; `None` where it is null or the column is not text.
    pub(crate) fn last_text(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Text(text) => text.last(row),
            _ => None,
        }
    }

    /// The integer or time of `row`, the last one; `None` where it is null or the column is neither.
    pub(crate) fn last_i64(&self, row: usize) -> Option<i64> {
        match self {
            Self::Int64(fixed) | Self::TimestampMs(fixed) => fixed.last(row),
            _ => None,
        }
    }

    /// The values as an array of `rows` rows; the buffer is empty afterwards.
    pub(crate) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        self.truncate(rows);
        match self {
            Self::Text(text) => text.fill(rows),
            Self::Int64(fixed) | Self::TimestampMs(fixed) => fixed.fill(rows),
            Self::Float64(fixed) => fixed.fill(rows),
        }
        Ok(match self {
            Self::Text(text) => Arc::new(text.finish()?),
            Self::Int64(fixed) => {
                let (values, nulls) = (fixed.take(), fixed.nulls.finish());
                Arc::new(Int64Array::try_new(values, nulls)?)
            }
            Self::Float64(fixed) => {
                let (values, nulls) = (fixed.take(), fixed.nulls.finish());
                Arc::new(Float64Array::try_new(values, nulls)?)
            }
            Self::TimestampMs(fixed) => {
                let (values, nulls) = (fixed.take(), fixed.nulls.finish());
                Arc::new(TimestampMillisecondArray::try_new(values, nulls)?.with_timezone("UTC"))
            }
        })
    }
}

impl TextBuffer {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            ends: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    /// Where to append the bytes of the next row, before [`TextBuffer::finish_row`].
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The bytes appended since the last row.
    pub(crate) fn pending(&self) -> &[u8] {
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.get(end..).unwrap_or_default()
    }

    /// Makes the appended bytes `row`, which is none that was pushed before.
    #[inline]
    pub(crate) fn finish_row(&mut self, row: usize) {
        self.fill(row);
        // A batch of raw records is below 2^31 bytes, and unescaping does not lengthen; a derived
        // id is at most TEXT_BYTES_MAX.
        self.ends.push(self.bytes.len() as i32);
        self.nulls.append_non_null();
    }

    /// Makes the rows that were left out before `row` null.
    #[inline]
    fn fill(&mut self, row: usize) {
        let missing = row.saturating_sub(self.nulls.len());
        if missing > 0 {
            let end = self.ends.last().copied().unwrap_or_default();
            self.ends.resize(row + 1, end);
            self.nulls.append_n_nulls(missing);
        }
    }

    /// Values are never null, so a row that is there has one.
    fn last(&self, row: usize) -> Option<&[u8]> {
        if self.nulls.len() != row + 1 {
            return None;
        }
        self.bytes.get(*self.ends.get(row)? as usize..)
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.truncate(end);
        self.nulls.truncate(rows);
    }

    fn finish(&mut self) -> Result<StringArray, ArrowError> {
        // The next batch is likely to be as large.
        let bytes = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, bytes);
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let nulls = self.nulls.finish();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls)
    }
}

impl<T: Copy + Default + arrow::datatypes::ArrowNativeType> FixedBuffer<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        }
    }

    /// Makes `value` the value of `row`, which is none that was pushed before.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, value: T) {
        self.fill(row);
        self.values.push(value);
        self.nulls.append_non_null();
    }

    /// Makes the rows that were left out before `row` null.
    #[inline]
    fn fill(&mut self, row: usize) {
        let missing = row.saturating_sub(self.nulls.len());
        if missing > 0 {
            self.values.resize(row, T::default());
            self.nulls.append_n_nulls(missing);
        }
    }

    /// Values are never null, so a row that is there has one.
    fn last(&self, row: usize) -> Option<T> {
        self.values.get(row).copied()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.nulls.truncate(rows);
    }

    fn take(&mut self) -> ScalarBuffer<T> {
        ScalarBuffer::from(std::mem::take(&mut self.values))
    }
}
