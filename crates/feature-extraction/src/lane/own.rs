//! What a lane keeps besides the state of keys and cohorts, as words and back.

use crate::plan::Edit;
use crate::state::{CohortsOwn, KeysOwn};
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{push64, take, take64};

/// Most records that are read back as counted, so that more can still come.
const COUNT_MAX: u64 = u64::MAX / 2;

/// What a lane keeps besides, and what keys and cohorts of a ratio have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) watermark_ms: i64,
    pub(super) edit_ends_ms: i64,
    pub(super) clock: u64,
    pub(super) keys: KeysOwn,
    /// One per cohort ratio of the plan.
    pub(super) cohorts: Vec<CohortsOwn>,
}

/// What is restored.
#[derive(Debug)]
pub(super) struct Restoring {
    /// What the part said.
    pub(super) own: Own,
    /// What becomes of state of another catalog.
    pub(super) edit: Option<Edit>,
}

impl Own {
    pub(super) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            watermark_ms,
            edit_ends_ms,
            clock,
            keys,
            cohorts,
        } = self;
        push64(out, watermark_ms.cast_unsigned());
        push64(out, edit_ends_ms.cast_unsigned());
        push64(out, *clock);
        keys.write(out);
        out.push(cohorts.len() as u32);
        for room in cohorts {
            room.write(out);
        }
    }

    /// What was written of a lane with so many cohort ratios; nothing when it cannot have been.
    pub(super) fn read_from(ratios: usize, mut words: &[u32]) -> Option<Self> {
        let words = &mut words;
        let watermark_ms = take64(words)?.cast_signed();
        let edit_ends_ms = take64(words)?.cast_signed();
        let clock = take64(words)?;
        let keys = KeysOwn::read_from(words)?;
        (take(words)? as usize == ratios).then_some(())?;
        let cohorts = (0..ratios).map(|_| CohortsOwn::read_from(words));
        let cohorts = cohorts.collect::<Option<Vec<_>>>()?;
        let is_time = watermark_ms == NEVER_MS || is_event_time(watermark_ms);
        (is_time && clock <= COUNT_MAX && words.is_empty()).then_some(Self {
            watermark_ms,
            edit_ends_ms,
            clock,
            keys,
            cohorts,
        })
    }

    /// The same after an edit of the catalog.
    pub(super) fn after(self, edit: &Edit) -> Self {
        let Self {
            watermark_ms,
            edit_ends_ms,
            clock,
            keys,
            cohorts,
        } = self;
        let lacking_ms = edit.lacking_ms.filter(|_| watermark_ms != NEVER_MS);
        let ends_ms = lacking_ms.map_or(NEVER_MS, |ms| watermark_ms.saturating_add(ms));
        let of_ratio = |ratio: &Option<usize>| {
            let known = ratio.and_then(|ratio| cohorts.get(ratio));
            known.copied().unwrap_or(CohortsOwn::without(watermark_ms))
        };
        Self {
            watermark_ms,
            edit_ends_ms: edit_ends_ms.max(ends_ms),
            clock,
            keys,
            cohorts: edit.cohorts.iter().map(of_ratio).collect(),
        }
    }
}
