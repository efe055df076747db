//! What is kept of one key: its records in event-time order with running totals, and a cursor per
//! window bound.
//!
//! One allocation per key holds its name, the fixed words (cursors, times, totals, memories) and then
//! the rows. The last row is open: its totals are those of all records, its time is past every real
//! time, so searches need no other end. Appending, moving cursors and dropping what has expired cost
//! O(1) amortised per record, whatever a window holds; a late record costs O(log n + records after
//! it).
//!
//! A window with a resolution reaches back to rows that have been thinned out: of each pane the first
//! row is kept, and as it holds the totals of everything before it, nothing is lost but the records
//! themselves; of those, the few stay that may still be the largest of a window, or the newest with
//! their value.

use crate::feature::holding;
use crate::layout::{OPEN_MS, get_time, get64, set64};
use crate::plan::{CountSource, Plan};

mod compact;
mod late;
mod thin;
mod words;

/// Time that stands for "never".
pub(crate) const NEVER_MS: i64 = i64::MIN;

/// Rows of a new key: the open one and room for two records.
const ROWS_AT_START: usize = 3;

/// Rows that are looked at one by one, where the wanted one most often is, before it is searched for by
/// halves.
const LOOKS: usize = 8;

/// Words of a cache line.
const LINE_WORDS: usize = 16;

/// The records of a key.
#[derive(Debug)]
pub(crate) struct History {
    /// The key's name, fixed words, then `rows + 1` rows. Sorted by time, equal times in order of
    /// arrival.
    words: Vec<u32>,
    /// Number of rows; the open row comes after them.
    rows: u32,
    /// Number of rows at the start that were left when others were thinned out.
    thinned: u32,
    /// Newest event time of an accepted record; the cursors stand there. [`NEVER_MS`] at first.
    pub(crate) watermark_ms: i64,
    /// Length of the name.
    key_bytes: u16,
}

impl History {
    /// Of a key called `key`, at most [`u16::MAX`] bytes of it.
    pub(crate) fn new(plan: &Plan, key: &[u8]) -> Self {
        let key = &key[..key.len().min(usize::from(u16::MAX))];
        let key_words = key.len().div_ceil(size_of::<u32>());
        let mut history = Self {
            words: Vec::new(),
            rows: 0,
            thinned: 0,
            watermark_ms: NEVER_MS,
            key_bytes: key.len() as u16,
        };
        let words = key_words + plan.fixed_words + ROWS_AT_START * plan.layout.stride;
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
            thinned: 0,
            watermark_ms: NEVER_MS,
            key_bytes: 0,
        }
    }

    /// Forgets every record, but not the name.
    pub(crate) fn reset(&mut self, plan: &Plan) {
        let base = self.base();
        let fixed = base + plan.fixed_words;
        self.words.truncate(base);
        self.words.resize(fixed + plan.layout.stride, 0);
        self.rows = 0;
        self.thinned = 0;
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
    fn base(&self) -> usize {
        usize::from(self.key_bytes).div_ceil(size_of::<u32>())
    }

    /// The first word there is, to bring it near.
    #[inline]
    pub(crate) fn first_word(&self) -> u32 {
        self.words.first().copied().unwrap_or(0)
    }

    /// Number of rows, and of the open row.
    #[inline]
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows at the start that were left when others were thinned out.
    #[inline]
    pub(crate) fn thinned(&self) -> u32 {
        self.thinned
    }

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }

    /// Word at which `row` begins.
    #[inline]
    pub(crate) fn row_at(&self, plan: &Plan, row: u32) -> usize {
        self.base() + plan.fixed_words + row as usize * plan.layout.stride
    }

    /// The words of the row that begins at word `start`, as [`History::row_at`] gave it.
    #[inline]
    pub(crate) fn row_from(&self, plan: &Plan, start: usize) -> &[u32] {
        &self.words[start..start + plan.layout.stride]
    }

    /// The words of `row`.
    #[inline]
    pub(crate) fn row(&self, plan: &Plan, row: u32) -> &[u32] {
        let start = self.row_at(plan, row);
        &self.words[start..start + plan.layout.stride]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, plan: &Plan, row: u32) -> &mut [u32] {
        let start = self.row_at(plan, row);
        &mut self.words[start..start + plan.layout.stride]
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

    /// A time or total of the fixed part.
    #[inline]
    pub(crate) fn fixed_time(&self, at: usize) -> i64 {
        get_time(&self.words, self.base() + at)
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

    /// Something of every cache line that folding the next record is going to read, so that the
    /// processor can fetch for many keys at once.
    #[inline]
    pub(crate) fn touch(&self, plan: &Plan) -> u32 {
        let (base, stride) = (self.base(), plan.layout.stride);
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
        let (base, stride) = (self.base(), plan.layout.stride);
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

    /// Finds every bound for a record at `now_ms` without moving a cursor. One that is older than any
    /// record may be sees only what is remembered record by record, kept by chance or not.
    pub(crate) fn search(&self, plan: &Plan, now_ms: i64, bounds: &mut [u32]) {
        let is_older = now_ms < self.watermark_ms.saturating_sub(plan.lateness_ms());
        let oldest = if is_older {
            self.forgotten_ms(plan)
        } else {
            NEVER_MS
        };
        for (place, bound) in bounds.iter_mut().zip(&plan.bounds) {
            *place = self.count_until(plan, bound.limit_ms(now_ms).max(oldest));
        }
    }

    /// Records at or before this time are forgotten, or thinned out.
    pub(crate) fn forgotten_ms(&self, plan: &Plan) -> i64 {
        self.watermark_ms.saturating_sub(plan.retention_ms())
    }

    /// Number of rows with time ≤ `limit_ms`.
    pub(crate) fn count_until(&self, plan: &Plan, limit_ms: i64) -> u32 {
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

    /// Whether `count` counts the record of `row`.
    #[inline]
    pub(crate) fn counts(&self, plan: &Plan, row: u32, count: CountSource) -> bool {
        self.counted(plan, row + 1, count) != self.counted(plan, row, count)
    }

    /// The first row from `from` on by which `count` has risen by at least `rise`; `to` when it has
    /// not before.
    pub(crate) fn risen(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountSource,
        rise: u32,
    ) -> u32 {
        let first = self.counted(plan, from, count);
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.counted(plan, middle, count).wrapping_sub(first) < rise {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// A row from `from` on such that `count` counts `wanted` of those from there to `to`; it counts more
    /// of all.
    ///
    /// Near the end most often: looks back from there first. Takes nothing for granted of counts, which
    /// may be any in state that was read back.
    #[inline]
    pub(crate) fn newest_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountSource,
        wanted: u32,
    ) -> u32 {
        let total = self.counted(plan, to, count);
        let newer = |row| total.wrapping_sub(self.counted(plan, row, count));
        // No row counts twice, so it lies as far back as counts are missing, or farther.
        let mut row = to.saturating_sub(wanted);
        for _ in 0..LOOKS {
            let missing = wanted.saturating_sub(newer(row));
            if missing == 0 && row >= from {
                return row;
            }
            row = row.saturating_sub(missing);
            if row <= from {
                break;
            }
        }
        let rise = newer(from).wrapping_sub(wanted);
        self.risen(plan, (from, to), count, rise)
    }

    /// The last row in `from..to` that `count` counts.
    pub(crate) fn last_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountSource,
    ) -> Option<u32> {
        let mut near = (from..to).rev().take(LOOKS);
        if let Some(row) = near.find(|row| self.counts(plan, *row, count)) {
            return Some(row);
        }
        let first = self.counted(plan, from, count);
        let total = self.counted(plan, to, count).wrapping_sub(first);
        // The smallest row before which all of them lie is the one after the last.
        (total > 0).then(|| self.risen(plan, (from, to), count, total) - 1)
    }

    /// The first row in `from..to` that `count` counts.
    pub(crate) fn first_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountSource,
    ) -> Option<u32> {
        let mut near = (from..to).take(LOOKS);
        if let Some(row) = near.find(|row| self.counts(plan, *row, count)) {
            return Some(row);
        }
        let first = self.counted(plan, from, count);
        let total = self.counted(plan, to, count).wrapping_sub(first);
        (total > 0).then(|| self.risen(plan, (from, to), count, 1) - 1)
    }

    /// Appends a record that is not older than any other, and the open row that comes after it. The
    /// cursors must stand at its time, and `holdings`, one per [`Plan::holdings`], must hold what lies
    /// between them.
    #[inline]
    pub(crate) fn append(
        &mut self,
        plan: &Plan,
        (delta, next): (&[u32], &[u32]),
        holdings: &mut [holding::Slot],
    ) {
        self.make_room(plan, holdings);
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

/// Square of a time in milliseconds.
#[inline]
pub(crate) fn squared(time_ms: i64) -> u128 {
    let magnitude = u128::from(time_ms.unsigned_abs());
    magnitude * magnitude
}

/// Copies what is the record's own: its time and raw values.
#[inline]
fn own_words(plan: &Plan, record: &mut [u32], delta: &[u32]) {
    let raws = plan.layout.raws_at;
    set64(record, 0, get64(delta, 0));
    record[raws..].copy_from_slice(&delta[raws..]);
}
