//! Which letters are done with.

use std::collections::BTreeMap;

use super::letter::{Fate, Place};
use super::offsets::Offsets;
use super::sender::Resent;
use crate::headers;

/// Bytes of a note: less than any limit of a topic that somebody has a reason to set.
const NOTE_BYTES: usize = 1024;

/// Letters of a dead-letter topic that are done with, by partition.
#[derive(Debug, Clone, Default)]
pub struct DoneLetters {
    sent: BTreeMap<i32, Offsets>,
    discarded: BTreeMap<i32, Offsets>,
}

impl DoneLetters {
    /// Ranges of offsets that are kept: 100 MB at most. A topic has so many where every second letter of two
    /// million is done with.
    pub const RANGES_MAX: usize = 1_000_000;

    /// What became of the letter at `offset` of `partition`, if it is done with.
    pub fn fate(&self, (partition, offset): Place) -> Option<Fate> {
        let has = |of: &BTreeMap<i32, Offsets>| {
            let offsets = of.get(&partition);
            offsets.is_some_and(|offsets| offsets.contains(offset))
        };
        match (has(&self.sent), has(&self.discarded)) {
            (true, _) => Some(Fate::Sent),
            (false, true) => Some(Fate::Discarded),
            (false, false) => None,
        }
    }

    /// Notes that the letters from `first` to `last` of `partition` are done with.
    pub fn insert(&mut self, fate: Fate, partition: i32, first: i64, last: i64) {
        let offsets = self.of(fate).entry(partition).or_default();
        offsets.insert(first, last);
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.discarded.is_empty()
    }

    /// What is to be written to `topic`, so that this is known from then on.
    pub fn notes(&self, topic: &str) -> Vec<Resent> {
        let of = [(Fate::Sent, &self.sent), (Fate::Discarded, &self.discarded)];
        let mut notes = Vec::new();
        for (fate, partitions) in of {
            for (partition, offsets) in partitions {
                notes.extend(offsets.texts(NOTE_BYTES).into_iter().map(|text| Resent {
                    topic: topic.to_owned(),
                    partition: Some(*partition),
                    // Compaction keeps one record of a key.
                    key: Some(format!("{}/{}/{text}", headers::DONE, fate.as_str()).into_bytes()),
                    payload: Some(text.into_bytes()),
                    timestamp_ms: None,
                    headers: vec![(
                        headers::DONE.to_owned(),
                        Some(fate.as_str().as_bytes().to_vec()),
                    )],
                }));
            }
        }
        notes
    }

    /// Adds what a note in `partition` says. Whether there is room for more.
    pub(super) fn read(&mut self, fate: Fate, partition: i32, offsets: &str) -> bool {
        self.of(fate).entry(partition).or_default().read(offsets);
        let all = self.sent.values().chain(self.discarded.values());
        all.map(Offsets::len).sum::<usize>() <= Self::RANGES_MAX
    }

    fn of(&mut self, fate: Fate) -> &mut BTreeMap<i32, Offsets> {
        match fate {
            Fate::Sent => &mut self.sent,
            Fate::Discarded => &mut self.discarded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_it_again() {
        let mut done = DoneLetters::default();
        for offset in 0..2_000 {
            done.insert(Fate::Sent, 1, offset * 2, offset * 2);
        }
        done.insert(Fate::Discarded, 0, 5, 7);
        let notes = done.notes("letters");
        assert!(notes.len() > 3);
        let mut read = DoneLetters::default();
        for note in &notes {
            let payload = note.payload.as_deref().unwrap();
            assert!(payload.len() < NOTE_BYTES + 50);
            let fate = match note.headers[0].1.as_deref() {
                Some(b"sent") => Fate::Sent,
                _ => Fate::Discarded,
            };
            let text = str::from_utf8(payload).unwrap();
            assert!(read.read(fate, note.partition.unwrap(), text));
        }
        assert_eq!(read.fate((1, 3_998)), Some(Fate::Sent));
        assert_eq!(read.fate((1, 3_997)), None);
        assert_eq!(read.fate((0, 6)), Some(Fate::Discarded));
        assert_eq!(read.fate((2, 6)), None);
        assert!(DoneLetters::default().is_empty() && !read.is_empty());
    }
}
