//! Steps as they happen, and how everything comes to rest at the end.

use tillwatch_state_store::{Refused, StoreError, Why};

use crate::cutter::offsets;
use crate::instance::lane_id;
use crate::objects::Objects;
use crate::step::Step;
use crate::violation::Violation;
use crate::world::{World, read};

/// Rounds after which everything must have come to rest.
const ROUNDS_MAX: usize = 400;

/// What is written of a lane's cut while it works as it does when nothing is wrong.
const FLOW_JOBS: usize = 3;

impl World {
    /// Lets a step happen.
    pub(crate) fn apply(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Append {
                lane,
                topic,
                records,
                ms,
            } => self.append(lane, topic, records, ms)?,
            Step::Tick { ms } => self.pass(ms),
            Step::Start => self.start()?,
            Step::Rebalance => self.common.shared.lock().group.turn(),
            Step::Widen => self.widen(),
            Step::Damage { at, how } => self.common.objects.damage(at, how),
            Step::Retain { lane, records } => self.retain(lane, records),
            Step::Work { at }
            | Step::Bring { at }
            | Step::Cut { at }
            | Step::Slice { at, .. }
            | Step::Upload { at }
            | Step::GiveUp { at }
            | Step::Merge { at }
            | Step::Collect { at, .. } => {
                let places = self.places();
                if let Some((at, lane)) = places.get(at % places.len().max(1)) {
                    self.apply_to_lane(step, *at, *lane)?;
                }
            }
            Step::Flow {
                at: 0,
                rounds,
                cuts,
                delivers,
            } => {
                for _ in 0..rounds {
                    for at in 0..self.instances.len() {
                        self.flow(at, cuts, delivers)?;
                    }
                }
            }
            Step::Heartbeat { at }
            | Step::Turn { at }
            | Step::Show { at }
            | Step::Deliver { at, .. }
            | Step::Commit { at }
            | Step::Answer { at, .. }
            | Step::Flow { at, .. }
            | Step::Crash { at, .. }
            | Step::Doom { at, .. }
            | Step::Expire { at }
            | Step::Store { at, .. } => {
                if !self.instances.is_empty() {
                    self.apply_to(step, at % self.instances.len(), at / 7)?;
                }
            }
        }
        self.bury();
        self.look()
    }

    /// A step of the instance `at`; `pick` says of which of several things there.
    fn apply_to(&mut self, step: Step, at: usize, pick: usize) -> Result<(), Violation> {
        let common = &self.common;
        let instance = &mut self.instances[at];
        match step {
            Step::Heartbeat { .. } => instance.heartbeat(common),
            Step::Turn { .. } => instance.turn(common)?,
            Step::Show { .. } if !common.setting.is_exactly_once => {
                instance.deliver(common, pick, false);
            }
            Step::Deliver { batches, .. } => self.deliver(at, pick, batches),
            Step::Commit { .. } => instance.source.commit(),
            Step::Answer { refused, .. } => {
                let member = instance.member;
                common.shared.lock().answer(member, refused);
            }
            Step::Flow {
                rounds,
                cuts,
                delivers,
                ..
            } => {
                for _ in 0..rounds {
                    self.flow(at, cuts, delivers)?;
                }
            }
            Step::Crash { lands, .. } => self.crash(at, lands),
            Step::Doom { calls, .. } => instance.door.die_after(calls),
            Step::Expire { .. } => common.shared.lock().group.remove(instance.member),
            Step::Store { mood, .. } => self.set_mood(at, mood),
            _ => {}
        }
        Ok(())
    }

    /// All lanes, each with the instance that has it.
    fn places(&self) -> Vec<(usize, usize)> {
        let instances = self.instances.iter().enumerate();
        let places = instances
            .flat_map(|(at, instance)| instance.lanes().into_iter().map(move |lane| (at, lane)));
        places.collect()
    }

    fn apply_to_lane(&mut self, step: Step, at: usize, lane: usize) -> Result<(), Violation> {
        match step {
            Step::Work { .. } => {
                self.instances[at].work(&self.common, &self.oracles, lane)?;
            }
            Step::Bring { .. } => self.bring(at, lane),
            Step::Cut { .. } => self.cut(at, lane)?,
            Step::Slice { keys, leaves, .. } => self.slice(at, lane, keys, leaves),
            Step::Upload { .. } => self.upload(at, lane)?,
            Step::GiveUp { .. } => self.give_up_cut(at, lane),
            Step::Merge { .. } => self.merge(at, lane),
            Step::Collect { grace_ms, .. } => self.collect(at, lane, grace_ms),
            _ => {}
        }
        Ok(())
    }

    /// Instances that died in the middle of a call of the store are gone.
    fn bury(&mut self) {
        while let Some(at) = self
            .instances
            .iter()
            .position(|instance| instance.door.is_dead())
        {
            self.crash(at, false);
        }
    }

    fn deliver(&mut self, at: usize, pick: usize, batches: usize) {
        let instance = &mut self.instances[at];
        if self.common.setting.is_exactly_once {
            instance.end_transaction(&self.common, batches);
        } else {
            for _ in 0..batches {
                instance.deliver(&self.common, pick, true);
            }
        }
    }

    /// The oldest records of a lane are deleted.
    fn retain(&mut self, lane: usize, records: usize) {
        let lane = lane % self.oracles.len();
        for source in self.common.setting.sources(lane) {
            let shared = self.common.shared.lock();
            let start = shared.broker.bounds(&source).start;
            shared.broker.forget_before(&source, start + records as i64);
        }
    }

    /// All of an instance works once, as it does when nothing is wrong.
    fn flow(&mut self, at: usize, cuts: bool, delivers: bool) -> Result<(), Violation> {
        self.instances[at].heartbeat(&self.common);
        self.instances[at].turn(&self.common)?;
        for lane in self.instances[at].lanes() {
            self.bring(at, lane);
            while self.instances[at].work(&self.common, &self.oracles, lane)? {}
            if cuts {
                self.cut(at, lane)?;
            }
            for _ in 0..FLOW_JOBS {
                self.slice(at, lane, 64, true);
                self.upload(at, lane)?;
            }
        }
        if delivers {
            let pending = self.instances[at].deliveries.len();
            self.deliver(at, 0, pending);
            let instance = &mut self.instances[at];
            instance.source.commit();
            while self.common.shared.lock().answer(instance.member, false) {}
        }
        self.instances[at].turn(&self.common)?;
        self.pass(50);
        Ok(())
    }

    /// Ends all faults, and lets everything come to rest. Then it must be right.
    pub(crate) fn rest(&mut self) -> Result<(), Violation> {
        for instance in &self.instances {
            instance.door.heal();
        }
        if self.instances.is_empty() {
            self.start()?;
        }
        let mut rounds = 0;
        while let Some(what) = self.open() {
            rounds += 1;
            if rounds > ROUNDS_MAX {
                return Err(Violation::Restless { what });
            }
            for at in 0..self.instances.len() {
                self.flow(at, false, true)?;
                self.look()?;
            }
            self.expire_the_dead();
        }
        self.common.shared.lock().look_for_gaps();
        self.look()?;
        self.cut_all()
    }

    /// Members that are no instances any more are dead.
    fn expire_the_dead(&mut self) {
        let alive: Vec<_> = self
            .instances
            .iter()
            .map(|instance| instance.member)
            .collect();
        self.common.shared.lock().group.keep(&alive);
    }

    /// What is still open, in words.
    fn open(&self) -> Option<String> {
        let shared = self.common.shared.lock();
        if !shared.group.is_settled() {
            return Some("lanes are not where they are to be".to_owned());
        }
        for lane in 0..shared.group.lanes() {
            for source in self.common.setting.sources(lane) {
                let end = shared.broker.bounds(&source).end;
                let committed = shared.broker.committed(&source);
                if committed.unwrap_or(0) != end {
                    return Some(format!("{source}: {committed:?} is committed of {end}"));
                }
            }
        }
        drop(shared);
        let held = self
            .instances
            .iter()
            .map(|instance| instance.deliveries.len())
            .sum::<usize>();
        (held > 0).then(|| format!("{held} batches are not delivered"))
    }

    /// A last cut of every lane, which must be what the lane is made of, and can be read again.
    fn cut_all(&mut self) -> Result<(), Violation> {
        for at in 0..self.instances.len() {
            for lane in self.instances[at].lanes() {
                for _ in 0..3 {
                    self.cut_whole(at, lane)?;
                }
                self.read_again(at, lane)?;
            }
        }
        Ok(())
    }

    fn cut_whole(&mut self, at: usize, lane: usize) -> Result<(), Violation> {
        self.cut(at, lane)?;
        for _ in 0..64 {
            self.slice(at, lane, 64, true);
            self.upload(at, lane)?;
        }
        self.merge(at, lane);
        self.look()
    }

    /// The newest snapshot of a lane can be read.
    fn read_again(&mut self, at: usize, lane: usize) -> Result<(), Violation> {
        let lanes = self.instances[at].host.lanes.lock();
        let worker = lanes.slots.get(&lane).and_then(|slot| slot.worker.as_ref());
        let Some(worker) = worker else {
            return Ok(());
        };
        let standing: Vec<i64> = worker.next.iter().map(|next| next.unwrap_or(0)).collect();
        let is_reordered = worker.lane.is_reordered();
        drop(lanes);
        let store = self.witness.lane(&lane_id(&self.common.setting, lane));
        let found = store.manifests().map_err(|error| Violation::Failed {
            what: error.to_string(),
        })?;
        let newest = found
            .0
            .into_iter()
            .find(|manifest| offsets(manifest.head()) == standing);
        let Some(newest) = newest else {
            // A lane that took nothing since it was cut is not cut again, though somebody damages the cut.
            let places: Vec<String> = standing.iter().map(|at| format!("{at:012}")).collect();
            let name = format!("{}.", places.join("-"));
            let objects = &self.common.objects;
            let mut refused = found
                .1
                .iter()
                .filter(|refused| refused.name.starts_with(&name));
            let is_lost = objects.is_lost(&format!("/{lane}/cuts/{name}"))
                || refused.any(|refused| is_damage(refused, objects));
            if is_reordered || is_lost || standing.iter().all(|offset| *offset == 0) {
                return Ok(());
            }
            return Err(Violation::Restless {
                what: format!("lane {lane} has no snapshot of where it stands, {standing:?}"),
            });
        };
        // A run that is changed as it lies there is found out when it is read for a merge, or by `verify`.
        let objects = &self.common.objects;
        if newest
            .runs()
            .iter()
            .any(|run| objects.is_damaged(&run.object))
        {
            self.count("newest snapshots damaged");
            return Ok(());
        }
        if read(&store, &newest).is_none() {
            return Err(Violation::Restless {
                what: format!("the newest snapshot {} cannot be read", newest.name()),
            });
        }
        self.compare(lane, &newest)
    }
}

/// Whether a snapshot is refused for what was done to an object as it lay in the store.
fn is_damage(refused: &Refused, objects: &Objects) -> bool {
    match &refused.why {
        Why::Unreadable(StoreError::Missing { path } | StoreError::Damaged { path, .. }) => {
            objects.is_lost(path) || objects.is_damaged(path)
        }
        _ => false,
    }
}
