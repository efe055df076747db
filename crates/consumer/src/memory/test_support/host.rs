//! A host for tests of the order of calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_kafka::Properties;
use tillwatch_records::{Ticket, TopicPartition};

use crate::host::LaneHost;
use crate::inlet::{Inlet, Taken};
use crate::last_call::LastCall;
use crate::memory::{MemoryRecord, MemorySource};
use crate::notice::Lost;
use crate::position::Position;
use crate::settings::ConsumerSettings;

/// Notes every call, takes everything at once and keeps the tickets.
#[derive(Default)]
pub(in crate::memory) struct Host {
    pub(in crate::memory) positions: Mutex<BTreeMap<i32, Position>>,
    pub(in crate::memory) seen: Mutex<Seen>,
}

#[derive(Default)]
pub(in crate::memory) struct Seen {
    /// Calls, and batches as `live 0+10` or `replay 0+10`: first offset and records.
    pub(in crate::memory) calls: Vec<String>,
    pub(in crate::memory) inlets: BTreeMap<i32, Arc<Inlet>>,
    pub(in crate::memory) tickets: Vec<(i32, i64, Ticket)>,
    /// Nothing is taken before the test does.
    pub(in crate::memory) takes_late: bool,
    /// What was lost.
    pub(in crate::memory) losses: Vec<Lost>,
    /// The host settles these in their last call.
    pub(in crate::memory) settles_late: bool,
    /// The host is not done with its last calls when they come.
    pub(in crate::memory) keeps_calls: bool,
    pub(in crate::memory) calls_kept: Vec<LastCall>,
}

impl Host {
    fn note(&self, call: &str, inlet: &Inlet) {
        let partition = inlet.source().partition;
        self.seen.lock().calls.push(format!("{call} {partition}"));
    }

    pub(in crate::memory) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().calls)
    }

    pub(in crate::memory) fn inlet(&self, partition: i32) -> Arc<Inlet> {
        Arc::clone(&self.seen.lock().inlets[&partition])
    }

    /// The held tickets of `partition` with their batches' first offsets, oldest first.
    pub(in crate::memory) fn tickets(&self, partition: i32) -> Vec<(i64, Ticket)> {
        let mut seen = self.seen.lock();
        let held = std::mem::take(&mut seen.tickets);
        let (of_partition, others) = held.into_iter().partition(|held| held.0 == partition);
        seen.tickets = others;
        let of_partition: Vec<(i32, i64, Ticket)> = of_partition;
        of_partition
            .into_iter()
            .map(|(_, offset, ticket)| (offset, ticket))
            .collect()
    }
}

impl Host {
    /// Takes everything that may go.
    pub(in crate::memory) fn take(&self, inlet: &Arc<Inlet>) {
        let partition = inlet.source().partition;
        while let Some(taken) = inlet.take() {
            let mut seen = self.seen.lock();
            let (kind, batch) = match taken {
                Taken::Live(batch, ticket) => {
                    let first = batch.get(0).offset;
                    seen.tickets.push((partition, first, ticket));
                    ("live", batch)
                }
                Taken::Replay(batch) => ("replay", batch),
                Taken::Lost(lost) => {
                    let (from, to) = (lost.from, lost.to);
                    seen.calls.push(format!("lost {from}..{to}"));
                    seen.losses.push(lost);
                    continue;
                }
                Taken::Moved(moved) => {
                    let (before, after) = (moved.before, moved.after);
                    seen.calls
                        .push(format!("moved {before}->{after} {partition}"));
                    continue;
                }
            };
            let (first, records) = (batch.get(0).offset, batch.len());
            seen.calls.push(format!("{kind} {first}+{records}"));
        }
    }
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        self.note("assigned", inlet);
        let partition = inlet.source().partition;
        self.seen.lock().inlets.insert(partition, Arc::clone(inlet));
        let position = self.positions.lock().get(&partition).copied();
        position.unwrap_or(Position::Committed)
    }

    fn located(&self, inlet: &Arc<Inlet>, _: &TopicPartition, offset: Option<i64>) {
        self.note(&format!("located at {offset:?}"), inlet);
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        self.note("ready", inlet);
        let takes_late = self.seen.lock().takes_late;
        if !takes_late {
            self.take(inlet);
        }
    }

    fn leaving(&self, inlets: &[Arc<Inlet>]) {
        inlets.iter().for_each(|inlet| self.note("leaving", inlet));
    }

    fn last_call(&self, inlet: &Arc<Inlet>, done: LastCall) {
        self.note("last call", inlet);
        let mut seen = self.seen.lock();
        if seen.keeps_calls {
            seen.calls_kept.push(done);
        }
        let settles_late = seen.settles_late;
        drop(seen);
        if settles_late {
            drop(self.tickets(inlet.source().partition));
        }
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        self.note("revoked", inlet);
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        self.note("lost", inlet);
    }
}

pub(in crate::memory) fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("payments", number)
}

/// A source without records whose settings `change` has changed, and its host.
pub(in crate::memory) fn empty(
    change: impl FnOnce(&mut ConsumerSettings),
) -> (MemorySource, Arc<Host>) {
    let host = Arc::new(Host::default());
    let mut settings = ConsumerSettings::new(vec!["t".to_owned()], "g", Properties::default());
    change(&mut settings);
    (
        MemorySource::new(&settings, Arc::<Host>::clone(&host)),
        host,
    )
}

/// A source of two partitions of 20 records, and its host.
pub(in crate::memory) fn setup(positions: &[(i32, Position)]) -> (MemorySource, Arc<Host>) {
    let (mut source, host) = empty(|settings| settings.batch_records_max = 10);
    *host.positions.lock() = positions.iter().copied().collect();
    for number in 0..2 {
        append(&mut source, number, 0..20);
    }
    (source, host)
}

pub(in crate::memory) fn append(
    source: &mut MemorySource,
    number: i32,
    offsets: std::ops::Range<i64>,
) {
    for offset in offsets {
        let record = MemoryRecord {
            offset,
            timestamp_ms: Some(1_700_000_000_000 + offset),
            key: Some(b"terminal".to_vec()),
            payload: Some(format!("{number}:{offset}").into_bytes()),
            headers: vec![("kind".to_owned(), None)],
        };
        source.append(&partition(number), record);
    }
}
