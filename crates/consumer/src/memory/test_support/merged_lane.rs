//! A lane of several sources for tests: the test decides what comes when, and takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::Properties;
use tillwatch_records::{Flags, Ticket, TopicPartition};

use crate::host::LaneHost;
use crate::inlet::{Inlet, Taken};
use crate::memory::{MemoryRecord, MemorySource};
use crate::notice::Lost;
use crate::position::Position;
use crate::settings::ConsumerSettings;

/// Topics in the order of the settings.
pub(in crate::memory) const TOPICS: [&str; 4] = ["transactions", "events", "labels", "more"];

/// Notes that records wait. The test takes them.
#[derive(Default)]
pub(in crate::memory) struct Host {
    pub(in crate::memory) inlet: Mutex<Option<Arc<Inlet>>>,
    pub(in crate::memory) is_ready: AtomicBool,
    /// Whoever tests says where to begin.
    pub(in crate::memory) begins_late: AtomicBool,
}

/// A run that was handed out.
pub(in crate::memory) struct Run {
    pub(in crate::memory) source: usize,
    pub(in crate::memory) offsets: Vec<i64>,
    pub(in crate::memory) is_marked: bool,
    pub(in crate::memory) ticket: Option<Ticket>,
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        *self.inlet.lock() = Some(Arc::clone(inlet));
        if self.begins_late.load(Ordering::Relaxed) {
            Position::NotYet
        } else {
            Position::Committed
        }
    }

    fn ready(&self, _: &Arc<Inlet>) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    fn revoked(&self, _: &Arc<Inlet>) {}
}

pub(in crate::memory) fn topic(source: usize) -> TopicPartition {
    TopicPartition::new(TOPICS[source], 3)
}

/// A lane of several sources and what was handed out of it.
pub(in crate::memory) struct Lane {
    pub(in crate::memory) source: MemorySource,
    pub(in crate::memory) host: Arc<Host>,
    pub(in crate::memory) runs: Vec<Run>,
    pub(in crate::memory) losses: Vec<Lost>,
}

impl Lane {
    pub(in crate::memory) fn new(
        sources: usize,
        change: impl FnOnce(&mut ConsumerSettings),
    ) -> Self {
        let topics = TOPICS[..sources].iter().map(ToString::to_string);
        let mut settings = ConsumerSettings::new(topics.collect(), "g", Properties::default());
        change(&mut settings);
        let host = Arc::new(Host::default());
        let source = MemorySource::new(&settings, Arc::<Host>::clone(&host));
        Self {
            source,
            host,
            runs: Vec::new(),
            losses: Vec::new(),
        }
    }

    pub(in crate::memory) fn assign(&mut self, sources: usize) {
        let sources: Vec<_> = (0..sources).map(topic).collect();
        self.source.assign_merged(&sources);
    }

    /// Assigns one source for each of `positions`, and begins there.
    pub(in crate::memory) fn assign_at(&mut self, positions: &[Position]) -> Arc<Inlet> {
        self.host.begins_late.store(true, Ordering::Relaxed);
        self.assign(positions.len());
        let inlet = self.host.inlet.lock().clone().unwrap();
        assert!(inlet.begin_each(positions));
        inlet
    }

    pub(in crate::memory) fn append(
        &mut self,
        source: usize,
        offset: i64,
        timestamp_ms: Option<i64>,
    ) {
        let record = MemoryRecord {
            offset,
            timestamp_ms,
            payload: Some(format!("{source}:{offset}").into_bytes()),
            ..MemoryRecord::default()
        };
        self.source.append(&topic(source), record);
    }

    pub(in crate::memory) fn turn(&mut self) {
        while self.source.turn().unwrap() {}
    }

    pub(in crate::memory) fn pass(&mut self, ms: u64) {
        self.source.pass(Duration::from_millis(ms));
        self.turn();
    }

    /// Takes at most `most` runs, as a lane does that was told.
    pub(in crate::memory) fn take(&mut self, most: usize) {
        if !self.host.is_ready.load(Ordering::Relaxed) {
            return;
        }
        let inlet = self.host.inlet.lock().clone().unwrap();
        for _ in 0..most {
            let Some(taken) = inlet.take() else {
                self.host.is_ready.store(false, Ordering::Relaxed);
                return;
            };
            let (batch, ticket) = match taken {
                Taken::Live(batch, ticket) => (batch, Some(ticket)),
                Taken::Replay(batch) => (batch, None),
                Taken::Lost(lost) => {
                    self.losses.push(lost);
                    continue;
                }
                Taken::Moved(_) => continue,
            };
            let source = (0..TOPICS.len()).find(|source| topic(*source) == *batch.source());
            let source = source.unwrap();
            for record in batch.iter() {
                let payload = format!("{source}:{}", record.offset).into_bytes();
                assert_eq!(record.payload, Some(&payload[..]), "records are whole");
            }
            self.runs.push(Run {
                source,
                offsets: batch.iter().map(|record| record.offset).collect(),
                is_marked: batch.flags() == Flags::REORDERED,
                ticket,
            });
            inlet.recycle(batch);
        }
    }

    pub(in crate::memory) fn take_all(&mut self) {
        self.take(usize::MAX);
    }

    /// What was handed out since the last time: `0:5+2` for two records of the first source from offset 5
    /// on, with a `!` where it is marked.
    pub(in crate::memory) fn seen(&mut self) -> Vec<String> {
        self.take_all();
        let runs = self.runs.drain(..).map(|run| {
            let mark = if run.is_marked { "!" } else { "" };
            format!(
                "{}:{}+{}{mark}",
                run.source,
                run.offsets[0],
                run.offsets.len()
            )
        });
        runs.collect()
    }
}
