//! A key's history as words, and back.

use super::compact::most_capacity;
use super::{History, NEVER_MS};
use crate::image::{push64, take, take_run, take64};
use crate::layout::OPEN_MS;
use crate::plan::Plan;

impl History {
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
}
