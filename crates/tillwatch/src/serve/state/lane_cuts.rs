//! What a lane and the thread that writes its cuts share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_state_store::{LaneId, LaneStore, LaneWriter, Manifest, StoreError};

use super::backoff::Backoff;
use crate::serve::metrics::CutGauges;

/// The cuts of one lane on their way to the store.
pub struct LaneCuts {
    id: LaneId,
    store: LaneStore,
    writer: Mutex<Writer>,
    /// That of `writer`, for the lane, which does not wait for the thread.
    generation: AtomicU64,
    pub(super) gauges: Arc<CutGauges>,
    /// It waits for the thread that keeps the store in order.
    pub(super) is_kept_in_order: AtomicBool,
    standing: Mutex<Standing>,
}

/// Used by the thread that writes, and replaced by the lane that begins anew.
struct Writer {
    writer: LaneWriter,
    /// Counts how often it was replaced: what was handed over for an older one is of no use.
    generation: u64,
}

#[derive(Debug, Default)]
struct Standing {
    /// The newest cut that is in the store.
    stored: Option<Manifest>,
    /// A cut that is whole is waiting to be stored.
    is_busy: bool,
    /// One that waited is given up: its position is in no stored cut.
    is_dropped: bool,
    /// What was written before is of no use for the next cut: it must hold everything.
    must_begin_anew: bool,
    /// No cut begins earlier.
    not_before: Option<Instant>,
    backoff: Backoff,
    /// The lane is gone: nothing is tried again.
    is_over: bool,
    /// When the store was last cleaned up.
    cleaned: Option<Instant>,
}

impl LaneCuts {
    /// Of a lane that goes on from the cut `after`, if from any.
    pub fn new(
        id: LaneId,
        store: LaneStore,
        after: Option<Manifest>,
        gauges: Arc<CutGauges>,
    ) -> Self {
        if let Some(manifest) = &after {
            gauges.set_stored_bytes(manifest.bytes());
        }
        Self {
            writer: Mutex::new(Writer {
                writer: store.writer(after.clone()),
                generation: 0,
            }),
            generation: AtomicU64::new(0),
            is_kept_in_order: AtomicBool::new(false),
            standing: Mutex::new(Standing {
                stored: after,
                ..Standing::default()
            }),
            id,
            store,
            gauges,
        }
    }

    /// Which lane it is.
    pub fn id(&self) -> &LaneId {
        &self.id
    }

    /// The newest cut that is in the store.
    pub fn stored(&self) -> Option<Manifest> {
        self.standing.lock().stored.clone()
    }

    /// Whether the newest stored cut is of the position `offsets`, one for each source.
    pub fn holds(&self, offsets: &[i64]) -> bool {
        let standing = self.standing.lock();
        let stored = standing.stored.as_ref();
        stored.is_some_and(|manifest| {
            let marks = manifest.head().sources.iter().map(|mark| mark.offset);
            marks.eq(offsets.iter().copied())
        })
    }

    /// The lane is gone, perhaps for a while: a cut that could not be stored is not tried again.
    pub fn end(&self) {
        self.standing.lock().is_over = true;
    }

    /// The lane is back: see [`LaneCuts::end`].
    pub fn resume(&self) {
        self.standing.lock().is_over = false;
    }

    /// The lane goes on after it was kept without its partition. Unless the newest snapshot in the store is
    /// its own, another owner may have cleaned up what its next cut would name: that must hold everything.
    pub fn go_on_after(&self, newest: Option<&Manifest>) {
        let name = |manifest: &Manifest| manifest.name();
        if newest.map(name) != self.stored().as_ref().map(name) {
            self.standing.lock().must_begin_anew = true;
        }
    }

    /// Whether a cut may begin.
    pub(super) fn may_begin(&self, now: Instant) -> bool {
        let standing = self.standing.lock();
        !standing.is_busy && standing.not_before.is_none_or(|at| now >= at)
    }

    /// Whether the next cut must hold everything.
    pub fn must_begin_anew(&self) -> bool {
        self.standing.lock().must_begin_anew
    }

    /// The next cut holds everything: it goes on from nothing. Not while the thread is at work on this lane:
    /// then nothing has changed.
    pub(super) fn begin_anew(&self) -> bool {
        let Some(mut writer) = self.writer.try_lock() else {
            return false;
        };
        writer.writer = self.store.writer(None);
        writer.generation += 1;
        self.gauges.set_waiting_bytes(0);
        self.generation.store(writer.generation, Ordering::Release);
        self.standing.lock().must_begin_anew = false;
        true
    }

    /// Which generation of the writer the lane cuts for.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Lets `work` use the writer, if it is still that of `generation`.
    pub(super) fn write<T>(
        &self,
        generation: u64,
        work: impl FnOnce(&mut LaneWriter) -> T,
    ) -> Option<T> {
        let mut writer = self.writer.lock();
        if writer.generation != generation {
            return None;
        }
        let done = work(&mut writer.writer);
        self.gauges.set_waiting_bytes(writer.writer.held_bytes());
        Some(done)
    }

    /// Whether a whole cut is on its way.
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.standing.lock().is_busy = is_busy;
    }

    pub(super) fn is_over(&self) -> bool {
        self.standing.lock().is_over
    }

    /// The whole cut that was to be stored again is given up.
    pub(super) fn note_dropped(&self) {
        let mut standing = self.standing.lock();
        standing.is_busy = false;
        standing.is_dropped = true;
    }

    /// Whether a whole cut was given up since this was last asked.
    pub(super) fn take_dropped(&self) -> bool {
        std::mem::take(&mut self.standing.lock().is_dropped)
    }

    /// Whether a whole cut is on its way.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.standing.lock().is_busy
    }

    /// A cut is in the store.
    pub(super) fn note_stored(&self, manifest: Manifest) {
        self.gauges.note_stored();
        self.gauges.set_stored_bytes(manifest.bytes());
        let mut standing = self.standing.lock();
        standing.stored = Some(manifest);
        standing.is_busy = false;
        standing.not_before = None;
        standing.backoff = Backoff::default();
    }

    /// The cut that was on its way is given up, and what was written of this lane is of no use, for the
    /// reason that `error` says: from some time on a cut may begin that holds everything.
    pub(super) fn note_broken(&self, error: &StoreError, now: Instant) {
        let mut standing = self.standing.lock();
        standing.is_busy = false;
        standing.must_begin_anew = true;
        let is_first = standing.backoff == Backoff::default();
        let wait = standing.backoff.next_wait();
        standing.not_before = Some(now + wait);
        if matches!(error, StoreError::Gone { .. }) {
            // The newest cut may name what is lost.
            standing.stored = None;
            // The store answers. Only one that loses things again and again is waited for.
            if is_first {
                standing.not_before = None;
            }
        }
    }

    /// When to try again to store the cut that is on its way.
    pub(super) fn try_again_at(&self, now: Instant) -> Instant {
        let wait = self.standing.lock().backoff.next_wait();
        now + wait
    }

    /// Whether it is time to clean the lane's objects up, which is taken note of.
    pub(super) fn is_to_be_cleaned(&self, now: Instant, interval: Duration) -> bool {
        let cleaned = &mut self.standing.lock().cleaned;
        // The first time only after a while: a start has better things to do.
        let since = *cleaned.get_or_insert(now);
        let is_due = now.duration_since(since) >= interval;
        if is_due {
            *cleaned = Some(now);
        }
        is_due
    }
}
