//! What is kept of one key: its records in event-time order with running totals, and a cursor per
//! window bound.
//!
//! One allocation per key holds its name, the fixed words (cursors, times, totals, memories) and then
//! the rows. The last row is open: its totals are those of all records, its time is past every real
//! time, so searches need no other end. Appending, moving cursors and dropping what has expired cost
//! O(1) amortised per record, whatever a window holds; a late record costs O(log n + records after
//! it).
//!
//! A window with a resolution reaches back to rows that have been compacted. Compaction keeps the first
//! row of each pane; that row holds the totals of all records before it, so no total is lost. It also keeps
//! the few rows that may still be the largest of a window, or the newest with their value.

use crate::plan::Plan;
use crate::state::tracking::Mark;
use crate::times::{NEVER_MS, OPEN_MS};
use crate::words::{get_time, get64, get128, set64, set128};

/// Rows of a new key: the open one and room for two records.
pub(super) const ROWS_AT_START: usize = 3;

/// Words of a cache line.
const LINE_WORDS: usize = 16;

/// The records of a key.
#[derive(Debug)]
pub(crate) struct History {
    /// The key's name, fixed words, then `rows + 1` rows. Sorted by time, equal times in order of
    /// arrival.
    pub(super) words: Vec<u32>,
    /// Number of rows; the open row comes after them.
    pub(super) rows: u32,
    /// Number of rows at the start that were left by compaction.
    pub(super) compacted: u32,
    /// Newest event time of an accepted record; the cursors stand there. [`NEVER_MS`] at first.
    pub(crate) watermark_ms: i64,
    /// Words of a row: the `stride` of its [`Layout::places`], or the `topped_stride` from when a total needs
    /// more bits than rows have for it. A catalog has at most 512 features, each with some twenty words of a
    /// row, so it fits.
    ///
    /// [`Layout::places`]: crate::plan::Layout::places
    pub(super) stride: u16,
    /// Length of the name.
    pub(super) key_bytes: u16,
    /// When the key was touched last, and whether a store may know the key: see [`Tracking`]. No part of the
    /// records; there is room here in the line of memory that every record of the key reads.
    ///
    /// [`Tracking`]: crate::state::tracking::Tracking
    pub(crate) mark: Mark,
    pub(crate) is_stored: bool,
}

impl History {
    /// Of a key called `key`, at most [`u16::MAX`] bytes of it.
    pub(crate) fn new(plan: &Plan, key: &[u8]) -> Self {
        let key = &key[..key.len().min(usize::from(u16::MAX))];
        let key_words = key.len().div_ceil(size_of::<u32>());
        let mut history = Self {
            words: Vec::new(),
            rows: 0,
            compacted: 0,
            watermark_ms: NEVER_MS,
            stride: plan.layout.places.stride as u16,
            key_bytes: key.len() as u16,
            mark: Mark::None,
            is_stored: false,
        };
        let words = key_words + plan.fixed_words + ROWS_AT_START * plan.layout.places.stride;
        history.words.reserve_exact(words);
        history.words.resize(key_words, 0);
        bytemuck::cast_slice_mut(&mut history.words)[..key.len()].copy_from_slice(key);
        history.reset(plan);
        history
    }

    /// Of no key: unusable until it is replaced.
    pub(crate) fn vacant() -> Self {
        Self {
            words: Vec::new(),
            rows: 0,
            compacted: 0,
            watermark_ms: NEVER_MS,
            stride: 0,
            key_bytes: 0,
            mark: Mark::None,
            is_stored: false,
        }
    }

    /// Forgets every record, but not the name.
    pub(crate) fn reset(&mut self, plan: &Plan) {
        let base = self.base();
        let fixed = base + plan.fixed_words;
        self.stride = plan.layout.places.stride as u16;
        self.words.truncate(base);
        self.words.resize(fixed + plan.layout.places.stride, 0);
        self.rows = 0;
        self.compacted = 0;
        self.watermark_ms = NEVER_MS;
        for slot in 0..plan.sinces.len() {
            let at = plan.since_at(slot);
            self.set_fixed_time(at, NEVER_MS);
            self.set_fixed_time(at + 2, NEVER_MS);
        }
        set64(&mut self.words, fixed, OPEN_MS.cast_unsigned());
        self.give_back(plan);
    }

    /// The key's name.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words[..self.base()])[..usize::from(self.key_bytes)]
    }

    /// Words before the fixed ones.
    #[inline]
    pub(super) fn base(&self) -> usize {
        usize::from(self.key_bytes).div_ceil(size_of::<u32>())
    }

    /// The first word there is: reading it makes the processor fetch its cache line.
    #[inline]
    pub(crate) fn first_word(&self) -> u32 {
        self.words.first().copied().unwrap_or(0)
    }

    /// Number of rows, and of the open row.
    #[inline]
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows at the start that were left by compaction.
    #[inline]
    pub(crate) fn compacted(&self) -> u32 {
        self.compacted
    }

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }

    /// Words of a row.
    #[inline]
    pub(crate) fn stride(&self) -> usize {
        usize::from(self.stride)
    }

    /// Whether rows have tops, see [`Layout`](crate::plan::Layout).
    #[inline]
    pub(crate) fn has_tops(&self, plan: &Plan) -> bool {
        self.stride() > plan.layout.places.stride
    }

    /// Gives tops to rows that have none.
    #[cold]
    pub(crate) fn add_tops(&mut self, plan: &Plan) {
        if self.has_tops(plan) {
            return;
        }
        let (start, layout) = (self.row_at(plan, 0), &plan.layout);
        let mut words = Vec::new();
        words.reserve_exact(start + (self.rows as usize + 1) * layout.places.topped_stride);
        words.extend_from_slice(&self.words[..start]);
        for row in self.words[start..].chunks_exact(layout.places.stride) {
            let at = words.len();
            words.extend_from_slice(row);
            words.resize(at + layout.places.topped_stride, 0);
            layout.put_tops(&mut words[at..]);
        }
        self.words = words;
        self.stride = layout.places.topped_stride as u16;
    }

    /// Word at which `row` begins.
    #[inline]
    pub(crate) fn row_at(&self, plan: &Plan, row: u32) -> usize {
        self.base() + plan.fixed_words + row as usize * self.stride()
    }

    /// The words of the row that begins at word `start`, as [`History::row_at`] gave it.
    #[inline]
    pub(crate) fn row_from(&self, start: usize) -> &[u32] {
        &self.words[start..start + self.stride()]
    }

    /// The words of `row`.
    #[inline]
    pub(crate) fn row(&self, plan: &Plan, row: u32) -> &[u32] {
        let start = self.row_at(plan, row);
        &self.words[start..start + self.stride()]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, plan: &Plan, row: u32) -> &mut [u32] {
        let (start, stride) = (self.row_at(plan, row), self.stride());
        &mut self.words[start..start + stride]
    }

    #[inline]
    pub(crate) fn time(&self, plan: &Plan, row: u32) -> i64 {
        get_time(&self.words, self.row_at(plan, row))
    }

    /// A word of the fixed part.
    #[inline]
    pub(crate) fn fixed(&self, at: usize) -> u32 {
        self.words[self.base() + at]
    }

    #[inline]
    pub(crate) fn set_fixed(&mut self, at: usize, value: u32) {
        let base = self.base();
        self.words[base + at] = value;
    }

    /// Words of the fixed part from `at` on.
    #[inline]
    pub(crate) fn memory(&self, at: usize, words: usize) -> &[u32] {
        &self.words[self.base() + at..][..words]
    }

    #[inline]
    pub(crate) fn memory_mut(&mut self, at: usize, words: usize) -> &mut [u32] {
        let base = self.base();
        &mut self.words[base + at..][..words]
    }

    /// A time of the fixed part.
    #[inline]
    pub(crate) fn fixed_time(&self, at: usize) -> i64 {
        get_time(&self.words, self.base() + at)
    }

    /// A total of 128 bits of the fixed part.
    #[inline]
    pub(crate) fn fixed_total(&self, at: usize) -> i128 {
        get128(&self.words, self.base() + at).cast_signed()
    }

    #[inline]
    pub(crate) fn set_fixed_total(&mut self, at: usize, total: i128) {
        let base = self.base();
        set128(&mut self.words, base + at, total.cast_unsigned());
    }

    #[inline]
    pub(crate) fn set_fixed_time(&mut self, at: usize, time_ms: i64) {
        let base = self.base();
        set64(&mut self.words, base + at, time_ms.cast_unsigned());
    }

    /// Where the cursor of `bound` stands: the number of rows before it, seen from the watermark.
    #[inline]
    pub(crate) fn cursor(&self, bound: usize) -> u32 {
        match bound {
            0 => self.rows,
            _ => self.fixed(Plan::cursor_at(bound)),
        }
    }

    /// Reads a word of every cache line that folding the next record is going to need, so that the
    /// processor fetches those of many keys at once.
    #[inline]
    pub(crate) fn prefetch(&self, plan: &Plan) -> u32 {
        let (base, stride) = (self.base(), self.stride());
        let (fixed, rows) = self.words.split_at(base + plan.fixed_words);
        let lines = |words: &[u32]| {
            let first = words
                .iter()
                .step_by(LINE_WORDS)
                .fold(0, |all, word| all ^ word);
            first ^ words.last().copied().unwrap_or(0)
        };
        let row = |row: u32| &rows[row as usize * stride..][..stride];
        let mut seen = lines(&fixed[base..]) ^ lines(row(self.rows));
        for cursor in &fixed[base..][..plan.bounds.len() - 1] {
            // A cursor seldom moves by more than one row.
            seen ^= row(*cursor)[0] ^ lines(row(self.rows.min(cursor + 1)));
        }
        seen
    }

    /// Moves every cursor to `now_ms`, not before the watermark. Afterwards `bounds[i]` is the number
    /// of rows before the plan's bound `i`, which is at `limits_ms[i]`; `before` is where the cursors
    /// stood.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        now_ms: i64,
        limits_ms: &mut [i64],
        bounds: &mut [u32],
        before: &mut [u32],
    ) {
        let (base, stride) = (self.base(), self.stride());
        let (fixed, rows) = self.words.split_at_mut(base + plan.fixed_words);
        bounds[0] = self.rows;
        before[0] = self.rows;
        limits_ms[0] = now_ms;
        let cursors = fixed[base..].iter_mut().zip(&plan.bounds[1..]);
        let known = bounds[1..].iter_mut().zip(&mut before[1..]);
        let places = known.zip(&mut limits_ms[1..]);
        for ((cursor, bound), ((place, before), limit_ms)) in cursors.zip(places) {
            *limit_ms = bound.limit_ms(now_ms);
            *before = *cursor;
            while get_time(rows, *cursor as usize * stride) <= *limit_ms {
                *cursor += 1;
            }
            *place = *cursor;
        }
    }

    /// Appends a record that is not older than any other, and the open row that comes after it. The
    /// cursors must stand at its time.
    #[inline]
    pub(crate) fn append(&mut self, plan: &Plan, (delta, next): (&[u32], &[u32])) {
        let open = self.row_at(plan, self.rows);
        own_words(plan, &mut self.words[open..], delta);
        self.words.extend_from_slice(next);
        self.rows += 1;
    }

    /// The words of the raw value at `at` of `row`, one or two.
    #[inline]
    pub(crate) fn raw(&self, plan: &Plan, row: u32, at: usize, is_short: bool) -> u64 {
        let words = self.row(plan, row);
        if is_short {
            u64::from(words[at])
        } else {
            get64(words, at)
        }
    }
}

/// Copies what is the record's own: its time and raw values.
#[inline]
pub(super) fn own_words(plan: &Plan, record: &mut [u32], delta: &[u32]) {
    let raws = plan.layout.places.raws_at;
    set64(record, 0, get64(delta, 0));
    record[raws..delta.len()].copy_from_slice(&delta[raws..]);
}
