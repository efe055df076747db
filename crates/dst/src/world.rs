//! All of it: instances, the broker, the store, the clock.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tillwatch_engine::Assembly;
use tillwatch_state_store::{LaneStore, Manifest, StateStore};

use crate::bring::{Lacking, bring};
use crate::coordinator::{Coordinator, Shared};
use crate::cutter::{JOBS_MAX, Written, offsets};
use crate::dice::mix;
use crate::group::Member;
use crate::instance::{Common, Instance, lane_id};
use crate::mutant::Mutant;
use crate::objects::{Door, Mood, Objects};
use crate::oracle::{Held, Oracle};
use crate::place;
use crate::setting::{BEGIN_MS, Setting};
use crate::slot::Slot;
use crate::traffic;
use crate::violation::Violation;

/// Instances at one time.
const INSTANCES_MAX: usize = 3;

/// How long a member may be silent, in milliseconds.
const SESSION_MS: i64 = 45_000;

/// Partitions of a topic.
const LANES_MAX: usize = 5;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) common: Common,
    pub(crate) oracles: Vec<Oracle>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) now_ms: i64,
    /// What is known of snapshots.
    pub(crate) lacking: Lacking,
    /// Looks into the store whatever faults there are.
    pub(crate) witness: StateStore,
    started: Member,
    cuts: u64,
    /// Members that died, and when: the group waits for them until their sessions are over.
    dead: Vec<(Member, i64)>,
}

impl World {
    pub(crate) fn new(
        assembly: &Arc<Assembly>,
        seed: u64,
        setting: Setting,
        mutant: Option<Mutant>,
    ) -> Result<Self, Violation> {
        let shared: Shared = Arc::new(Coordinator::new(setting.is_exactly_once, mutant).into());
        let objects = Arc::<Objects>::default();
        let witness = StateStore::with(Arc::new(Door::new(&objects)), "state");
        let witness = witness.map_err(|error| Violation::Failed {
            what: error.to_string(),
        })?;
        let (partitions, instances) = (setting.partitions, setting.instances);
        let mut world = Self {
            seed,
            common: Common {
                assembly: Arc::clone(assembly),
                setting,
                shared,
                objects,
                meaning: assembly.lane(0).meaning(),
                needed_ms: place::needed_ms(assembly),
                mutant,
            },
            oracles: Vec::new(),
            instances: Vec::new(),
            now_ms: BEGIN_MS,
            lacking: Lacking::new(),
            witness,
            started: 0,
            cuts: 0,
            dead: Vec::new(),
        };
        for _ in 0..partitions {
            world.widen();
        }
        for _ in 0..instances {
            world.start()?;
        }
        world.pass(0);
        Ok(world)
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.common.shared.lock().count(what);
    }

    /// What was found since the last look.
    pub(crate) fn look(&mut self) -> Result<(), Violation> {
        let found = self.common.shared.lock().violations.drain(..).next();
        if let Some(violation) = found {
            return Err(violation);
        }
        for instance in &self.instances {
            let lanes = instance.host.lanes.lock();
            if lanes.kept.len() > instance.lanes_max {
                return Err(Violation::Bound {
                    what: "lanes that are kept",
                    found: lanes.kept.len() as u64,
                    most: instance.lanes_max as u64,
                });
            }
            let jobs = |slot: &Slot| {
                slot.worker
                    .as_ref()
                    .map_or(0, |worker| worker.cutter.jobs())
            };
            let most = lanes.slots.values().map(jobs).max().unwrap_or(0);
            if most > JOBS_MAX + 1 {
                return Err(Violation::Bound {
                    what: "what waits for the store",
                    found: most as u64,
                    most: JOBS_MAX as u64 + 1,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn start(&mut self) -> Result<(), Violation> {
        if self.instances.len() < INSTANCES_MAX {
            self.started += 1;
            let lanes = self.oracles.len();
            let started = Instance::start(&self.common, self.started, self.now_ms, lanes)?;
            self.instances.push(started);
        }
        Ok(())
    }

    /// One more partition.
    pub(crate) fn widen(&mut self) {
        let lane = self.oracles.len();
        if lane >= LANES_MAX || (lane > 0 && self.common.setting.is_merged) {
            return;
        }
        let topics = self.common.setting.topics();
        self.oracles
            .push(Oracle::new(&self.common.assembly, topics, lane as i32));
        self.common.shared.lock().group.add_lane();
        for instance in &mut self.instances {
            instance.describe(&self.common.setting, lane + 1);
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now_ms += ms as i64;
        self.common
            .objects
            .set_clock((self.now_ms - BEGIN_MS) as u64);
        let now_ms = self.now_ms;
        for (member, _) in self
            .dead
            .extract_if(.., |(_, at_ms)| now_ms - *at_ms > SESSION_MS)
        {
            self.common.shared.lock().group.remove(member);
        }
        let keep_ms = self.common.setting.keep_lost_ms;
        for instance in &mut self.instances {
            instance.pass(Duration::from_millis(ms), self.now_ms);
            tidy(instance, self.now_ms, keep_ms);
        }
    }

    /// Sends records, each at a time of its own.
    pub(crate) fn append(
        &mut self,
        lane: usize,
        topic: usize,
        records: usize,
        ms: u64,
    ) -> Result<(), Violation> {
        let lane = lane % self.oracles.len();
        let oracle = &mut self.oracles[lane];
        let sources = oracle.sources();
        let topic = topic % sources.len();
        let source = &sources[topic];
        let mut new = Vec::with_capacity(records);
        // Times differ, so that the order of merged topics is that in which records were sent.
        self.now_ms += 1;
        for record in 0..records {
            let at_ms = self.now_ms + (ms as i64 * record as i64 / records as i64) + record as i64;
            new.push(traffic::record(
                self.seed,
                source,
                oracle.log(topic),
                &new,
                at_ms,
            ));
        }
        let expected = oracle.append(topic, new.clone());
        let expected = expected.map_err(|error| Violation::Failed {
            what: format!("the uninterrupted lane: {error}"),
        })?;
        let mut shared = self.common.shared.lock();
        shared.expect(source, expected);
        for record in new {
            shared.broker.append(source, record);
        }
        drop(shared);
        self.pass(ms + records as u64);
        Ok(())
    }

    /// Lets a lane go on towards its state.
    pub(crate) fn bring(&mut self, at: usize, lane: usize) {
        let (common, oracles) = (&self.common, &self.oracles);
        let instance = &mut self.instances[at];
        bring(instance, common, oracles, &self.lacking, lane, self.now_ms);
    }

    /// Begins a cut of a lane that takes records.
    pub(crate) fn cut(&mut self, at: usize, lane: usize) -> Result<(), Violation> {
        self.cuts += 1;
        let made_by = self.cuts.to_string();
        let instance = &mut self.instances[at];
        let late = self.common.mutant == Some(Mutant::LateCut);
        let head = {
            let lanes = instance.host.lanes.lock();
            let Some(slot) = lanes.slots.get(&lane).filter(|slot| slot.leaving.is_none()) else {
                return Ok(());
            };
            instance.head(&self.common, slot, made_by)
        };
        if late {
            instance.work(&self.common, &self.oracles, lane)?;
        }
        let mut lanes = instance.host.lanes.lock();
        let slot = lanes.slots.get_mut(&lane);
        if let Some(worker) = slot.and_then(|slot| slot.worker.as_mut())
            && worker.cutter.may_begin(&worker.lane, &offsets(&head))
        {
            self.lacking.insert(head.made_by.clone(), worker.lacks);
            worker.cutter.begin(&mut worker.lane, head);
            self.common.shared.lock().count("cuts begun");
        }
        Ok(())
    }

    /// A slice of the cut of a lane, of its last one if it leaves.
    pub(crate) fn slice(&mut self, at: usize, lane: usize, keys: usize, leaves: bool) {
        self.cuts += 1;
        let made_by = self.cuts.to_string();
        let instance = &self.instances[at];
        let mut lanes = instance.host.lanes.lock();
        let Some(slot) = lanes.slots.get_mut(&lane) else {
            return;
        };
        let head = instance.head(&self.common, slot, made_by);
        let Slot {
            worker: Some(worker),
            leaving,
            ..
        } = slot
        else {
            slot.leaving = None;
            return;
        };
        if leaving.as_ref().is_some_and(|call| !call.is_awaited()) {
            *leaving = None;
        }
        if leaving.is_some() {
            self.lacking.insert(head.made_by.clone(), worker.lacks);
            worker.cutter.finish(&mut worker.lane, &head, keys, leaving);
        } else {
            worker.cutter.slice(&mut worker.lane, keys, leaves, &head);
        }
    }

    pub(crate) fn give_up_cut(&mut self, at: usize, lane: usize) {
        let mut lanes = self.instances[at].host.lanes.lock();
        let slot = lanes
            .slots
            .get_mut(&lane)
            .filter(|slot| slot.leaving.is_none());
        if let Some(worker) = slot.and_then(|slot| slot.worker.as_mut()) {
            worker.cutter.give_up(&mut worker.lane);
        }
    }

    /// Writes what is next of a lane's cut.
    pub(crate) fn upload(&mut self, at: usize, lane: usize) -> Result<(), Violation> {
        let mut lanes = self.instances[at].host.lanes.lock();
        let slot = lanes.slots.get_mut(&lane);
        let Some(worker) = slot.and_then(|slot| slot.worker.as_mut()) else {
            return Ok(());
        };
        let manifest = match worker.cutter.write() {
            Written::Nothing => return Ok(()),
            Written::Failed => {
                self.common.shared.lock().count("writes failed");
                return Ok(());
            }
            Written::Stored(manifest) => manifest,
        };
        drop(lanes);
        self.count("snapshots written");
        if self.is_sample() {
            self.compare(lane, &manifest)?;
        }
        Ok(())
    }

    pub(crate) fn merge(&mut self, at: usize, lane: usize) {
        let mut lanes = self.instances[at].host.lanes.lock();
        let slot = lanes.slots.get_mut(&lane);
        if let Some(worker) = slot.and_then(|slot| slot.worker.as_mut()) {
            worker.cutter.merge();
        }
    }

    pub(crate) fn collect(&mut self, at: usize, lane: usize, grace_ms: u64) {
        let lanes = self.instances[at].host.lanes.lock();
        let worker = lanes.slots.get(&lane).and_then(|slot| slot.worker.as_ref());
        let Some(cutter) = worker.map(|worker| &worker.cutter) else {
            return;
        };
        let Some(own) = cutter.stored() else {
            return;
        };
        let mut committed = own.head().sources.clone();
        let shared = self.common.shared.lock();
        for (mark, source) in committed.iter_mut().zip(self.common.setting.sources(lane)) {
            mark.offset = shared.broker.committed(&source).unwrap_or(0);
        }
        drop(shared);
        let meaning = &self.common.meaning;
        let is_usable = |manifest: &Manifest| manifest.may_be_used(meaning, &committed);
        // What fails is tried again.
        let _ = cutter
            .writer()
            .collect(Duration::from_millis(grace_ms), is_usable);
    }

    /// An instance dies.
    pub(crate) fn crash(&mut self, at: usize, lands: bool) {
        let mut instance = self.instances.remove(at);
        self.dead.push((instance.member, self.now_ms));
        self.count("instances died");
        if lands && !self.common.setting.is_exactly_once {
            while instance.deliver(&self.common, 0, true) {}
        }
    }

    pub(crate) fn set_mood(&mut self, at: usize, mood: Mood) {
        self.instances[at].door.set_mood(mood);
    }

    /// Compares a snapshot with what the records before its position make.
    pub(crate) fn compare(&mut self, lane: usize, manifest: &Manifest) -> Result<(), Violation> {
        if self.lacking.get(&manifest.head().made_by) != Some(&false) {
            return Ok(());
        }
        let store = self.witness.lane(&lane_id(&self.common.setting, lane));
        // One that was damaged since is nobody's fault.
        let Some(found) = read(&store, manifest) else {
            return Ok(());
        };
        self.count("snapshots compared");
        let positions = offsets(manifest.head());
        let expected = self.oracles[lane].fold(&positions);
        let expected = expected.map_err(|error| Violation::Failed {
            what: format!("the uninterrupted lane: {error}"),
        })?;
        match found.difference(&expected) {
            None => Ok(()),
            Some(difference) => Err(Violation::Snapshot {
                name: manifest.name(),
                difference,
            }),
        }
    }

    /// Comparing takes long: some of the snapshots are compared.
    fn is_sample(&self) -> bool {
        mix(self.seed, self.cuts).is_multiple_of(3)
    }
}

/// All that a snapshot says; `None` if it cannot be read.
pub(crate) fn read(store: &LaneStore, manifest: &Manifest) -> Option<Held> {
    let mut held = Held {
        parts: store.parts(manifest).ok()?,
        ..Held::default()
    };
    held.parts.sort_by(|one, other| one.name.cmp(&other.name));
    let entries = store.entries(manifest, &AtomicU64::new(0), |entry| {
        if let Some(image) = entry.image {
            let key = (entry.space, entry.hash, entry.key.to_vec());
            held.images.insert(key, image.to_vec());
        }
        ControlFlow::Continue(())
    });
    entries.ok()?;
    Some(held)
}

/// Forgets lanes that were kept for too long, and the oldest of too many.
fn tidy(instance: &mut Instance, now_ms: i64, keep_ms: i64) {
    let mut lanes = instance.host.lanes.lock();
    lanes
        .kept
        .retain(|_, (_, since_ms)| now_ms - *since_ms < keep_ms);
    let room = instance.lanes_max.saturating_sub(lanes.slots.len());
    while lanes.kept.len() > room {
        let oldest = lanes.kept.iter().min_by_key(|(_, (_, since_ms))| *since_ms);
        let Some(oldest) = oldest.map(|(lane, _)| *lane) else {
            return;
        };
        lanes.kept.remove(&oldest);
    }
}
