//! The image of a key of another catalog, as this one would have written it: what is carried over at its new
//! place, what is new empty. What can be made of rows is left out.

use tillwatch_records::Flags;

use super::gap::{Gap, GapSlot};
use super::history::first_row;
use super::ids::Ids;
use crate::plan::{Edit, Plan};
use crate::structures::{Decayed, Queue};
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{get_time, push64, take, take_run, take64};

/// Appends the image `words` of the key called `key` to `out`, as `plan` has it; nothing where it cannot have
/// been written. Where that is taken for an image it is checked like any other.
pub(super) fn rewrite(
    edit: &Edit,
    plan: &Plan,
    key: &[u8],
    mut words: &[u32],
    out: &mut Vec<u32>,
) -> Option<()> {
    let words = &mut words;
    let gap = Gap::read_from(words)?;
    let seen = take64(words)?;
    let history = Written::read_from(edit, words)?;
    is_event_time(history.watermark_ms).then_some(())?;
    Gap::write(&after(edit, plan, gap, history.watermark_ms), out);
    push64(out, seen);
    history.write(edit, plan, key, out)?;
    let ids = *words;
    Ids::read_from(words)?;
    out.extend_from_slice(&ids[..ids.len() - words.len()]);
    let mut known = Vec::with_capacity(edit.before.decayed);
    for _ in 0..edit.before.decayed {
        let written = *words;
        Decayed::read_from(words)?;
        known.push(&written[..written.len() - words.len()]);
    }
    for was in &edit.decayed {
        match was.and_then(|was| known.get(was)) {
            Some(known) => out.extend_from_slice(known),
            None => Decayed::default().write(out),
        }
    }
    for _ in &plan.extremes {
        Queue::default().write(out);
    }
    out.resize(out.len() + plan.holdings.len(), 0);
    Some(())
}

/// What a key with this watermark lacks after an edit that lacked `before`.
fn after(edit: &Edit, plan: &Plan, before: GapSlot, watermark_ms: i64) -> GapSlot {
    let unknown = edit.unknown_of(before.as_ref().map(|gap| gap.unknown));
    let end_ms = watermark_ms.saturating_add(edit.ids_ms);
    let own = Gap {
        end_ms,
        unknown,
        whole_at_ms: edit
            .lacking_ms
            .map_or(NEVER_MS, |ms| watermark_ms.saturating_add(ms)),
        cause: Flags::WARMING,
    };
    let known = before.map(|gap| Gap {
        unknown,
        // Windows may be longer than those that it was found for.
        whole_at_ms: gap
            .whole_at_ms
            .saturating_add(edit.events_longer_ms)
            .max(gap.end_ms.saturating_add(plan.whole.windows_ms)),
        ..*gap
    });
    match (known, edit.has_new()) {
        (None, false) => None,
        (None, true) => Some(Box::new(own)),
        (Some(known), false) => Some(Box::new(known)),
        (Some(known), true) => Some(Box::new(Gap {
            end_ms: own.end_ms.max(known.end_ms),
            unknown,
            whole_at_ms: own.whole_at_ms.max(known.whole_at_ms),
            cause: own.cause | known.cause,
        })),
    }
}

/// The records of a key as they were written.
struct Written<'a> {
    rows: u32,
    compacted: u32,
    stride: usize,
    watermark_ms: i64,
    fixed: &'a [u32],
    /// The open row included.
    words: &'a [u32],
}

impl<'a> Written<'a> {
    /// Takes them from the front of `words`; nothing when they cannot have been written.
    fn read_from(edit: &Edit, words: &mut &'a [u32]) -> Option<Self> {
        let _capacity = take(words)?;
        let (rows, compacted) = (take(words)?, take(words)?);
        let stride = take(words)? as usize;
        let strides = [edit.before.stride, edit.before.topped_stride];
        strides.contains(&stride).then_some(())?;
        let watermark_ms = take64(words)?.cast_signed();
        let fixed = take_run(words, edit.before.fixed_words)?;
        let length = (rows as usize).checked_add(1)?.checked_mul(stride)?;
        Some(Self {
            rows,
            compacted,
            stride,
            watermark_ms,
            fixed,
            words: take_run(words, length)?,
        })
    }

    /// Appends them as `plan` has them.
    fn write(&self, edit: &Edit, plan: &Plan, key: &[u8], out: &mut Vec<u32>) -> Option<()> {
        let is_topped = self.stride != edit.before.stride;
        let layout = &plan.layout;
        let stride = match is_topped {
            true => layout.places.topped_stride,
            false => layout.places.stride,
        };
        let length = plan.fixed_words + (self.rows as usize + 1) * stride;
        let capacity = key.len().div_ceil(size_of::<u32>()) + length;
        out.extend([u32::try_from(capacity).ok()?, self.rows, self.compacted]);
        out.push(stride as u32);
        push64(out, self.watermark_ms.cast_unsigned());
        let fixed_at = out.len();
        edit.push_fixed(plan, self.fixed, out);
        for (number, row) in self.words.chunks_exact(self.stride).enumerate() {
            edit.push_row(plan, number as u32, row, out);
        }
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            let limit_ms = bound.limit_ms(self.watermark_ms);
            out[fixed_at + Plan::cursor_at(index)] = self.count_until(limit_ms);
        }
        Some(())
    }

    /// Number of rows with time ≤ `limit_ms`.
    fn count_until(&self, limit_ms: i64) -> u32 {
        let time_ms = |row: u32| get_time(self.words, row as usize * self.stride);
        first_row((0, self.rows), |row| time_ms(row) > limit_ms)
    }
}
