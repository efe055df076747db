//! What is kept of one key: its records in event-time order with running totals, and a cursor per
//! window bound.
//!
//! One allocation per key holds the fixed words (cursors, times, counters) and then the rows. The
//! last row is open: its totals are those of all records, its time is past every real time, so
//! searches need no other end. Appending, moving cursors and dropping what has expired cost
//! O(1) amortised per record, whatever a window holds; a late record costs O(log n + records after
//! it).

use crate::layout::{OPEN_MS, get_time, get64, set64};
use crate::plan::{CountSource, Plan};

/// Time that stands for "never".
pub(crate) const NEVER_MS: i64 = i64::MIN;

/// Rows of a new key: the open one and room for two records.
const ROWS_AT_START: usize = 3;

/// The records of a key.
#[derive(Debug)]
pub(crate) struct History {
    /// Fixed words, then `rows + 1` rows. Sorted by time, equal times in order of arrival.
    words: Vec<u32>,
    /// Number of records; the open row comes after them.
    rows: u32,
    /// Newest event time of an accepted record; the cursors stand there. [`NEVER_MS`] at first.
    pub(crate) watermark_ms: i64,
}

impl History {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut history = Self {
            words: Vec::new(),
            rows: 0,
            watermark_ms: NEVER_MS,
        };
        let words = plan.fixed_words + ROWS_AT_START * plan.layout.stride;
        history.words.reserve_exact(words);
        history.reset(plan);
        history
    }

    /// Forgets every record.
    pub(crate) fn reset(&mut self, plan: &Plan) {
        let fixed = plan.fixed_words;
        self.words.clear();
        self.words.resize(fixed + plan.layout.stride, 0);
        self.rows = 0;
        self.watermark_ms = NEVER_MS;
        for slot in 0..plan.sinces.len() {
            let at = plan.since_at(slot);
            set64(&mut self.words, at, NEVER_MS.cast_unsigned());
            set64(&mut self.words, at + 2, NEVER_MS.cast_unsigned());
        }
        set64(&mut self.words, fixed, OPEN_MS.cast_unsigned());
    }

    /// Gives the memory back; the history is unusable until it is replaced.
    pub(crate) fn release(&mut self) {
        self.words = Vec::new();
        self.rows = 0;
    }

    /// Number of records, and of the open row.
    #[inline]
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }

    /// The words of `row`.
    #[inline]
    pub(crate) fn row(&self, plan: &Plan, row: u32) -> &[u32] {
        let stride = plan.layout.stride;
        let start = plan.fixed_words + row as usize * stride;
        &self.words[start..start + stride]
    }

    #[inline]
    pub(crate) fn time(&self, plan: &Plan, row: u32) -> i64 {
        get_time(
            &self.words,
            plan.fixed_words + row as usize * plan.layout.stride,
        )
    }

    /// A word of the fixed part.
    #[inline]
    pub(crate) fn fixed(&self, at: usize) -> u32 {
        self.words[at]
    }

    #[inline]
    pub(crate) fn set_fixed(&mut self, at: usize, value: u32) {
        self.words[at] = value;
    }

    /// A time of the fixed part.
    #[inline]
    pub(crate) fn fixed_time(&self, at: usize) -> i64 {
        get_time(&self.words, at)
    }

    #[inline]
    pub(crate) fn set_fixed_time(&mut self, at: usize, time_ms: i64) {
        set64(&mut self.words, at, time_ms.cast_unsigned());
    }

    /// Where the cursor of `bound` stands: records with time ≤ watermark − bound.
    pub(crate) fn cursor(&self, bound: usize) -> u32 {
        match bound {
            0 => self.rows,
            _ => self.fixed(Plan::cursor_at(bound)),
        }
    }

    /// Something of every cache line that folding the next record is going to read, so that the
    /// processor can fetch for many keys at once.
    #[inline]
    pub(crate) fn touch(&self, plan: &Plan) -> u32 {
        let mut seen = self.row(plan, self.rows)[0];
        for bound in 1..plan.bounds_ms.len() {
            seen ^= self.row(plan, self.fixed(Plan::cursor_at(bound)))[0];
        }
        seen
    }

    /// Moves every cursor to `now_ms`, not before the watermark. Afterwards `bounds[i]` is the number
    /// of records with time ≤ `now_ms − bounds_ms[i]`; `before` is where the cursors stood.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        now_ms: i64,
        bounds: &mut [u32],
        before: &mut [u32],
    ) {
        bounds[0] = self.rows;
        before[0] = self.rows;
        for bound in 1..plan.bounds_ms.len() {
            let limit = now_ms - plan.bounds_ms[bound];
            let at = Plan::cursor_at(bound);
            let mut cursor = self.words[at];
            before[bound] = cursor;
            while self.time(plan, cursor) <= limit {
                cursor += 1;
            }
            self.words[at] = cursor;
            bounds[bound] = cursor;
        }
    }

    /// Finds every bound for a record at `now_ms` without moving a cursor. What is older than the
    /// retention is never seen, kept by chance or not.
    pub(crate) fn search(&self, plan: &Plan, now_ms: i64, bounds: &mut [u32]) {
        let oldest = self.forgotten_ms(plan);
        for (bound, before_ms) in bounds.iter_mut().zip(&plan.bounds_ms) {
            *bound = self.count_until(plan, (now_ms - before_ms).max(oldest));
        }
    }

    /// Records at or before this time are forgotten.
    pub(crate) fn forgotten_ms(&self, plan: &Plan) -> i64 {
        self.watermark_ms.saturating_sub(plan.retention_ms())
    }

    /// Number of records with time ≤ `limit_ms`.
    fn count_until(&self, plan: &Plan, limit_ms: i64) -> u32 {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(plan, middle) <= limit_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Number of records before `row` that `count` counts, from an arbitrary start.
    #[inline]
    pub(crate) fn counted(&self, plan: &Plan, row: u32, count: CountSource) -> u32 {
        match count {
            CountSource::Rows => row,
            CountSource::Word(at) => self.row(plan, row)[at],
        }
    }

    /// Time of the last record before `row` that `count` counts, among those kept.
    pub(crate) fn last_counted(&self, plan: &Plan, row: u32, count: CountSource) -> Option<i64> {
        let first = self.counted(plan, 0, count);
        let total = self.counted(plan, row, count).wrapping_sub(first);
        if total == 0 {
            return None;
        }
        // The smallest row before which all of them lie is the one after the last.
        let (mut low, mut high) = (1, row);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.counted(plan, middle, count).wrapping_sub(first) < total {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(self.time(plan, low - 1))
    }

    /// Appends a record that is not older than any other. The cursors must stand at its time.
    #[inline]
    pub(crate) fn append(&mut self, plan: &Plan, delta: &[u32]) {
        self.make_room(plan);
        let stride = plan.layout.stride;
        let open = plan.fixed_words + self.rows as usize * stride;
        self.words.extend_from_within(open..open + stride);
        let (record, next) = self.words[open..].split_at_mut(stride);
        plan.layout.add(next, delta);
        own_words(plan, record, delta);
        self.rows += 1;
    }

    /// Puts a late record at its place.
    pub(crate) fn insert(&mut self, plan: &Plan, time_ms: i64, delta: &[u32]) {
        self.make_room(plan);
        let place = self.count_until(plan, time_ms) as usize;
        let stride = plan.layout.stride;
        let start = plan.fixed_words + place * stride;
        let end = self.words.len();
        self.words.resize(end + stride, 0);
        self.words.copy_within(start..end, start + stride);
        let (record, later) = self.words[start..].split_at_mut(stride);
        own_words(plan, record, delta);
        for row in later.chunks_exact_mut(stride) {
            plan.layout.add(row, delta);
        }
        self.rows += 1;
        for bound in 1..plan.bounds_ms.len() {
            if time_ms <= self.watermark_ms - plan.bounds_ms[bound] {
                self.words[Plan::cursor_at(bound)] += 1;
            }
        }
    }

    /// Makes room for one more row: by dropping what has expired when that is a sixth of the rows,
    /// so that moving the rest is paid for by records already gone, else by growing by a quarter: more
    /// at a time would leave a third of the memory unused.
    #[inline]
    fn make_room(&mut self, plan: &Plan) {
        if self.words.capacity() - self.words.len() < plan.layout.stride {
            self.compact_or_grow(plan);
        }
    }

    #[cold]
    #[inline(never)]
    fn compact_or_grow(&mut self, plan: &Plan) {
        let (fixed, stride) = (plan.fixed_words, plan.layout.stride);
        let expired = self.count_until(plan, self.forgotten_ms(plan));
        if expired == 0 || expired * 6 < self.rows {
            let rows = self.rows as usize + 1;
            self.words.reserve_exact((rows / 4).max(2) * stride);
            return;
        }
        for (slot, since) in plan.sinces.iter().enumerate() {
            if let Some(time) = self.last_counted(plan, expired, since.count) {
                self.set_fixed_time(plan.since_at(slot) + 2, time);
            }
        }
        let start = fixed + expired as usize * stride;
        self.words.copy_within(start.., fixed);
        self.words
            .truncate(self.words.len() - expired as usize * stride);
        self.rows -= expired;
        for bound in 1..plan.bounds_ms.len() {
            self.words[Plan::cursor_at(bound)] -= expired;
        }
    }
}

/// Copies what is the record's own: its time and raw values.
#[inline]
fn own_words(plan: &Plan, record: &mut [u32], delta: &[u32]) {
    let raws = plan.layout.raws_at;
    set64(record, 0, get64(delta, 0));
    record[raws..].copy_from_slice(&delta[raws..]);
}
