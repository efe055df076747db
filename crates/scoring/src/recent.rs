//! The records seen last, for models to be tried on.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use tillwatch_records::FeatureBatch;

/// Rows that are kept of all lanes unless told otherwise: a rule that fires once in a thousand rows is seen
/// firing, and scoring them again takes some milliseconds.
pub const RECENT_ROWS: usize = 10_000;

/// Bytes that are kept of all lanes unless told otherwise. 10,000 rows of 120 features and 20 columns are
/// some 12 MB; wider rows are kept in smaller number.
pub const RECENT_BYTES: usize = 16 * 1024 * 1024;

/// A batch of fewer rows takes more room for its arrays than for what is in them, and is merged with
/// others.
const LOOSE_ROWS_MAX: usize = 256;

/// Batches that are merged at most. Each is held with arrays of its own until then.
const LOOSE_BATCHES_MAX: usize = 64;

/// The last batches of a lane. Columns of large ones are shared with whoever else holds them; small ones,
/// which a live stream consists of, are copied together, and so are the last rows of one that is more than
/// is kept.
#[derive(Debug)]
pub struct Recent {
    /// Oldest first, each with its bytes; none is empty.
    batches: VecDeque<(Arc<FeatureBatch>, usize)>,
    /// How many of the newest batches are to be merged: below [`LOOSE_BATCHES_MAX`], and of fewer than
    /// [`LOOSE_ROWS_MAX`] rows in all.
    loose: usize,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl Recent {
    /// Room for about `rows_max` rows in at most `bytes_max` bytes. No room for rows: nothing is kept.
    pub fn new(rows_max: usize, bytes_max: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            loose: 0,
            rows: 0,
            bytes: 0,
            rows_max,
            bytes_max,
        }
    }

    /// Keeps no more than this from now on, and forgets what is more.
    pub fn shrink(&mut self, rows_max: usize, bytes_max: usize) {
        self.rows_max = rows_max.min(self.rows_max);
        self.bytes_max = bytes_max.min(self.bytes_max);
        self.forget();
    }

    /// Keeps `batch`; forgets the oldest batches that the last `rows_max` rows do without, or whose bytes are
    /// too many. So more rows than `rows_max` are kept by less than a batch, which has no more than twice as
    /// many.
    pub fn push(&mut self, batch: &FeatureBatch) {
        if batch.is_empty() || self.rows_max == 0 {
            return;
        }
        let bytes = bytes_of(batch);
        // Kept whole, a large batch would hold many times what this lane may keep.
        match self.room_for(batch.len(), bytes) {
            Some(room) => match batch.last_rows(room) {
                Ok(last) => {
                    let bytes = bytes_of(&last);
                    self.append(last, bytes);
                }
                // It is not worth keeping.
                Err(_) => return,
            },
            None => self.append(batch.clone(), bytes),
        }
        self.loose += 1;
        if self.loose >= LOOSE_BATCHES_MAX || self.loose_rows() >= LOOSE_ROWS_MAX {
            self.merge();
        }
        self.forget();
    }

    /// How many rows there is room for of a batch of so many rows and bytes; `None` for all.
    fn room_for(&self, rows: usize, bytes: usize) -> Option<usize> {
        if bytes > self.bytes_max {
            // A copy takes room for its arrays besides: half is left for them.
            let fit = rows * (self.bytes_max / 2) / bytes;
            return Some(fit.clamp(1, self.rows_max));
        }
        (rows > 2 * self.rows_max).then_some(self.rows_max)
    }

    /// Forgets what is more than may be kept; the newest batch stays, since it was cut to about what fits.
    fn forget(&mut self) {
        while self.batches.len() > 1
            && let Some((oldest, _)) = self.batches.front()
            && (self.rows - oldest.len() >= self.rows_max || self.bytes > self.bytes_max)
        {
            self.forget_oldest();
        }
    }

    /// The batches, oldest first. Whoever wants to look at them for long clones the pointers and
    /// lets the lane go on.
    pub fn batches(&self) -> impl Iterator<Item = &Arc<FeatureBatch>> {
        self.batches.iter().map(|(batch, _)| batch)
    }

    /// Rows kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the columns; at most the room given, or those of one batch that was cut to about that.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn append(&mut self, batch: FeatureBatch, bytes: usize) {
        self.rows += batch.len();
        self.bytes += bytes;
        self.batches.push_back((Arc::new(batch), bytes));
    }

    fn loose_rows(&self) -> usize {
        let loose = self.batches.iter().rev().take(self.loose);
        loose.map(|(batch, _)| batch.len()).sum()
    }

    /// Makes one batch of the loose ones. A batch that is large itself, or of other columns, stays as it is.
    fn merge(&mut self) {
        let from = self.batches.len() - self.loose;
        self.loose = 0;
        let newest = self.batches.pop_back();
        let (large, small): (Option<_>, Option<_>) = match newest {
            Some(newest) if newest.0.len() >= LOOSE_ROWS_MAX => (Some(newest), None),
            newest => (None, newest),
        };
        self.batches.extend(small);
        let merged: Vec<&FeatureBatch> = self.batches.range(from..).map(|(b, _)| &**b).collect();
        if merged.len() > 1
            && let Ok(merged) = FeatureBatch::concat(&merged)
        {
            for (batch, bytes) in self.batches.drain(from..) {
                self.rows -= batch.len();
                self.bytes -= bytes;
            }
            let bytes = bytes_of(&merged);
            self.append(merged, bytes);
        }
        self.batches.extend(large);
    }

    fn forget_oldest(&mut self) {
        if let Some((batch, bytes)) = self.batches.pop_front() {
            self.rows -= batch.len();
            self.bytes -= bytes;
            self.loose = self.loose.min(self.batches.len());
        }
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(RECENT_ROWS, RECENT_BYTES)
    }
}

/// Bytes of a batch's columns and of what stands beside them per row. Columns may be views of one buffer,
/// which counts once, and whole.
fn bytes_of(batch: &FeatureBatch) -> usize {
    /// Offset, timestamp, time, kind, cause and flags of a row.
    const ROW_BYTES: usize = 32;
    let events = &batch.events;
    let mut arrays: Vec<ArrayRef> = events.columns.columns().to_vec();
    arrays.extend(events.joined.iter().flat_map(RecordBatch::columns).cloned());
    arrays.extend(batch.features.columns().iter().cloned());
    let arrays = arrays
        .iter()
        .map(AsRef::as_ref)
        .chain([&batch.emissions.keys as &dyn Array]);
    let mut buffers: Vec<(usize, usize)> = Vec::new();
    let mut bytes = batch.len() * ROW_BYTES;
    for array in arrays {
        let data = array.to_data();
        bytes += data.get_array_memory_size() - data.get_buffer_memory_size();
        let nulls = data.nulls().map(NullBuffer::buffer);
        let of = data.buffers().iter().chain(nulls);
        buffers.extend(of.map(|b| (b.data_ptr().as_ptr() as usize, b.capacity())));
    }
    buffers.sort_unstable();
    buffers.dedup();
    bytes + buffers.iter().map(|(_, capacity)| capacity).sum::<usize>()
}
