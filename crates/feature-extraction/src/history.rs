//! What is kept of one key: its records in event-time order with running totals, and a cursor per
//! window bound.
//!
//! One allocation per key holds its name, the fixed words (cursors, times, totals, memories) and then
//! the rows. The last row is open: its totals are those of all records, its time is past every real
//! time, so searches need no other end. Appending, moving cursors and dropping what has expired cost
//! O(1) amortised per record, whatever a window holds; a late record costs O(log n + records after
//! it).
//!
//! A window with a resolution reaches back to rows that have been thinned out: of each pane only the
//! first row is kept, and as it holds the totals of everything before it, nothing is lost but the
//! records themselves.

use crate::image::{push64, take, take_run, take64};
use crate::layout::{OPEN_MS, add128, get_time, get64, get128, set64};
use crate::plan::{CountSource, Plan};

/// Time that stands for "never".
pub(crate) const NEVER_MS: i64 = i64::MIN;

/// Rows of a new key: the open one and room for two records.
const ROWS_AT_START: usize = 3;

/// The records of a key.
#[derive(Debug)]
pub(crate) struct History {
    /// The key's name, fixed words, then `rows + 1` rows. Sorted by time, equal times in order of
    /// arrival.
    words: Vec<u32>,
    /// Number of rows; the open row comes after them.
    rows: u32,
    /// Number of rows at the start that stand for a pane each.
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

    /// Appends everything as words: `capacity | words | rows | panes | key bytes | watermark (2)`, and
    /// the words as they are.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        out.extend([
            self.words.capacity() as u32,
            self.words.len() as u32,
            self.rows,
            self.thinned,
            u32::from(self.key_bytes),
        ]);
        push64(out, self.watermark_ms.cast_unsigned());
        out.extend_from_slice(&self.words);
    }

    /// What was written; nothing when it cannot have been.
    pub(crate) fn read_from(plan: &Plan, words: &mut &[u32]) -> Option<Self> {
        let capacity = take(words)? as usize;
        let length = take(words)? as usize;
        let (rows, thinned) = (take(words)?, take(words)?);
        let key_bytes = u16::try_from(take(words)?).ok()?;
        let watermark_ms = take64(words)?.cast_signed();
        let written = take_run(words, length)?;
        let key_words = usize::from(key_bytes).div_ceil(size_of::<u32>());
        let expected = (rows as usize + 1)
            .checked_mul(plan.layout.stride)?
            .checked_add(key_words + plan.fixed_words)?;
        let most = most_capacity(plan, length);
        if length != expected || thinned > rows || !(length..=most).contains(&capacity) {
            return None;
        }
        let mut own = Vec::new();
        own.reserve_exact(capacity);
        own.extend_from_slice(written);
        let history = Self {
            words: own,
            rows,
            thinned,
            watermark_ms,
            key_bytes,
        };
        history.is_sound(plan).then_some(history)
    }

    /// Whether rows are sorted and cursors point at rows.
    fn is_sound(&self, plan: &Plan) -> bool {
        let mut previous = NEVER_MS;
        let sorted = (0..=self.rows).all(|row| {
            let time = self.time(plan, row);
            let is_later = time >= previous;
            previous = time;
            is_later
        });
        let bounds = 1..plan.bounds.len();
        let cursors_fit = bounds
            .into_iter()
            .all(|bound| self.cursor(bound) <= self.rows);
        sorted && cursors_fit && self.time(plan, self.rows) == OPEN_MS
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

    /// Gives back what is not used, where it is most of it.
    fn give_back(&mut self, plan: &Plan) {
        let least = self.base() + plan.fixed_words + ROWS_AT_START * plan.layout.stride;
        if self.words.capacity() > most_capacity(plan, self.words.len()) {
            self.words.shrink_to(least.max(self.words.len() * 2));
        }
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

    /// Number of rows, and of the open row.
    #[inline]
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows that stand for a pane each.
    #[inline]
    pub(crate) fn thinned(&self) -> u32 {
        self.thinned
    }

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }

    #[inline]
    fn row_at(&self, plan: &Plan, row: u32) -> usize {
        self.base() + plan.fixed_words + row as usize * plan.layout.stride
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
        let mut seen = self.row(plan, self.rows)[0];
        for bound in 1..plan.bounds.len() {
            seen ^= self.row(plan, self.fixed(Plan::cursor_at(bound)))[0];
        }
        seen
    }

    /// Moves every cursor to `now_ms`, not before the watermark. Afterwards `bounds[i]` is the number
    /// of rows before the plan's bound `i`; `before` is where the cursors stood.
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
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            let limit = bound.limit_ms(now_ms);
            let mut cursor = self.fixed(Plan::cursor_at(index));
            before[index] = cursor;
            while self.time(plan, cursor) <= limit {
                cursor += 1;
            }
            self.set_fixed(Plan::cursor_at(index), cursor);
            bounds[index] = cursor;
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

    /// The last row in `from..to` that `count` counts.
    pub(crate) fn last_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountSource,
    ) -> Option<u32> {
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
        let first = self.counted(plan, from, count);
        let total = self.counted(plan, to, count).wrapping_sub(first);
        (total > 0).then(|| self.risen(plan, (from, to), count, 1) - 1)
    }

    /// Appends a record that is not older than any other. The cursors must stand at its time.
    #[inline]
    pub(crate) fn append(&mut self, plan: &Plan, delta: &[u32]) {
        self.make_room(plan);
        let stride = plan.layout.stride;
        let open = self.row_at(plan, self.rows);
        self.words.extend_from_within(open..open + stride);
        let (record, next) = self.words[open..].split_at_mut(stride);
        plan.layout.add(next, delta);
        own_words(plan, record, delta);
        self.rows += 1;
    }

    /// Puts a late record at its place, which it gives back.
    pub(crate) fn insert(&mut self, plan: &Plan, time_ms: i64, delta: &[u32]) -> u32 {
        self.make_room(plan);
        let place = self.count_until(plan, time_ms);
        let stride = plan.layout.stride;
        let start = self.row_at(plan, place);
        let end = self.words.len();
        self.words.resize(end + stride, 0);
        self.words.copy_within(start..end, start + stride);
        let (record, later) = self.words[start..].split_at_mut(stride);
        own_words(plan, record, delta);
        for row in later.chunks_exact_mut(stride) {
            plan.layout.add(row, delta);
        }
        self.rows += 1;
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            if time_ms <= bound.limit_ms(self.watermark_ms) {
                let at = Plan::cursor_at(index);
                self.set_fixed(at, self.fixed(at) + 1);
            }
        }
        self.widen_gaps(plan, place);
        place
    }

    /// Puts the times from the neighbours of the row at `place`, just inserted, in the place of the
    /// time from neighbour to neighbour.
    fn widen_gaps(&mut self, plan: &Plan, place: u32) {
        for (index, gap) in plan.layout.gaps.iter().enumerate() {
            if !self.counts(plan, place, gap.count) {
                continue;
            }
            let at = plan.layout.gaps_at + 4 * index;
            let time = self.time(plan, place);
            let own = self
                .last_counted(plan, (self.thinned.min(place), place), gap.count)
                .map_or(0, |row| squared(time - self.time(plan, row)));
            let next = self.first_counted(plan, (place + 1, self.rows), gap.count);
            let mut change = own;
            for row in place + 1..=self.rows {
                add128(self.row_mut(plan, row), at, change);
                if next == Some(row) {
                    let after = get128(self.row(plan, row + 1), at).wrapping_add(own);
                    let old = after.wrapping_sub(get128(self.row(plan, row), at));
                    let new = squared(self.time(plan, row) - time);
                    change = own.wrapping_add(new).wrapping_sub(old);
                }
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
        let expired = self.count_until(plan, self.forgotten_ms(plan));
        let kept = (0..expired).filter(|row| self.is_pane(plan, *row)).count() as u32;
        let dropped = expired - kept;
        if dropped == 0 || dropped * 6 < self.rows {
            let rows = self.rows as usize + 1;
            self.words
                .reserve_exact((rows / 4).max(2) * plan.layout.stride);
            return;
        }
        for (slot, since) in plan.sinces.iter().enumerate() {
            let fresh = (self.thinned, expired);
            if let Some(row) = self.last_counted(plan, fresh, since.count) {
                let time = self.time(plan, row);
                self.set_fixed_time(plan.since_at(slot) + 2, time);
            }
        }
        self.drop_expired(plan, expired);
        if plan.label_words.is_some() {
            let at = plan.label_hint_at();
            self.set_fixed(at, self.fixed(at).saturating_sub(dropped));
        }
    }

    /// Whether the row is the first of a pane that a window may still begin with. Whether the row
    /// before is, does not matter: dropping it leaves this one the first.
    fn is_pane(&self, plan: &Plan, row: u32) -> bool {
        if !plan.has_panes {
            return false;
        }
        let time = self.time(plan, row);
        let previous = match row {
            0 => NEVER_MS,
            _ => self.time(plan, row - 1),
        };
        let oldest = self.watermark_ms.saturating_sub(plan.lateness_ms());
        let mut sawtooth = plan.bounds.iter().filter(|bound| bound.resolution_ms > 0);
        sawtooth.any(|bound| {
            let pane = |time: i64| time.div_euclid(bound.resolution_ms);
            time > bound.limit_ms(oldest) && (previous == NEVER_MS || pane(previous) != pane(time))
        })
    }

    /// Drops the rows before `expired` but those that stand for a pane, and sets the cursors again.
    fn drop_expired(&mut self, plan: &Plan, expired: u32) {
        let stride = plan.layout.stride;
        let mut kept = 0;
        let panes: Vec<u32> = (0..expired)
            .filter(|row| self.is_pane(plan, *row))
            .collect();
        for row in panes {
            let (from, to) = (self.row_at(plan, row), self.row_at(plan, kept));
            self.words.copy_within(from..from + stride, to);
            kept += 1;
        }
        let (from, to) = (self.row_at(plan, expired), self.row_at(plan, kept));
        self.words.copy_within(from.., to);
        let dropped = expired - kept;
        self.words
            .truncate(self.words.len() - dropped as usize * stride);
        self.rows -= dropped;
        self.thinned = kept;
        self.give_back(plan);
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            let limit = bound.limit_ms(self.watermark_ms);
            let cursor = self.count_until(plan, limit);
            self.set_fixed(Plan::cursor_at(index), cursor);
        }
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

/// Most words that there is room for beside `length` that are used: what is dropped leaves room behind,
/// and most of it is given back.
fn most_capacity(plan: &Plan, length: usize) -> usize {
    4 * length + ROWS_AT_START * plan.layout.stride
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
