//! Column buffers: plain vectors that become Arrow arrays at the end of a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, NullBufferBuilder, StringArray,
    TimestampMillisecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use arrow::error::ArrowError;
use tillwatch_records::blanks::trimmed;
use tillwatch_records::column::ColumnType;

/// The buffers of all columns that are read, by type, so that whoever fills one names its type as well.
/// Rows that are left out are null: they cost nothing until a later row has a value, so columns that
/// records never fill are free.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) texts: Vec<TextBuffer>,
    pub(crate) integers: Vec<FixedBuffer<i64>>,
    pub(crate) floats: Vec<FixedBuffer<f64>>,
    /// Milliseconds since 1970, UTC.
    pub(crate) times: Vec<FixedBuffer<i64>>,
    /// 0 or 1.
    pub(crate) booleans: Vec<FixedBuffer<u8>>,
}

/// Which buffer a column has: its type, and its position among those of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BufferId {
    Text(usize),
    Integer(usize),
    Float(usize),
    Time(usize),
    Boolean(usize),
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

impl Buffers {
    /// Empty buffers for columns of types `kinds`.
    pub(crate) fn new(kinds: &[ColumnType]) -> Self {
        let mut buffers = Self::default();
        for kind in kinds {
            buffers.add(*kind);
        }
        buffers
    }

    /// Adds an empty buffer for a column of type `kind`.
    pub(crate) fn add(&mut self, kind: ColumnType) -> BufferId {
        match kind {
            ColumnType::Text => BufferId::Text(self.add_text()),
            ColumnType::Int64 => BufferId::Integer(push(&mut self.integers, FixedBuffer::new())),
            ColumnType::Float64 => BufferId::Float(push(&mut self.floats, FixedBuffer::new())),
            ColumnType::TimestampMs => BufferId::Time(self.add_time()),
            ColumnType::Boolean => BufferId::Boolean(push(&mut self.booleans, FixedBuffer::new())),
        }
    }

    /// Adds an empty buffer of texts; its position among them.
    pub(crate) fn add_text(&mut self) -> usize {
        push(&mut self.texts, TextBuffer::new())
    }

    /// Adds an empty buffer of times; its position among them.
    pub(crate) fn add_time(&mut self) -> usize {
        push(&mut self.times, FixedBuffer::new())
    }

    /// Bytes allocated, but for the marks of nulls.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self
            .texts
            .iter()
            .map(|b| b.bytes.capacity() + size_of::<i32>() * b.ends.capacity());
        let times = self.integers.iter().chain(&self.times);
        let words = times.map(|b| b.values.capacity()).sum::<usize>()
            + self
                .floats
                .iter()
                .map(|b| b.values.capacity())
                .sum::<usize>();
        let booleans = self.booleans.iter().map(|b| b.values.capacity());
        texts.sum::<usize>() + size_of::<u64>() * words + booleans.sum::<usize>()
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.texts.iter_mut().for_each(|b| b.ends.reserve(rows));
        self.integers
            .iter_mut()
            .for_each(|b| b.values.reserve(rows));
        self.floats.iter_mut().for_each(|b| b.values.reserve(rows));
        self.times.iter_mut().for_each(|b| b.values.reserve(rows));
        self.booleans
            .iter_mut()
            .for_each(|b| b.values.reserve(rows));
    }

    /// Forgets everything after the first `rows` rows.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.texts.iter_mut().for_each(|b| b.truncate(rows));
        self.integers.iter_mut().for_each(|b| b.truncate(rows));
        self.floats.iter_mut().for_each(|b| b.truncate(rows));
        self.times.iter_mut().for_each(|b| b.truncate(rows));
        self.booleans.iter_mut().for_each(|b| b.truncate(rows));
    }

    /// The values of a column as an array of `rows` rows; its buffer is empty afterwards.
    pub(crate) fn finish(&mut self, id: BufferId, rows: usize) -> Result<ArrayRef, ArrowError> {
        Ok(match id {
            BufferId::Text(at) => Arc::new(self.texts[at].finish(rows)?),
            BufferId::Integer(at) => {
                let (values, nulls) = self.integers[at].finish(rows);
                Arc::new(Int64Array::try_new(values, nulls)?)
            }
            BufferId::Float(at) => {
                let (values, nulls) = self.floats[at].finish(rows);
                Arc::new(Float64Array::try_new(values, nulls)?)
            }
            BufferId::Time(at) => {
                let (values, nulls) = self.times[at].finish(rows);
                Arc::new(TimestampMillisecondArray::try_new(values, nulls)?.with_timezone("UTC"))
            }
            BufferId::Boolean(at) => {
                let (values, nulls) = self.booleans[at].finish(rows);
                let bits = BooleanBuffer::collect_bool(values.len(), |row| values[row] != 0);
                // A null buffer of another length would panic, and is made with the values.
                Arc::new(BooleanArray::new(bits, nulls))
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

    /// The same, to be changed; UTF-8 stays UTF-8.
    pub(crate) fn pending_mut(&mut self) -> &mut [u8] {
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.get_mut(end..).unwrap_or_default()
    }

    /// Takes the blanks around the bytes appended since the last row away.
    pub(crate) fn trim_pending(&mut self) {
        let pending = self.pending();
        let kept = trimmed(pending);
        if kept.len() < pending.len() {
            let kept = kept.to_vec();
            self.replace_pending(&kept);
        }
    }

    /// Puts `bytes` in the place of those appended since the last row.
    pub(crate) fn replace_pending(&mut self, bytes: &[u8]) {
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes the appended bytes `row`, which is none that was pushed before. Always inlined: each text of
    /// each record comes here.
    #[inline(always)]
    pub(crate) fn finish_row(&mut self, row: usize) {
        self.fill(row);
        // A batch of raw records is below 2^31 bytes. What a format makes of them is at most TEXT_BYTES_MAX
        // for a row, as is a derived id.
        self.ends.push(self.bytes.len() as i32);
        self.nulls.append_non_null();
    }

    /// The text of `row`, the last one; `None` where it is null. Values are never null, so a row that is
    /// there has one.
    pub(crate) fn last(&self, row: usize) -> Option<&[u8]> {
        if self.rows() != row + 1 {
            return None;
        }
        self.bytes.get(*self.ends.get(row)? as usize..)
    }

    /// Rows that are there; `nulls` has as many.
    fn rows(&self) -> usize {
        self.ends.len() - 1
    }

    /// Makes the rows that were left out before `row` null.
    #[inline]
    fn fill(&mut self, row: usize) {
        if row > self.rows() {
            self.fill_with_nulls(row);
        }
    }

    #[inline(never)]
    fn fill_with_nulls(&mut self, row: usize) {
        let missing = row - self.rows();
        let end = self.ends.last().copied().unwrap_or_default();
        self.ends.resize(row + 1, end);
        self.nulls.append_n_nulls(missing);
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.bytes.truncate(end);
        self.nulls.truncate(rows);
    }

    fn finish(&mut self, rows: usize) -> Result<StringArray, ArrowError> {
        self.truncate(rows);
        self.fill(rows);
        // The next batch is likely to be as large.
        let bytes = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, bytes);
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let nulls = self.nulls.finish();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls)
    }
}

impl<T: Copy + Default + ArrowNativeType> FixedBuffer<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        }
    }

    /// Makes `value` the value of `row`, which is none that was pushed before.
    #[inline(always)]
    pub(crate) fn push(&mut self, row: usize, value: T) {
        self.fill(row);
        self.values.push(value);
        self.nulls.append_non_null();
    }

    /// The value of `row`, the last one; `None` where it is null. Values are never null, so a row that is
    /// there has one.
    pub(crate) fn last(&self, row: usize) -> Option<T> {
        self.values.get(row).copied()
    }

    /// Makes the rows that were left out before `row` null.
    #[inline]
    fn fill(&mut self, row: usize) {
        if row > self.values.len() {
            self.fill_with_nulls(row);
        }
    }

    #[inline(never)]
    fn fill_with_nulls(&mut self, row: usize) {
        let missing = row - self.values.len();
        self.values.resize(row, T::default());
        self.nulls.append_n_nulls(missing);
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.nulls.truncate(rows);
    }

    fn finish(&mut self, rows: usize) -> (ScalarBuffer<T>, Option<NullBuffer>) {
        self.truncate(rows);
        self.fill(rows);
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        (values, self.nulls.finish())
    }
}

fn push<B>(buffers: &mut Vec<B>, buffer: B) -> usize {
    buffers.push(buffer);
    buffers.len() - 1
}
