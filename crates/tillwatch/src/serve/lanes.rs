//! All lanes of this process: each runs on the thread pool whenever its partition has records.

mod bringing;
mod counting;
mod cutting;
mod errand;
mod from_store;
mod kept;
mod looking_back;
mod making;
mod passed;
mod restoring;
mod shared;
mod slot;
mod spread;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_consumer::{Inlet, LaneHost, LastCall, Position};
use tillwatch_records::TopicPartition;

use super::metrics::Change;
use super::standing::Standing;
use crate::clock;
use bringing::bring_back;
use kept::{KeptLanes, OursBytes};
pub use shared::Shared;
use slot::Slot;
pub use spread::Spread;
use turn::turn;

/// How often lanes are looked at that no records come for: a cut that is under way, a replay.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The lanes of the assigned partitions.
pub struct Lanes {
    shared: Arc<Shared>,
    slots: Mutex<HashMap<TopicPartition, Arc<Slot>>>,
    kept: KeptLanes,
}

impl Lanes {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            slots: Mutex::default(),
            kept: KeptLanes::default(),
        }
    }

    /// Looks after lanes that no records come for, every [`LOOK_INTERVAL`].
    pub fn look(&self) {
        let slots: Vec<Arc<Slot>> = self.slots.lock().values().cloned().collect();
        let now = clock::now();
        for slot in &slots {
            cutting::look(&self.shared, slot, now);
            self.look_at_replay(slot);
        }
        if let Some(keeping) = &self.shared.keeping {
            let keep = keeping.settings.keep_lost;
            let ours = OursBytes {
                held: slots.iter().map(|slot| slot.bytes()).sum(),
                coming: slots.iter().map(|slot| slot.coming_bytes()).sum(),
            };
            self.kept.tidy(now, keep, ours, &keeping.counts);
        }
    }

    /// Shows how far a replay is; it is over as well when no record comes after it.
    fn look_at_replay(&self, slot: &Slot) {
        let standings = &self.shared.standings;
        let Some(Standing::Replaying { total, .. }) = standings.get(slot.source()) else {
            return;
        };
        match slot.inlet.replay_left() {
            Some(0) => self.shared.note_scores(slot.source()),
            left => standings.set(slot.source(), Standing::Replaying { left, total }),
        }
    }

    fn slot(&self, inlet: &Inlet) -> Option<Arc<Slot>> {
        self.slots.lock().get(inlet.source()).map(Arc::clone)
    }

    /// Takes a lane out of everything that knows it.
    fn remove(&self, inlet: &Inlet, change: Change) -> Option<Arc<Slot>> {
        let source = inlet.source();
        let state = self.shared.metrics.state();
        state.count_change(change);
        self.shared.standings.end(source);
        self.shared.metrics.forget_lane(source);
        let slot = self.slots.lock().remove(source)?;
        if let Some(since) = *slot.leaving_since.lock() {
            state.observe_departure(clock::now().duration_since(since));
        }
        slot.end_cuts();
        Some(slot)
    }

    /// Frees a lane that is gone on another thread than the one that reads: a large state takes long, and the
    /// lanes that stay would get no records meanwhile.
    fn let_go(&self, slot: Arc<Slot>) {
        let free = move || drop(slot);
        match &self.shared.keeping {
            Some(keeping) => keeping.restores.spawn_fifo(free),
            None => self.shared.pool.spawn_fifo(free),
        }
    }
}

impl LaneHost for Lanes {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        let source = inlet.source();
        for source in inlet.sources() {
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "partition assigned"
            );
        }
        self.shared.metrics.state().count_change(Change::Assigned);
        let slot = Slot::new(Arc::clone(inlet), self.shared.metrics.lane(source));
        let is_kept = self.shared.keeping.is_some();
        if is_kept {
            slot.gauges.set_cut();
            self.shared.standings.begin(source);
            *slot.kept.lock() = self.kept.take(source);
        }
        self.slots.lock().insert(source.clone(), Arc::new(slot));
        match is_kept {
            true => Position::NotYet,
            false => Position::Committed,
        }
    }

    fn located(&self, inlet: &Arc<Inlet>, source: &TopicPartition, offset: Option<i64>) {
        let Some(slot) = self.slot(inlet) else {
            return;
        };
        let Some(committed) = slot.note_located(source, offset) else {
            return;
        };
        let Some(keeping) = &self.shared.keeping else {
            return;
        };
        let kept = slot.kept.lock().take();
        let shared = Arc::clone(&self.shared);
        keeping
            .restores
            .spawn_fifo(move || bring_back(&shared, &slot, committed, kept));
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        if let Some(slot) = self.slot(inlet) {
            *slot.waiting_since.lock() = clock::now();
            let shared = Arc::clone(&self.shared);
            self.shared.pool.spawn_fifo(move || turn(shared, slot));
        }
    }

    fn leaving(&self, inlets: &[Arc<Inlet>]) {
        for slot in inlets.iter().filter_map(|inlet| self.slot(inlet)) {
            *slot.leaving_since.lock() = Some(clock::now());
        }
        self.shared.sink.settle_soon();
    }

    fn last_call(&self, inlet: &Arc<Inlet>, done: LastCall) {
        if let Some(slot) = self.slot(inlet) {
            cutting::begin_last(&self.shared, &slot, done);
        }
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        for source in inlet.sources() {
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "partition revoked"
            );
        }
        if let Some(slot) = self.remove(inlet, Change::Revoked) {
            self.let_go(slot);
        }
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        for source in inlet.sources() {
            tracing::warn!(
                topic = &*source.topic,
                partition = source.partition,
                "partition lost: the group took it away; what was not committed is scored again elsewhere"
            );
        }
        let ours = self.slots.lock().values().map(|slot| slot.bytes()).sum();
        let Some(slot) = self.remove(inlet, Change::Lost) else {
            return;
        };
        // One that was lost again before it went on is still where it was before.
        let before = slot.kept.lock().take();
        let slot = before.unwrap_or(slot);
        let keeping = self.shared.keeping.as_ref();
        let is_kept = keeping.is_some_and(|keeping| !keeping.settings.keep_lost.is_zero());
        match is_kept && slot.may_go_on() {
            true => self.kept.keep(slot, clock::now(), ours),
            false => self.let_go(slot),
        }
    }
}

#[cfg(test)]
mod tests;
