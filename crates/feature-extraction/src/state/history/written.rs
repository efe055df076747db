//! A key's history as words, and back.

use tillwatch_records::limits::EVENT_TIME_MS_MIN;

use super::room::most_capacity;
use super::rows::History;
use crate::plan::Plan;
use crate::state::tracking::Mark;
use crate::times::{NEVER_MS, OPEN_MS, is_event_time};
use crate::words::{push64, take, take_run, take64};

impl History {
    /// Appends everything but the name as words: `capacity | rows | compacted | words of a row |
    /// watermark (2)`, and the fixed words and rows as they are.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            words,
            rows,
            compacted,
            watermark_ms,
            stride,
            // What is written is found by the name.
            key_bytes: _,
            // Not of the records.
            mark: _,
            is_stored: _,
        } = self;
        out.extend([
            words.capacity() as u32,
            *rows,
            *compacted,
            u32::from(*stride),
        ]);
        push64(out, watermark_ms.cast_unsigned());
        out.extend_from_slice(&words[self.base()..]);
    }

    /// What was written of the key called `key`; nothing when it cannot have been.
    pub(crate) fn read_from(plan: &Plan, key: &[u8], words: &mut &[u32]) -> Option<Self> {
        let capacity = take(words)? as usize;
        let (rows, compacted) = (take(words)?, take(words)?);
        let stride = take(words)? as usize;
        let strides = [plan.layout.places.stride, plan.layout.places.topped_stride];
        strides.contains(&stride).then_some(())?;
        let watermark_ms = take64(words)?.cast_signed();
        let key_bytes = u16::try_from(key.len()).ok()?;
        let key_words = key.len().div_ceil(size_of::<u32>());
        let written = (rows as usize + 1)
            .checked_mul(stride)?
            .checked_add(plan.fixed_words)?;
        let written = take_run(words, written)?;
        let length = key_words + written.len();
        let most = most_capacity(plan, length);
        if compacted > rows || !(length..=most).contains(&capacity) {
            return None;
        }
        let mut own = Vec::new();
        own.reserve_exact(capacity);
        own.resize(key_words, 0);
        bytemuck::cast_slice_mut(&mut own)[..key.len()].copy_from_slice(key);
        own.extend_from_slice(written);
        let history = Self {
            words: own,
            rows,
            compacted,
            watermark_ms,
            stride: stride as u16,
            key_bytes,
            mark: Mark::None,
            is_stored: false,
        };
        history.is_sound(plan).then_some(history)
    }

    /// Whether everything is as folding takes it for granted: times can be subtracted, rows are sorted,
    /// and what points at rows points where it must. Totals and values may be any.
    fn is_sound(&self, plan: &Plan) -> bool {
        self.rows_are_sound(plan)
            && self.cursors_are_sound(plan)
            && self.times_are_sound(plan)
            && (plan.label_words.is_none() || self.fixed(plan.label_hint_at()) <= self.rows)
    }

    /// Whether rows are sorted by time, and none is newer than the watermark. Those that compaction left may
    /// be newer than it would leave: the catalog before kept records less long.
    fn rows_are_sound(&self, plan: &Plan) -> bool {
        let mut previous = EVENT_TIME_MS_MIN;
        let sorted = (0..self.rows).all(|row| {
            let time = self.time(plan, row);
            let is_later = time >= previous;
            previous = time;
            is_later
        });
        sorted
            && is_event_time(self.watermark_ms)
            && previous <= self.watermark_ms
            && self.time(plan, self.rows) == OPEN_MS
    }

    /// Whether each cursor stands where the watermark says, so that no window ends before it begins.
    /// Rows must be sound.
    fn cursors_are_sound(&self, plan: &Plan) -> bool {
        plan.bounds
            .iter()
            .enumerate()
            .skip(1)
            .all(|(index, bound)| {
                let cursor = self.cursor(index);
                let limit = bound.limit_ms(self.watermark_ms);
                let is_after = |row: u32| self.time(plan, row) > limit;
                cursor <= self.rows && is_after(cursor) && (cursor == 0 || !is_after(cursor - 1))
            })
    }

    /// Whether the times of the newest records are times.
    fn times_are_sound(&self, plan: &Plan) -> bool {
        let is_sound = |at: usize| {
            let time = self.fixed_time(at);
            time == NEVER_MS || is_event_time(time)
        };
        (0..plan.sinces.len()).all(|slot| {
            let at = plan.since_at(slot);
            is_sound(at) && is_sound(at + 2)
        })
    }
}
