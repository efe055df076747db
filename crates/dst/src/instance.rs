//! One process: a member of the group with its lanes, its outputs and its way to the store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tillwatch_consumer::memory::MemorySource;
use tillwatch_consumer::{ConsumerSettings, Properties, Taken, TopicIdentity};
use tillwatch_engine::{Assembly, Input, Workspace};
use tillwatch_records::{RawBatch, Ticket, TopicPartition};
use tillwatch_state_store::{CutHead, LaneId, SourceMark, StateStore};

use crate::coordinator::{Asked, Commits, Output, Shared};
use crate::cutter::Cutter;
use crate::group::Member;
use crate::host::Host;
use crate::mutant::Mutant;
use crate::objects::{Door, Objects};
use crate::oracle::Oracle;
use crate::place;
use crate::setting::{GROUP, Setting};
use crate::slot::{Slot, Worker};
use crate::told::told;
use crate::traffic::topic_id;
use crate::violation::Violation;

/// What is shared by all instances, and never changes.
pub(crate) struct Common {
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) setting: Setting,
    pub(crate) shared: Shared,
    pub(crate) objects: Arc<Objects>,
    pub(crate) meaning: String,
    /// How far back records matter, in milliseconds.
    pub(crate) needed_ms: i64,
    pub(crate) mutant: Option<Mutant>,
}

pub(crate) struct Instance {
    pub(crate) member: Member,
    pub(crate) source: MemorySource,
    pub(crate) host: Arc<Host>,
    pub(crate) store: StateStore,
    pub(crate) door: Arc<Door>,
    /// What was made and is not acknowledged, in order.
    pub(crate) deliveries: VecDeque<Delivery>,
    /// Most lanes that it had at one time.
    pub(crate) lanes_max: usize,
    workspace: Workspace,
}

/// Everything that was made of one batch, on its way.
pub(crate) struct Delivery {
    pub(crate) lane: usize,
    pub(crate) source: TopicPartition,
    /// What would be committed once it is delivered.
    asked: Asked,
    outputs: Vec<Output>,
    ticket: Option<Ticket>,
    /// Readers see it, though it is not acknowledged.
    is_shown: bool,
    lacks: bool,
}

impl Instance {
    pub(crate) fn start(
        common: &Common,
        member: Member,
        now_ms: i64,
        partitions: usize,
    ) -> Result<Self, Violation> {
        let topics = common.setting.topics();
        let names = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut settings = ConsumerSettings::new(names, GROUP, Properties::default());
        settings.batch_records_max = common.setting.batch_records_max;
        settings.lane_queue_records_max = 64;
        settings.lane_unsettled_records_max = 48;
        let host = Arc::new(Host::new(member, &common.shared));
        let committer = Box::new(Commits::new(member, &common.shared));
        let broker = common.shared.lock().broker.clone();
        let mut source = MemorySource::on(&broker, committer, &settings, Arc::<Host>::clone(&host));
        source.set_clock(now_ms);
        for topic in topics {
            source.describe(topic, identity(topic, partitions));
        }
        let door = Arc::new(Door::new(&common.objects));
        let store = StateStore::with(Arc::<Door>::clone(&door), "state");
        let store = store.map_err(|error| Violation::Failed {
            what: error.to_string(),
        })?;
        host.lanes.lock().now_ms = now_ms;
        common.shared.lock().group.join(member);
        Ok(Self {
            member,
            source,
            host,
            store,
            door,
            deliveries: VecDeque::new(),
            lanes_max: 0,
            workspace: Workspace::default(),
        })
    }

    pub(crate) fn pass(&mut self, time: Duration, now_ms: i64) {
        self.source.pass(time);
        self.source.set_clock(now_ms);
        self.host.lanes.lock().now_ms = now_ms;
    }

    /// The topics have so many partitions.
    pub(crate) fn describe(&mut self, setting: &Setting, partitions: usize) {
        for topic in setting.topics() {
            self.source.describe(topic, identity(topic, partitions));
        }
    }

    /// Hears of the group what it has become, and does its part.
    pub(crate) fn heartbeat(&mut self, common: &Common) {
        let is_member = common.shared.lock().group.is_member(self.member);
        if !is_member {
            let lost = self.lanes();
            common.shared.lock().count("sessions lost");
            self.source.lose(&self.sources_of(common, &lost));
            self.forget_left(common);
            common.shared.lock().group.join(self.member);
            return;
        }
        let (release, take) = {
            let shared = common.shared.lock();
            let group = &shared.group;
            (group.to_release(self.member), group.to_take(self.member))
        };
        let release: Vec<usize> = {
            let lanes = self.host.lanes.lock();
            let slots = release.into_iter();
            let is_staying = |lane: &usize| {
                lanes
                    .slots
                    .get(lane)
                    .is_some_and(|slot| !slot.inlet.is_closed())
            };
            slots.filter(is_staying).collect()
        };
        for lane in release {
            common.shared.lock().count("lanes moved");
            self.source
                .begin_to_revoke(&self.sources_of(common, &[lane]));
        }
        for lane in take {
            common.shared.lock().group.take(lane, self.member);
            self.source.assign_merged(&self.sources_of(common, &[lane]));
        }
        self.lanes_max = self.lanes_max.max(self.lanes().len());
    }

    /// A turn of the poll loop.
    pub(crate) fn turn(&mut self, common: &Common) -> Result<(), Violation> {
        let turned = self.source.turn();
        self.forget_left(common);
        turned.map(drop).map_err(|error| Violation::Failed {
            what: format!("the consumer of {}: {error}", self.member),
        })
    }

    /// Lanes that it has, leaving ones among them.
    pub(crate) fn lanes(&self) -> Vec<usize> {
        self.host.lanes.lock().slots.keys().copied().collect()
    }

    /// Lets a lane take what is next. Whether there was something.
    pub(crate) fn work(
        &mut self,
        common: &Common,
        oracles: &[Oracle],
        lane: usize,
    ) -> Result<bool, Violation> {
        let mut lanes = self.host.lanes.lock();
        let Some(slot) = lanes.slots.get_mut(&lane).filter(|slot| slot.is_ready) else {
            return Ok(false);
        };
        let inlet = Arc::clone(&slot.inlet);
        let (raw, ticket) = match inlet.take() {
            None => {
                slot.is_ready = false;
                return Ok(false);
            }
            Some(Taken::Lost(lost)) => {
                common.shared.lock().count("losses told");
                let index = slot.index_of(&lost.source);
                if common.mutant != Some(Mutant::IgnoreLost) {
                    slot.note_missed(lost.newest_ms, index.map(|index| (index, lost.to)));
                } else if let (Some(worker), Some(index)) = (&mut slot.worker, index) {
                    worker.next[index] = Some(lost.to);
                }
                return Ok(true);
            }
            Some(Taken::Moved(moved)) => {
                common.shared.lock().count("moved keys told");
                slot.note_missed(moved.newest_ms, None);
                return Ok(true);
            }
            Some(Taken::Replay(raw)) => (raw, None),
            Some(Taken::Live(raw, ticket)) => (raw, Some(ticket)),
        };
        if slot.worker.is_none() {
            let id = lane_id(&common.setting, lane);
            let cutter = Cutter::new(self.store.lane(&id), None, common.mutant);
            slot.worker = Some(first(common, &oracles[lane], slot, cutter));
        }
        let Some(worker) = &mut slot.worker else {
            return Ok(false);
        };
        let made = take(common, worker, &raw, &mut self.workspace)?;
        let index = inlet.sources().position(|source| source == raw.source());
        if let (Some(index), Some(next)) = (index, raw.next_offset()) {
            worker.next[index] = Some(next);
        }
        let is_told = ticket.is_some() || common.mutant == Some(Mutant::DeliverReplay);
        if is_told {
            let source = raw.source().clone();
            let next = raw.next_offset().unwrap_or(0);
            let settles_early = common.mutant == Some(Mutant::SettleEarly);
            self.deliveries.push_back(Delivery {
                lane,
                asked: common.shared.lock().asked(self.member, &source, next),
                source,
                outputs: made,
                ticket: ticket.filter(|_| !settles_early),
                is_shown: false,
                lacks: worker.lacks || worker.lane.is_reordered(),
            });
        }
        inlet.recycle(raw);
        Ok(true)
    }

    /// Readers see what was made of a batch; it is acknowledged as well if it `settles`.
    pub(crate) fn deliver(&mut self, common: &Common, at: usize, settles: bool) -> bool {
        let index = at % self.deliveries.len().max(1);
        let Some(delivery) = self.deliveries.get_mut(index) else {
            return false;
        };
        delivery.show(common);
        if settles {
            drop(self.deliveries.remove(index));
        }
        true
    }

    /// Ends a transaction of the next `batches`: what was made of them and their offsets are stored together,
    /// or, if somebody else owns a lane by now, nothing is, and all lanes are given up.
    pub(crate) fn end_transaction(&mut self, common: &Common, batches: usize) {
        let batches = batches.min(self.deliveries.len());
        let is_allowed = {
            let shared = common.shared.lock();
            let mut within = self.deliveries.iter().take(batches);
            within.all(|delivery| shared.is_allowed(self.member, &delivery.asked))
        };
        if !is_allowed {
            common.shared.lock().count("transactions fenced");
            let lanes = self.lanes();
            self.source.lose(&self.sources_of(common, &lanes));
            self.host.lanes.lock().left.clear();
            self.give_up(common, |_| true);
            let mut shared = common.shared.lock();
            shared.group.remove(self.member);
            shared.group.join(self.member);
            return;
        }
        for mut delivery in self.deliveries.drain(..batches) {
            delivery.show(common);
            if delivery.ticket.is_some() {
                let asked = &delivery.asked;
                common.shared.lock().store(&asked.source, asked.offset);
            }
        }
    }

    /// Where a lane stands, and what it is. `made_by` tells one cut from all others.
    pub(crate) fn head(&self, common: &Common, slot: &Slot, made_by: String) -> CutHead {
        let next = slot.worker.iter().flat_map(|worker| &worker.next);
        let known = slot
            .inlet
            .topic_ids()
            .into_iter()
            .zip(slot.inlet.partitions());
        // Where nothing was taken, what the group had committed when the lane came.
        let stands = next
            .zip(slot.committed())
            .map(|(next, committed)| next.or(committed));
        let sources = slot.inlet.sources().zip(stands).zip(known);
        let marks = sources.map(|((source, stands), (topic_id, partitions))| SourceMark {
            topic: source.topic.to_string(),
            offset: stands.unwrap_or(0),
            topic_id,
            partitions: partitions.and_then(|count| i32::try_from(count).ok()),
        });
        CutHead {
            sources: marks.collect(),
            meaning: common.meaning.clone(),
            models: "rules@1".to_owned(),
            made_by,
            made_at_ms: 0,
        }
    }

    /// The partitions of lanes.
    pub(crate) fn sources_of(&self, common: &Common, lanes: &[usize]) -> Vec<TopicPartition> {
        let sources = lanes.iter().flat_map(|lane| common.setting.sources(*lane));
        sources.collect()
    }

    /// Gives up what lanes made that have left, where it is stored in transactions.
    fn forget_left(&mut self, common: &Common) {
        let left = std::mem::take(&mut self.host.lanes.lock().left);
        if common.setting.is_exactly_once && !left.is_empty() {
            self.give_up(common, |delivery| left.contains(&delivery.lane));
        }
    }

    fn give_up(&mut self, common: &Common, is_it: impl Fn(&Delivery) -> bool) {
        let settles = common.mutant == Some(Mutant::SettleAborted);
        self.deliveries.retain(|delivery| {
            let is_given_up = is_it(delivery);
            if let Some(ticket) = delivery.ticket.as_ref().filter(|_| is_given_up && !settles) {
                ticket.fail();
            }
            !is_given_up
        });
    }
}

impl Delivery {
    fn show(&mut self, common: &Common) {
        if !std::mem::replace(&mut self.is_shown, true) {
            common
                .shared
                .lock()
                .show(&self.source, &self.outputs, self.lacks);
        }
    }
}

/// Which lane of the store a lane is.
pub(crate) fn lane_id(setting: &Setting, lane: usize) -> LaneId {
    LaneId {
        group: GROUP.to_owned(),
        topics: setting
            .topics()
            .iter()
            .map(|topic| (*topic).to_owned())
            .collect(),
        partition: lane as i32,
    }
}

fn identity(topic: &str, partitions: usize) -> TopicIdentity {
    TopicIdentity {
        partitions,
        id: Some(topic_id(topic)),
    }
}

/// A lane without state, at its first records.
fn first(common: &Common, oracle: &Oracle, slot: &Slot, cutter: Cutter) -> Worker {
    let topics = common.setting.topics();
    let mut lane = place::lane(&common.assembly, topics, slot.inlet.start_offset());
    let starts = slot.inlet.starts();
    let before = starts
        .iter()
        .enumerate()
        .filter_map(|(topic, (_, offset))| {
            let end = oracle.log(topic).len() as i64;
            oracle.newest_before(topic, offset.unwrap_or(end))
        });
    let newest_ms = before.max();
    if let Some(newest_ms) = newest_ms {
        lane.begin_after(newest_ms);
    }
    if let Some(missed_ms) = slot.missed_ms {
        lane.missed(missed_ms);
    }
    lane.track();
    Worker {
        lane,
        cutter,
        next: slot.begun.clone(),
        lacks: newest_ms.is_some() || slot.missed_ms.is_some(),
    }
}

/// Lets a lane take a batch; what it says of it.
fn take(
    common: &Common,
    worker: &mut Worker,
    raw: &RawBatch,
    workspace: &mut Workspace,
) -> Result<Vec<Output>, Violation> {
    let processed = worker.lane.process(Input::Raw(raw), workspace, &mut ());
    let processed = processed.map_err(|error| Violation::Failed {
        what: error.to_string(),
    })?;
    let held = worker.lane.memory();
    let most = place::STATE_BYTES * common.setting.stages();
    if held.features > most {
        return Err(Violation::Bound {
            what: "bytes of a lane's state",
            found: held.features,
            most,
        });
    }
    let outputs = told(raw, &processed).into_iter();
    Ok(outputs
        .map(|(offset, told)| Output { offset, told })
        .collect())
}
