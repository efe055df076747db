//! How a lane that was assigned gets the state that belongs to the committed offset: the rules of the
//! binary (`crates/tillwatch/src/serve/lanes/bringing.rs`), a step at a time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use tillwatch_consumer::Position;
use tillwatch_records::TopicPartition;
use tillwatch_state_store::{LaneStore, Manifest, SourceMark};

use crate::cutter::Cutter;
use crate::instance::{Common, Instance, lane_id};
use crate::mutant::Mutant;
use crate::oracle::Oracle;
use crate::place;
use crate::slot::{Bringing, Slot, Worker};

/// How often a store that does not answer, or outputs that are under way, are waited for.
const TRIES_MAX: u32 = 3;

/// What is known of snapshots besides what they say: by their makers' marks, whether the lane lacked records.
pub(crate) type Lacking = BTreeMap<String, bool>;

/// Goes on with a lane that is to get its state.
pub(crate) fn bring(
    instance: &mut Instance,
    common: &Common,
    oracles: &[Oracle],
    lacking: &Lacking,
    lane: usize,
    now_ms: i64,
) {
    let store = instance.store.lane(&lane_id(&common.setting, lane));
    let mut lanes = instance.host.lanes.lock();
    let kept = lanes.kept.remove(&lane);
    let Some(slot) = lanes
        .slots
        .get_mut(&lane)
        .filter(|slot| !slot.inlet.is_closed())
    else {
        lanes.kept.extend(kept.map(|kept| (lane, kept)));
        return;
    };
    let job = Job {
        common,
        oracle: &oracles[lane],
        lacking,
        store,
        now_ms,
    };
    let kept = job.go_on(slot, kept);
    lanes.kept.extend(kept.map(|kept| (lane, kept)));
}

struct Job<'a> {
    common: &'a Common,
    oracle: &'a Oracle,
    lacking: &'a Lacking,
    store: LaneStore,
    now_ms: i64,
}

type Kept = Option<(Slot, i64)>;

impl Job<'_> {
    /// One step. Gives back a lane that was kept and is not used yet.
    fn go_on(&self, slot: &mut Slot, kept: Kept) -> Kept {
        match std::mem::replace(&mut slot.bringing, Bringing::Done) {
            Bringing::Located => {
                slot.bringing = Bringing::Located;
                kept
            }
            Bringing::Done => kept,
            Bringing::Looking(tries) => self.look(slot, kept, tries),
            Bringing::Restoring(manifests) => {
                self.restore(slot, manifests);
                kept
            }
        }
    }

    fn look(&self, slot: &mut Slot, kept: Kept, tries: u32) -> Kept {
        let again = Bringing::Looking(tries + 1);
        if let Some((mut held, since)) = kept {
            let has_settled =
                held.inlet.settled().is_some() || self.common.mutant == Some(Mutant::KeepUnsettled);
            if !has_settled && tries < TRIES_MAX {
                slot.bringing = again;
                return Some((held, since));
            }
            if has_settled
                && let Some(worker) = held.worker.take()
                && let Some(positions) = self.positions_of_kept(&worker, &slot.committed())
            {
                self.keep_on(slot, worker, &positions);
                return None;
            }
        }
        let committed = slot.committed();
        if committed.iter().all(Option::is_none) {
            self.begin_without(slot, &committed);
            return None;
        }
        match self
            .store
            .newest_usable(&self.common.meaning, &self.marks(slot, &committed))
        {
            Ok(found) => {
                let usable = found.manifest.into_iter().chain(found.older);
                slot.bringing = Bringing::Restoring(usable.collect());
            }
            Err(_) if tries < TRIES_MAX => slot.bringing = again,
            Err(_) => self.replay(slot, &committed),
        }
        None
    }

    /// A lane that was kept goes on.
    fn keep_on(&self, slot: &mut Slot, mut worker: Worker, positions: &[Position]) {
        let newest = self.store.manifests().ok();
        let newest = newest.and_then(|(manifests, _)| manifests.into_iter().next());
        worker.cutter.go_on_after(newest.as_ref());
        self.count("lanes kept on");
        slot.worker = Some(worker);
        slot.inlet.begin_each(positions);
    }

    /// Where a lane that was kept goes on; `None` where it has taken nothing of a source that others have
    /// read since.
    fn positions_of_kept(
        &self,
        worker: &Worker,
        committed: &[Option<i64>],
    ) -> Option<Vec<Position>> {
        let mutant = self.common.mutant;
        let sources = worker.next.iter().zip(committed);
        let positions = sources.map(|(next, committed)| match (*next, *committed) {
            (Some(_), Some(committed)) if mutant == Some(Mutant::KeepBehind) => {
                Some(Position::From(committed))
            }
            (Some(next), Some(committed)) if committed > next => Some(Position::Replay {
                from: next,
                live: committed,
            }),
            (Some(next), _) => Some(Position::From(next)),
            (None, Some(_)) if mutant != Some(Mutant::KeepUnread) => None,
            (None, _) => Some(Position::Committed),
        });
        positions.collect()
    }

    /// Tries the next snapshot; where none is left, the log is read again.
    fn restore(&self, slot: &mut Slot, mut manifests: VecDeque<Manifest>) {
        let committed = slot.committed();
        let Some(manifest) = manifests.pop_front() else {
            return self.replay(slot, &committed);
        };
        let Some(worker) = self.restored(slot, &committed, &manifest) else {
            self.count("snapshots refused");
            slot.bringing = Bringing::Restoring(manifests);
            return;
        };
        let sources = worker.next.iter().zip(&committed);
        let skips = self.common.mutant == Some(Mutant::SkipReplay);
        let positions = sources.map(|(next, committed)| match (next, committed) {
            (Some(_), Some(live)) if skips => Position::From(*live),
            (Some(from), Some(live)) => Position::Replay {
                from: *from,
                live: *live,
            },
            _ => Position::Committed,
        });
        let positions: Vec<Position> = positions.collect();
        let mut sources = worker.next.iter().zip(&committed);
        self.count(match sources.any(|(next, committed)| next < committed) {
            true => "lanes restored and replayed",
            false => "lanes restored",
        });
        slot.worker = Some(worker);
        slot.inlet.begin_each(&positions);
    }

    fn restored(
        &self,
        slot: &Slot,
        committed: &[Option<i64>],
        manifest: &Manifest,
    ) -> Option<Worker> {
        let common = self.common;
        let parts = self.store.parts(manifest).ok()?;
        let mut lane = place::lane(&common.assembly, common.setting.topics(), 0);
        lane.begin_restore(&parts).ok()?;
        let mut is_whole = true;
        let read = self.store.entries(manifest, &AtomicU64::new(0), |entry| {
            is_whole = lane.restore(entry).is_ok();
            if is_whole {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        read.ok().filter(|_| is_whole)?;
        lane.end_restore().ok()?;
        let marks = manifest.head().sources.iter();
        let now = self.marks(slot, committed);
        let mut others = marks.clone().zip(&now);
        let is_spread_otherwise = others.any(|(then, now)| then.partitions != now.partitions);
        if is_spread_otherwise {
            lane.missed(self.now_ms);
        }
        let lacked = self.lacking.get(&manifest.head().made_by);
        Some(Worker {
            cutter: Cutter::new(self.store.clone(), Some(manifest.clone()), common.mutant),
            lane,
            next: marks.map(|mark| Some(mark.offset)).collect(),
            lacks: is_spread_otherwise || lacked != Some(&false),
        })
    }

    /// Reads the log again from as far back as is needed and allowed.
    fn replay(&self, slot: &mut Slot, committed: &[Option<i64>]) {
        let setting = &self.common.setting;
        let newest = committed.iter().enumerate();
        let newest =
            newest.filter_map(|(topic, offset)| self.oracle.newest_before(topic, (*offset)?));
        let Some(newest_ms) = newest.max().filter(|_| setting.replay_max_ms > 0) else {
            return self.begin_without(slot, committed);
        };
        let back_ms = self.common.needed_ms.min(setting.replay_max_ms);
        let from_ms = newest_ms.saturating_sub(back_ms).max(0);
        let mut positions = Vec::new();
        slot.begun.clear();
        for (topic, (source, committed)) in slot.inlet.sources().zip(committed).enumerate() {
            let start = self.start(source);
            let first = self.oracle.first_at(topic, start, from_ms);
            let replayed = first.zip(*committed).filter(|(first, live)| first < live);
            slot.begun
                .push(replayed.map(|(first, _)| first).or(*committed));
            positions.push(match replayed {
                Some((from, live)) => Position::Replay { from, live },
                None => Position::Committed,
            });
        }
        self.count("lanes replayed");
        slot.inlet.begin_each(&positions);
    }

    /// Every source from where the group has committed on.
    fn begin_without(&self, slot: &mut Slot, committed: &[Option<i64>]) {
        self.count("lanes begun without state");
        slot.begun = committed.to_vec();
        slot.inlet.begin(Position::Committed);
    }

    /// What the group has committed, as snapshots say it.
    fn marks(&self, slot: &Slot, committed: &[Option<i64>]) -> Vec<SourceMark> {
        let is_ahead = self.common.mutant == Some(Mutant::UseAhead);
        let known = slot
            .inlet
            .topic_ids()
            .into_iter()
            .zip(slot.inlet.partitions());
        let sources = slot.inlet.sources().zip(committed).zip(known);
        let marks = sources.map(|((source, committed), (topic_id, partitions))| SourceMark {
            topic: source.topic.to_string(),
            offset: if is_ahead {
                i64::MAX
            } else {
                committed.unwrap_or(0)
            },
            topic_id,
            partitions: partitions.and_then(|count| i32::try_from(count).ok()),
        });
        marks.collect()
    }

    fn count(&self, what: &'static str) {
        self.common.shared.lock().count(what);
    }

    fn start(&self, source: &TopicPartition) -> i64 {
        self.common.shared.lock().broker.bounds(source).start
    }
}
