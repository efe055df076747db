//! Which event ids were seen lately.
//!
//! Cost: one look-up per record; O(1) amortised to forget. Space: 21 to 43 bytes per record of the
//! horizon. Only 64-bit hashes are kept: two of a million ids are taken for one about once in
//! 40 million such horizons.

use crate::structures::PodMap;
use crate::words::take;

/// Most ids that are remembered per lane, so that a flood cannot exhaust memory: 4 million take at
/// most 171 MiB and cover 19 minutes at 3,500 records/s of one partition. Beyond, the older half of
/// the horizon is forgotten early.
const IDS_MAX: usize = 4 * 1024 * 1024;

/// Bytes per id at the least load of the table.
const ID_BYTES: usize = 43;

/// Ids that are let in before the first look at which are past the horizon.
const IDS_MIN: usize = 16;

/// Event ids within the horizon.
#[derive(Debug)]
pub(crate) struct Dedup {
    /// Event time of the last accepted record with this hash of key and id.
    seen: PodMap<i64>,
    horizon_ms: i64,
    ids_max: usize,
    /// Number of ids at which those past the horizon are looked for.
    full_at: usize,
}

impl Dedup {
    /// Remembers ids for `horizon_ms` in at most about `bytes_max`.
    pub(crate) fn new(horizon_ms: i64, bytes_max: usize) -> Self {
        Self {
            seen: PodMap::default(),
            horizon_ms,
            ids_max: (bytes_max / ID_BYTES).clamp(64, IDS_MAX),
            full_at: IDS_MIN,
        }
    }

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.seen.bytes()
    }

    /// Brings the entry of `id` into the processor's reach.
    #[inline]
    pub(crate) fn touch(&self, id: u64) -> bool {
        id != 0 && self.seen.get(id).is_some()
    }

    /// Whether an accepted record with `id` lies within the horizon before `watermark_ms`.
    #[inline]
    pub(crate) fn is_known(&self, id: u64, watermark_ms: i64) -> bool {
        let oldest = watermark_ms.saturating_sub(self.horizon_ms);
        self.seen.get(id).is_some_and(|time_ms| time_ms >= oldest)
    }

    /// Remembers `id` of an accepted record at `time_ms`.
    #[inline]
    pub(crate) fn remember(&mut self, id: u64, time_ms: i64, watermark_ms: i64) {
        if self.seen.len() >= self.full_at {
            self.forget(watermark_ms);
        }
        self.seen.insert(id, time_ms);
    }

    /// Drops what is past the horizon; at the limit, halves the span that is kept until enough is
    /// free. Looks again when there are a third more, or no room for more.
    #[cold]
    fn forget(&mut self, watermark_ms: i64) {
        let mut span_ms = self.horizon_ms;
        loop {
            let oldest = watermark_ms.saturating_sub(span_ms);
            self.seen.retain(|_, time_ms| time_ms >= oldest);
            if self.seen.len() * 4 <= self.ids_max * 3 {
                break;
            }
            if span_ms == 0 {
                self.seen.clear();
                break;
            }
            span_ms /= 2;
        }
        let more = (self.seen.len() / 3).max(IDS_MIN);
        let full_at = (self.seen.len() + more).max(self.seen.room());
        self.full_at = full_at.min(self.ids_max);
    }

    /// Appends everything as words.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        out.push(self.full_at as u32);
        self.seen.write(out);
    }

    /// Puts what was written in the place of what is remembered; nothing when it cannot have been.
    pub(crate) fn read_from(&mut self, words: &mut &[u32]) -> Option<()> {
        let full_at = take(words)? as usize;
        let seen = PodMap::read_from(words)?;
        (seen.len() <= IDS_MAX && full_at <= IDS_MAX).then_some(())?;
        self.full_at = full_at.min(self.ids_max);
        self.seen = seen;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_past_the_horizon() {
        let mut dedup = Dedup::new(100, 1 << 20);
        dedup.remember(7, 1_000, 1_000);
        assert!(dedup.is_known(7, 1_100));
        assert!(!dedup.is_known(7, 1_101));
        assert!(!dedup.is_known(8, 1_000));
    }

    #[test]
    fn stays_within_its_limit() {
        let mut dedup = Dedup::new(i64::MAX / 4, ID_BYTES * 1_000);
        for id in 1..50_000u64 {
            let time = id as i64;
            dedup.remember(id.wrapping_mul(0x9e37_79b9_7f4a_7c15), time, time);
            assert!(dedup.seen.len() <= 1_000);
        }
        assert!(dedup.bytes() <= 64 * 1_024, "{}", dedup.bytes());
    }
}
