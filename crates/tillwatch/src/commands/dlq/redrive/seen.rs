//! Records that a letter was already dealt with of.

use std::collections::{HashMap, HashSet};

use tillwatch_sink::Letter;

/// Positions that are remembered: some 50 MB. Letters of one record are written within minutes of each
/// other, so what is remembered first is what is met again.
const POSITIONS_MAX: usize = 1_000_000;

/// Positions of records.
#[derive(Default)]
pub struct Seen {
    /// By topic: partition and offset.
    topics: HashMap<String, HashSet<(i32, i64)>>,
    positions: usize,
}

impl Seen {
    pub fn contains(&self, letter: &Letter) -> bool {
        let positions = self.topics.get(&*letter.source.topic);
        positions.is_some_and(|positions| positions.contains(&place(letter)))
    }

    pub fn insert(&mut self, letter: &Letter) {
        if self.positions >= POSITIONS_MAX {
            return;
        }
        let topic = letter.source.topic.to_string();
        let is_new = self.topics.entry(topic).or_default().insert(place(letter));
        self.positions += usize::from(is_new);
    }
}

fn place(letter: &Letter) -> (i32, i64) {
    (letter.source.partition, letter.offset)
}
