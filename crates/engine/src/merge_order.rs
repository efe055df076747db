//! In which order a lane has taken the records of several topics.

use std::sync::Arc;

use tillwatch_records::RawBatch;

/// Changes whenever the meaning of a byte does.
const FORMAT: u32 = 1;

/// The order in which a lane takes the records of its topics, held against the one that follows from the
/// logs alone: by time, then by the topic's place in the settings, then by offset. The time of a record is
/// its Kafka timestamp, or that of an earlier record of its partition where that is higher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergeOrder {
    /// In the order of the settings.
    topics: Vec<Topic>,
    /// The highest place that was taken.
    last: Option<Place>,
    /// A record was taken behind one that it belongs before.
    is_reordered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Topic {
    name: Arc<str>,
    /// The highest timestamp that was taken of it; [`i64::MIN`] before the first.
    time_ms: i64,
}

/// Time in milliseconds since 1970, and place of the topic.
type Place = (i64, u32);

impl MergeOrder {
    /// For records of `topics`, in the order of the settings.
    pub(crate) fn new(topics: &[Arc<str>]) -> Self {
        let topic = |name: &Arc<str>| Topic {
            name: Arc::clone(name),
            time_ms: i64::MIN,
        };
        Self {
            topics: topics.iter().map(topic).collect(),
            last: None,
            is_reordered: false,
        }
    }

    /// Whether what the lane remembers may differ from what the order of the logs gives.
    pub(crate) fn is_reordered(&self) -> bool {
        self.is_reordered
    }

    /// Whether a record of `topic` with this Kafka timestamp, taken next, comes behind one that it belongs
    /// before.
    pub(crate) fn is_behind(&self, topic: &str, timestamp_ms: i64) -> bool {
        let at = self.place_of(topic);
        at.is_some_and(|at| self.is_before_last(at, timestamp_ms))
    }

    /// Takes note of a batch, which is of one topic. Within it times do not fall, so its first record
    /// decides.
    pub(crate) fn note(&mut self, batch: &RawBatch) {
        let Some(at) = self.place_of(&batch.source().topic) else {
            return;
        };
        let mut times_ms = batch.iter().filter_map(|record| record.timestamp_ms);
        let Some(first_ms) = times_ms.next() else {
            return;
        };
        self.is_reordered |= self.is_before_last(at, first_ms);
        let topic = &mut self.topics[at];
        topic.time_ms = times_ms.fold(topic.time_ms.max(first_ms), i64::max);
        self.last = self.last.max(Some(place(topic.time_ms, at)));
    }

    /// Appends how far the records of each topic were taken. Of an order that was right.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Self {
            topics,
            last,
            // Such a lane is not written.
            is_reordered: _,
        } = self;
        out.extend(FORMAT.to_le_bytes());
        out.extend((topics.len() as u32).to_le_bytes());
        for Topic { name, time_ms } in topics {
            out.extend((name.len() as u32).to_le_bytes());
            out.extend_from_slice(name.as_bytes());
            out.extend(time_ms.to_le_bytes());
        }
        out.push(u8::from(last.is_some()));
        let (time_ms, at) = last.unwrap_or_default();
        out.extend(time_ms.to_le_bytes());
        out.extend(at.to_le_bytes());
    }

    /// Takes over what was written for the same topics; `None` where the bytes are something else.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Option<()> {
        let bytes = &mut bytes;
        let mut read = Self::new(&[]);
        (u32::from_le_bytes(take(bytes)?) == FORMAT).then_some(())?;
        (u32::from_le_bytes(take(bytes)?) as usize == self.topics.len()).then_some(())?;
        for Topic { name, .. } in &self.topics {
            let length = u32::from_le_bytes(take(bytes)?) as usize;
            let (found, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            (found == name.as_bytes()).then_some(())?;
            read.topics.push(Topic {
                name: Arc::clone(name),
                time_ms: i64::from_le_bytes(take(bytes)?),
            });
        }
        let [has_last] = take(bytes)?;
        let last = (
            i64::from_le_bytes(take(bytes)?),
            u32::from_le_bytes(take(bytes)?),
        );
        read.last = match has_last {
            0 => None,
            1 => Some(last),
            _ => return None,
        };
        bytes.is_empty().then(|| *self = read)
    }

    fn place_of(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|known| *known.name == *topic)
    }

    /// Whether the next record of the topic at this place belongs before one that was taken.
    fn is_before_last(&self, at: usize, timestamp_ms: i64) -> bool {
        let time_ms = self.topics[at].time_ms.max(timestamp_ms);
        self.last.is_some_and(|last| place(time_ms, at) < last)
    }
}

/// There are at most as many topics as can be read.
fn place(time_ms: i64, topic: usize) -> Place {
    (time_ms, topic as u32)
}

/// Takes so many bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
