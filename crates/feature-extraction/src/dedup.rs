//! Which event ids were seen lately.
//!
//! Cost: one look-up per record; O(1) amortised to forget. Space: about 17 to 34 bytes per record of
//! the horizon. Only 64-bit hashes are kept: two of a million ids are taken for one about once in
//! 40 million such horizons.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Most ids that are remembered per lane, so that a flood cannot exhaust memory: 4 million take at
/// most 136 MiB and cover 19 minutes at 3,500 records/s of one partition. Beyond, the older half of
/// the horizon is forgotten early.
const IDS_MAX: usize = 4 * 1024 * 1024;

/// Bytes per id at the least load of the table.
const ID_BYTES: usize = 34;

/// Event ids within the horizon.
#[derive(Debug)]
pub(crate) struct Dedup {
    /// Hash of key and id, event time of its last accepted record.
    seen: HashTable<(u64, i64)>,
    horizon_ms: i64,
    ids_max: usize,
}

impl Dedup {
    /// Remembers ids for `horizon_ms` in at most about `bytes_max`.
    pub(crate) fn new(horizon_ms: i64, bytes_max: usize) -> Self {
        Self {
            seen: HashTable::new(),
            horizon_ms,
            ids_max: (bytes_max / ID_BYTES).clamp(64, IDS_MAX),
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.allocation_size()
    }

    /// Brings the entry of `id` into the processor's reach.
    #[inline]
    pub(crate) fn touch(&self, id: u64) -> bool {
        self.seen.find(id, |(known, _)| *known == id).is_some()
    }

    /// Whether an accepted record with `id` lies within the horizon before `watermark_ms`.
    #[inline]
    pub(crate) fn is_known(&self, id: u64, watermark_ms: i64) -> bool {
        let oldest = watermark_ms.saturating_sub(self.horizon_ms);
        self.seen
            .find(id, |(known, _)| *known == id)
            .is_some_and(|(_, time)| *time >= oldest)
    }

    /// Remembers `id` of an accepted record at `time_ms`.
    #[inline]
    pub(crate) fn remember(&mut self, id: u64, time_ms: i64, watermark_ms: i64) {
        if self.seen.len() == self.seen.capacity() || self.seen.len() >= self.ids_max {
            self.forget(watermark_ms);
        }
        match self
            .seen
            .entry(id, |(known, _)| *known == id, |(known, _)| *known)
        {
            Entry::Occupied(mut known) => known.get_mut().1 = time_ms,
            Entry::Vacant(free) => {
                free.insert((id, time_ms));
            }
        }
    }

    /// Drops what is past the horizon; grows if that frees less than a quarter, or, at the limit,
    /// halves the span that is kept until enough is free.
    #[cold]
    fn forget(&mut self, watermark_ms: i64) {
        let mut span_ms = self.horizon_ms;
        loop {
            let oldest = watermark_ms.saturating_sub(span_ms);
            self.seen.retain(|(_, time)| *time >= oldest);
            if self.seen.len() * 4 <= self.ids_max * 3 {
                break;
            }
            if span_ms == 0 {
                self.seen.clear();
                break;
            }
            span_ms /= 2;
        }
        if self.seen.len() * 4 > self.seen.capacity() * 3 {
            let more = self.seen.capacity().max(16);
            self.seen.reserve(more, |(known, _)| *known);
        }
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
        let mut dedup = Dedup::new(i64::MAX / 4, 34 * 1_000);
        for id in 0..50_000u64 {
            let time = id as i64;
            dedup.remember(id.wrapping_mul(0x9e37_79b9_7f4a_7c15), time, time);
            assert!(dedup.seen.len() <= 1_000);
        }
        assert!(dedup.bytes() <= 64 * 1_024);
    }
}
