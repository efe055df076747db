//! What is right: one lane per partition that nothing ever interrupts.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillwatch_consumer::memory::MemoryRecord;
use tillwatch_engine::{Assembly, Input, Lane, LaneError, Workspace};
use tillwatch_records::{Entries, Part, Space, TopicPartition};

use crate::place;
use crate::told::{Told, told};
use crate::traffic;

/// All that a lane holds: what a whole cut of it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) images: BTreeMap<(Space, u64, Vec<u8>), Vec<u8>>,
    /// Sorted by name.
    pub(crate) parts: Vec<Part>,
}

/// The uninterrupted lane of one partition, and the log that it reads.
pub(crate) struct Oracle {
    assembly: Arc<Assembly>,
    topics: Vec<&'static str>,
    partition: i32,
    /// Everything that was ever sent, one log per topic.
    logs: Vec<Vec<MemoryRecord>>,
    scoring: Lane,
    /// Goes from position to position, for what a cut of there should hold.
    folding: Lane,
    /// Where that stands, per topic.
    folded: Vec<usize>,
    workspace: Workspace,
}

impl Oracle {
    pub(crate) fn new(assembly: &Arc<Assembly>, topics: &[&'static str], partition: i32) -> Self {
        Self {
            scoring: place::lane(assembly, topics, 0),
            folding: place::lane(assembly, topics, 0),
            folded: vec![0; topics.len()],
            logs: vec![Vec::new(); topics.len()],
            topics: topics.to_vec(),
            partition,
            assembly: Arc::clone(assembly),
            workspace: Workspace::default(),
        }
    }

    /// The partitions that the lane reads.
    pub(crate) fn sources(&self) -> Vec<TopicPartition> {
        (0..self.topics.len())
            .map(|topic| self.source(topic))
            .collect()
    }

    /// Keys that were evicted to keep the budget of bytes.
    pub(crate) fn evicted_keys(&self) -> u64 {
        self.scoring.stats().evicted_keys
    }

    pub(crate) fn log(&self, topic: usize) -> &[MemoryRecord] {
        &self.logs[topic]
    }

    /// Appends records to the log of a topic, and says what is right to say of them.
    pub(crate) fn append(
        &mut self,
        topic: usize,
        records: Vec<MemoryRecord>,
    ) -> Result<Vec<(i64, Told)>, LaneError> {
        let raw = traffic::batch(&self.source(topic), &records);
        let processed = self
            .scoring
            .process(Input::Raw(&raw), &mut self.workspace, &mut ())?;
        self.logs[topic].extend(records);
        Ok(told(&raw, &processed))
    }

    /// A timestamp that no record of a topic before `offset` has a later one than, in milliseconds since
    /// 1970; `None` where there is none before it.
    pub(crate) fn newest_before(&self, topic: usize, offset: i64) -> Option<i64> {
        let before = self.logs[topic]
            .iter()
            .take_while(|record| record.offset < offset);
        before.filter_map(|record| record.timestamp_ms).max()
    }

    /// The first offset of a topic, from `start` on, of a record that is not older than `time_ms`.
    pub(crate) fn first_at(&self, topic: usize, start: i64, time_ms: i64) -> Option<i64> {
        let mut held = self.logs[topic]
            .iter()
            .filter(|record| record.offset >= start);
        let found = held.find(|record| record.timestamp_ms >= Some(time_ms));
        found.map(|record| record.offset)
    }

    /// What a cut at these offsets, one per topic, should hold.
    pub(crate) fn fold(&mut self, offsets: &[i64]) -> Result<Held, LaneError> {
        let logs = offsets.iter().zip(&self.logs);
        let to: Vec<usize> = logs
            .map(|(offset, log)| log.len().min(*offset as usize))
            .collect();
        let is_behind = self.folded.iter().zip(&to).any(|(at, to)| at > to);
        if is_behind {
            self.folding = place::lane(&self.assembly, &self.topics, 0);
            self.folded = vec![0; self.topics.len()];
        }
        while let Some((topic, records)) = self.next_run(&to) {
            let first = self.folded[topic];
            let raw = traffic::batch(
                &self.source(topic),
                &self.logs[topic][first..first + records],
            );
            self.folding
                .process(Input::Raw(&raw), &mut self.workspace, &mut ())?;
            self.folded[topic] += records;
        }
        Ok(held(&mut self.folding))
    }

    fn source(&self, topic: usize) -> TopicPartition {
        TopicPartition::new(self.topics[topic], self.partition)
    }

    /// The next records of one topic in the merged order, before the positions `to`.
    fn next_run(&self, to: &[usize]) -> Option<(usize, usize)> {
        let open = (0..to.len()).filter(|topic| self.folded[*topic] < to[*topic]);
        let time = |topic: usize| self.logs[topic][self.folded[topic]].timestamp_ms;
        let topic = open.clone().min_by_key(|topic| time(*topic))?;
        let others = open.filter(|other| *other != topic);
        let until = others.map(time).min();
        let left = self.logs[topic][self.folded[topic]..to[topic]].iter();
        let run = left.take_while(|record| until.is_none_or(|until| record.timestamp_ms < until));
        Some((topic, run.count()))
    }
}

/// All that `lane` holds.
pub(crate) fn held(lane: &mut Lane) -> Held {
    lane.track();
    let mut held = Held::default();
    let mut entries = Entries::default();
    if !lane.begin_cut() {
        return held;
    }
    while lane.is_cutting() {
        if let Some(parts) = lane.continue_cut(&mut entries, usize::MAX) {
            held.parts = parts;
        }
    }
    for entry in entries.iter() {
        if let Some(image) = entry.image {
            let key = (entry.space, entry.hash, entry.key.to_vec());
            held.images.insert(key, image.to_vec());
        }
    }
    held.parts.sort_by(|one, other| one.name.cmp(&other.name));
    held
}

impl Held {
    /// What differs, in words.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        if self == expected {
            return None;
        }
        let parts: Vec<&str> = expected
            .parts
            .iter()
            .filter(|part| !self.parts.contains(part))
            .map(|part| part.name.as_str())
            .collect();
        let images = expected.images.iter();
        let other =
            images.filter(|(key, image)| self.images.get(*key).is_none_or(|has| has != *image));
        let more = self
            .images
            .keys()
            .filter(|key| !expected.images.contains_key(*key));
        let name = |key: &(Space, u64, Vec<u8>)| {
            format!("{}:{}", key.0.0, String::from_utf8_lossy(&key.2))
        };
        let other: Vec<String> = other.map(|(key, _)| name(key)).take(4).collect();
        let more: Vec<String> = more.map(name).take(4).collect();
        Some(format!(
            "parts {parts:?}, keys that differ or lack {other:?}, keys too many {more:?}"
        ))
    }
}
