//! Records that a letter was already dealt with of.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tillwatch_sink::Letter;

/// Positions that are remembered: some 60 MB. Letters of one record are written within minutes of each
/// other, so what is remembered first is what is met again.
const POSITIONS_MAX: usize = 1_000_000;

/// Positions of records, with a hash of what lay there: a topic that was made anew has the same positions
/// with other records.
#[derive(Default)]
pub struct Seen {
    /// By topic, then by partition and offset.
    topics: HashMap<String, HashMap<(i32, i64), u64>>,
    positions: usize,
}

impl Seen {
    /// Whether `letter` is one more of a record that was dealt with.
    pub fn contains(&self, letter: &Letter) -> bool {
        let positions = self.topics.get(&*letter.source.topic);
        let found = positions.and_then(|positions| positions.get(&place(letter)));
        found.is_some_and(|hash| *hash == content(letter))
    }

    /// Remembers the record of `letter`, while there is room.
    pub fn insert(&mut self, letter: &Letter) {
        if self.positions >= POSITIONS_MAX {
            return;
        }
        let topic = letter.source.topic.to_string();
        let positions = self.topics.entry(topic).or_default();
        let before = positions.insert(place(letter), content(letter));
        self.positions += usize::from(before.is_none());
    }
}

fn place(letter: &Letter) -> (i32, i64) {
    (letter.source.partition, letter.offset)
}

fn content(letter: &Letter) -> u64 {
    let mut hasher = DefaultHasher::new();
    (letter.timestamp_ms, &letter.key, &letter.payload).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::dlq::choice::tests::letter;

    #[test]
    fn another_record_at_the_same_position_is_not_the_same() {
        let first = letter(0, 5, Some(1), "bad_time");
        let mut seen = Seen::default();
        assert!(!seen.contains(&first));
        seen.insert(&first);
        assert!(seen.contains(&letter(0, 5, Some(1), "bad_json")));
        assert!(!seen.contains(&letter(1, 5, Some(1), "bad_time")));
        assert!(
            !seen.contains(&letter(0, 5, Some(2), "bad_time")),
            "made anew"
        );
        let mut other = letter(0, 5, Some(1), "bad_time");
        other.payload = Some(Vec::new());
        assert!(!seen.contains(&other));
    }
}
