//! A monotonic queue: the records that no later one beats.
//!
//! Values fall from front to back, so the largest of a window is the first entry inside it. Cost: O(1)
//! amortised to keep, O(log q) to ask, with q entries (about ln n for values in random order, n at worst).
//! Space: 16 bytes per entry.

use bytemuck::{Pod, Zeroable};

use crate::words::{take, take_run};

/// Entries at the front that may be dead before the rest is moved up.
const DEAD_MIN: usize = 8;

/// Entries that are looked at one by one before the rest is halved.
const NEAR: usize = 4;

/// The records of a key that may still be the largest of some window.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// From `head`: times ascending, ranks strictly descending.
    entries: Vec<Entry>,
    head: usize,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) time_ms: i64,
    /// Orders values so that the wanted one is the largest.
    pub(crate) rank: i64,
}

/// Words of an entry.
const ENTRY_WORDS: usize = size_of::<Entry>() / size_of::<u32>();

/// Most entries that there is room for beside those there are.
fn most_capacity(length: usize) -> usize {
    4 * length + 64
}

impl Queue {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Reads a word of its oldest and newest values, so that the processor fetches their cache lines.
    #[inline]
    pub(crate) fn prefetch(&self) -> u32 {
        let oldest = self.entries.get(self.head).map_or(0, |entry| entry.time_ms);
        let newest = self.entries.last().map_or(0, |entry| entry.time_ms);
        (oldest ^ newest) as u32
    }

    /// Forgets every value and gives the room back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Appends everything as words: `capacity | entries | dead ones | entries`.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self { entries, head } = self;
        out.extend([entries.capacity(), entries.len(), *head].map(|n| n as u32));
        out.extend_from_slice(bytemuck::cast_slice(entries));
    }

    /// What was written; nothing when it cannot have been.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let (capacity, length) = (take(words)? as usize, take(words)? as usize);
        let head = take(words)? as usize;
        let written = take_run(words, length.checked_mul(ENTRY_WORDS)?)?;
        if head > length || capacity < length || capacity > most_capacity(length) {
            return None;
        }
        let mut entries = Vec::new();
        entries.reserve_exact(capacity);
        entries.resize(length, Entry::zeroed());
        bytemuck::cast_slice_mut(&mut entries).copy_from_slice(written);
        let live = &entries[head..];
        let is_sound = live
            .windows(2)
            .all(|pair| pair[0].time_ms <= pair[1].time_ms && pair[0].rank > pair[1].rank);
        is_sound.then_some(Self { entries, head })
    }

    /// Adds a value that is not older than any other.
    #[inline]
    pub(crate) fn push(&mut self, time_ms: i64, rank: i64) {
        while self.entries.len() > self.head
            && self.entries.last().is_some_and(|last| last.rank <= rank)
        {
            self.entries.pop();
        }
        self.entries.push(Entry { time_ms, rank });
        self.give_back();
    }

    /// Adds a late value: it stays only if nothing later beats it, and beats what came before.
    pub(crate) fn insert(&mut self, time_ms: i64, rank: i64) {
        let live = &self.entries[self.head..];
        let place = live.partition_point(|entry| entry.time_ms <= time_ms);
        if live.get(place).is_some_and(|later| later.rank >= rank) {
            return;
        }
        let beaten = live[..place].partition_point(|entry| entry.rank > rank);
        let (from, to) = (self.head + beaten, self.head + place);
        self.entries.splice(from..to, [Entry { time_ms, rank }]);
        self.give_back();
    }

    /// Drops entries at or before `limit_ms`.
    #[inline]
    pub(crate) fn expire(&mut self, limit_ms: i64) {
        while self
            .entries
            .get(self.head)
            .is_some_and(|e| e.time_ms <= limit_ms)
        {
            self.head += 1;
        }
        if self.head >= DEAD_MIN && self.head * 2 >= self.entries.len() {
            self.entries.drain(..self.head);
            self.head = 0;
            self.give_back();
        }
    }

    /// Gives back room that is not used, where it is most of it.
    #[inline]
    fn give_back(&mut self) {
        if self.entries.capacity() > most_capacity(self.entries.len()) {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Looks at it from its oldest value on.
    #[inline]
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk {
            live: &self.entries[self.head..],
            at: 0,
            limit_ms: i64::MIN,
        }
    }
}

/// A queue asked for one window after the other: most often each is shorter than the one before.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    live: &'a [Entry],
    /// The first entry after `limit_ms`.
    at: usize,
    limit_ms: i64,
}

impl Walk<'_> {
    /// The entry of the highest rank after `limit_ms`.
    #[inline]
    pub(crate) fn first_after(&mut self, limit_ms: i64) -> Option<Entry> {
        if limit_ms < self.limit_ms {
            self.at = 0;
        }
        self.limit_ms = limit_ms;
        let is_before = |entry: &Entry| entry.time_ms <= limit_ms;
        let rest = &self.live[self.at..];
        // Most windows begin with the same entry as the one before, or a few entries later.
        let near = rest.iter().take(NEAR).take_while(|entry| is_before(entry));
        self.at += match near.count() {
            NEAR => rest.partition_point(is_before),
            passed => passed,
        };
        self.live.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(entry: Option<Entry>) -> Option<i64> {
        entry.map(|entry| entry.rank)
    }

    fn highest(queue: &Queue, limit_ms: i64) -> Option<i64> {
        rank(queue.walk().first_after(limit_ms))
    }

    #[test]
    fn answers_shorter_windows_from_the_same_queue() {
        let mut queue = Queue::default();
        for (time, rank) in [(1, 9), (2, 3), (3, 5), (4, 1)] {
            queue.push(time, rank);
        }
        assert_eq!(highest(&queue, 0), Some(9));
        assert_eq!(highest(&queue, 1), Some(5));
        assert_eq!(highest(&queue, 3), Some(1));
        assert_eq!(highest(&queue, 4), None);
        queue.insert(2, 7);
        assert_eq!(highest(&queue, 1), Some(7));
        queue.insert(2, 4);
        assert_eq!(highest(&queue, 2), Some(5));
        queue.expire(2);
        assert_eq!(highest(&queue, 0), Some(5));
    }

    #[test]
    fn walks_from_window_to_window() {
        let mut queue = Queue::default();
        (0..1_000).for_each(|time| queue.push(time, -time));
        let mut walk = queue.walk();
        for limit in [-1, 0, 3, 4, 9, 9, 500, 501, 20, 998] {
            assert_eq!(rank(walk.first_after(limit)), Some(-(limit + 1)), "{limit}");
        }
        assert_eq!(rank(walk.first_after(999)), None);
        assert_eq!(rank(walk.first_after(5_000)), None);
        assert_eq!(rank(walk.first_after(998)), Some(-999));
    }

    #[test]
    fn what_was_long_is_read_back() {
        for late in [false, true] {
            let mut queue = Queue::default();
            for time in 0..1_000 {
                queue.push(time, -time);
            }
            let time_ms = if late { 999 } else { 1_000 };
            if late {
                queue.insert(time_ms, 1);
            } else {
                queue.push(time_ms, 1);
            }
            let mut written = Vec::new();
            queue.write(&mut written);
            let read = Queue::read_from(&mut written.as_slice()).unwrap();
            assert_eq!(read.bytes(), queue.bytes());
        }
    }
}
