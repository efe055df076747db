//! The ids of a key that has many.

use super::record::{Forgotten, Id, Kept, Named};
use crate::structures::PodMap;
use crate::times::NEVER_MS;
use crate::words::whole;

/// Most ids of a list: they lie in sixteen cache lines.
pub(super) const LISTED_MAX: usize = 48;

/// Ids that a list first has room for: those of one cache line, which no id then lies across, nor where the
/// room is doubled.
pub(super) const LISTED_MIN: usize = 3;

/// Ids in a table below which it becomes a list again: far from where a list becomes a table.
pub(super) const TABLED_MIN: usize = LISTED_MAX / 2;

/// Most ids of a key, so that a flood to one key cannot fill the lane: 4 million take at most 216 MiB and
/// cover 19 minutes at 3,500 records/s.
pub(super) const IDS_MAX: usize = 4 * 1024 * 1024;

/// More ids than a list holds, found by their hash.
#[derive(Debug)]
pub(crate) struct Tabled {
    pub(super) kept: PodMap<Kept>,
    /// Number of ids at which those past the horizon are looked for.
    pub(super) full_at: usize,
}

impl Tabled {
    /// The same ids as those of a list.
    pub(super) fn of(ids: &[Id]) -> Self {
        let mut kept = PodMap::default();
        for id in ids {
            kept.insert(whole(id.hash), id.kept());
        }
        Self {
            full_at: kept.room(),
            kept,
        }
    }

    /// The same ids as a list.
    pub(super) fn to_list(&self) -> Vec<Id> {
        let mut list = Vec::new();
        list.reserve_exact((2 * self.kept.len()).max(LISTED_MIN));
        let ids = self.kept.iter();
        list.extend(ids.map(|(hash, kept)| Id::of(hash, kept)));
        list
    }

    /// Forgets what is past the horizon; where that leaves more than three quarters of the most there may be,
    /// halves the span that is kept until it does not. Looks again when there are a third more, or no room
    /// for more.
    #[cold]
    pub(super) fn forget(&mut self, named: &Named, ids_max: usize) -> Forgotten {
        self.kept.retain(|_, kept| kept.time_ms >= named.oldest_ms);
        let within = self.kept.len();
        let mut lost_ms = NEVER_MS;
        let mut span_ms = named.newest_ms.saturating_sub(named.oldest_ms);
        while self.kept.len() * 4 > ids_max * 3 {
            if span_ms == 0 {
                self.kept.clear();
                lost_ms = named.newest_ms;
                break;
            }
            span_ms /= 2;
            let oldest_ms = named.newest_ms.saturating_sub(span_ms);
            self.kept.retain(|_, kept| {
                let is_kept = kept.time_ms >= oldest_ms;
                if !is_kept {
                    lost_ms = lost_ms.max(kept.time_ms);
                }
                is_kept
            });
        }
        let left = self.kept.len();
        let full_at = (left + left / 3).max(self.kept.room());
        self.full_at = full_at.clamp(TABLED_MIN, IDS_MAX);
        Forgotten {
            count: (within - left) as u64,
            newest_ms: lost_ms,
        }
    }
}
