//! A lane of several sources for tests: the test decides what comes when, and takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::Properties;
use tillwatch_records::{Flags, Ticket, TopicPartition};

use super::{MemoryRecord, MemorySource};
use crate::host::LaneHost;
use crate::inlet::{Inlet, Taken};
use crate::position::Position;
use crate::settings::ConsumerSettings;

/// Topics in the order of the settings.
pub(super) const TOPICS: [&str; 4] = ["transactions", "events", "labels", "more"];

/// Notes that records wait. The test takes them.
#[derive(Default)]
pub(super) struct Host {
    pub(super) inlet: Mutex<Option<Arc<Inlet>>>,
    pub(super) is_ready: AtomicBool,
}

/// A run that was handed out.
pub(super) struct Run {
    pub(super) source: usize,
    pub(super) offsets: Vec<i64>,
    pub(super) is_marked: bool,
    pub(super) ticket: Option<Ticket>,
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        *self.inlet.lock() = Some(Arc::clone(inlet));
        Position::Committed
    }

    fn ready(&self, _: &Arc<Inlet>) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    fn revoked(&self, _: &Arc<Inlet>) {}
}

pub(super) fn topic(source: usize) -> TopicPartition {
    TopicPartition::new(TOPICS[source], 3)
}

/// A lane of several sources and what was handed out of it.
pub(super) struct Lane {
    pub(super) source: MemorySource,
    pub(super) host: Arc<Host>,
    pub(super) runs: Vec<Run>,
}

impl Lane {
    pub(super) fn new(sources: usize, change: impl FnOnce(&mut ConsumerSettings)) -> Self {
        let topics = TOPICS[..sources].iter().map(ToString::to_string);
        let mut settings = ConsumerSettings::new(topics.collect(), "g", Properties::default());
        change(&mut settings);
        let host = Arc::new(Host::default());
        let source = MemorySource::new(&settings, Arc::<Host>::clone(&host));
        Self {
            source,
            host,
            runs: Vec::new(),
        }
    }

    pub(super) fn assign(&mut self, sources: usize) {
        let sources: Vec<_> = (0..sources).map(topic).collect();
        self.source.assign_merged(&sources);
    }

    pub(super) fn append(&mut self, source: usize, offset: i64, timestamp_ms: Option<i64>) {
        let record = MemoryRecord {
            offset,
            timestamp_ms,
            payload: Some(format!("{source}:{offset}").into_bytes()),
            ..MemoryRecord::default()
        };
        self.source.append(&topic(source), record);
    }

    pub(super) fn turn(&mut self) {
        while self.source.turn().unwrap() {}
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.source.pass(Duration::from_millis(ms));
        self.turn();
    }

    /// Takes at most `most` runs, as a lane does that was told.
    pub(super) fn take(&mut self, most: usize) {
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

    pub(super) fn take_all(&mut self) {
        self.take(usize::MAX);
    }

    /// What was handed out since the last time: `0:5+2` for two records of the first source from offset 5
    /// on, with a `!` where it is marked.
    pub(super) fn seen(&mut self) -> Vec<String> {
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
