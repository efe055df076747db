//! What a lane keeps besides the state of keys and cohorts, as words and back.

use crate::plan::Plan;
use crate::state::{CohortRoom, KeysOwn};
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{push64, take, take64};

/// Most records that are read back as counted, so that more can still come.
const COUNT_MAX: u64 = u64::MAX / 2;

/// What a lane keeps besides, and how much room keys and cohorts take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) watermark_ms: i64,
    pub(super) cohorts_end_ms: i64,
    pub(super) clock: u64,
    pub(super) keys: KeysOwn,
    /// One per cohort ratio of the plan.
    pub(super) cohorts: Vec<CohortRoom>,
}

impl Own {
    pub(super) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            watermark_ms,
            cohorts_end_ms,
            clock,
            keys,
            cohorts,
        } = self;
        push64(out, watermark_ms.cast_unsigned());
        push64(out, cohorts_end_ms.cast_unsigned());
        push64(out, *clock);
        keys.write(out);
        out.push(cohorts.len() as u32);
        for room in cohorts {
            room.write(out);
        }
    }

    /// What was written of a lane that runs `plan`; nothing when it cannot have been.
    pub(super) fn read_from(plan: &Plan, mut words: &[u32]) -> Option<Self> {
        let words = &mut words;
        let watermark_ms = take64(words)?.cast_signed();
        let cohorts_end_ms = take64(words)?.cast_signed();
        let clock = take64(words)?;
        let keys = KeysOwn::read_from(words)?;
        let ratios = take(words)? as usize;
        (ratios == plan.cohorts.len()).then_some(())?;
        let cohorts = (0..ratios).map(|_| CohortRoom::read_from(words));
        let cohorts = cohorts.collect::<Option<Vec<_>>>()?;
        let is_time = watermark_ms == NEVER_MS || is_event_time(watermark_ms);
        (is_time && clock <= COUNT_MAX && words.is_empty()).then_some(Self {
            watermark_ms,
            cohorts_end_ms,
            clock,
            keys,
            cohorts,
        })
    }
}
