//! A hash table whose state is one vector of words, so that a copy stores and restores it.
//!
//! Open addressing with linear probing. A key's home is named by its highest bits (sampling looks at
//! the lowest), and the keys of a run stand in the order of their homes, equal homes in the order
//! of their keys. So a search ends where the key would stand, removing leaves no tombstones, and
//! the words are a function of the keys, their values and the capacity: no history can be read
//! from it, and a restored table goes on exactly like the one that was written.
//!
//! Keys must be well mixed. Cost: O(1). Space: 8 bytes and the value per slot; 3/16 to 3/4 of the slots
//! are used, except of the smallest table.

use std::marker::PhantomData;

use crate::words::{get64, set64};

/// Words of a key; no key is 0, which marks a free slot.
const KEY_WORDS: usize = 2;

/// Smallest table: 8 slots.
const BITS_MIN: u32 = 3;

/// Largest table that is read back: a billion slots.
const BITS_MAX: u32 = 30;

/// A value of fixed size.
pub(crate) trait Value: Copy {
    const WORDS: usize;

    /// From its words.
    fn get(words: &[u32]) -> Self;

    /// Into its words.
    fn put(self, words: &mut [u32]);
}

impl Value for u32 {
    const WORDS: usize = 1;

    #[inline]
    fn get(words: &[u32]) -> Self {
        words[0]
    }

    #[inline]
    fn put(self, words: &mut [u32]) {
        words[0] = self;
    }
}

impl Value for i64 {
    const WORDS: usize = 2;

    #[inline]
    fn get(words: &[u32]) -> Self {
        get64(words, 0).cast_signed()
    }

    #[inline]
    fn put(self, words: &mut [u32]) {
        set64(words, 0, self.cast_unsigned());
    }
}

/// Values by mixed 64-bit keys, none of which is 0.
#[derive(Debug, Clone)]
pub(crate) struct PodMap<V> {
    /// The slots: key, low half first, and value. All words of a free slot are 0.
    words: Vec<u32>,
    /// Keys held.
    len: usize,
    /// Logarithm of the number of slots; 0 when nothing is allocated.
    bits: u32,
    value: PhantomData<V>,
}

impl<V> Default for PodMap<V> {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            len: 0,
            bits: 0,
            value: PhantomData,
        }
    }
}

impl<V: Value> PodMap<V> {
    const STRIDE: usize = KEY_WORDS + V::WORDS;

    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u32>()
    }

    /// Number of keys.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets all keys and gives the space back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<V> {
        let slot = self.find(key).ok()?;
        Some(self.value_at(slot))
    }

    /// Sets the value of a key; gives the one it had.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        match self.find(key) {
            Ok(slot) => {
                let old = self.value_at(slot);
                self.set(slot, value);
                Some(old)
            }
            Err(slot) => {
                self.insert_at(slot, key, value);
                None
            }
        }
    }

    /// Forgets a key; gives the value it had.
    #[cfg(test)]
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        let slot = self.find(key).ok()?;
        let old = self.value_at(slot);
        self.remove_at(slot);
        Some(old)
    }

    /// Number of keys that fit without growing.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.slots() * 3 / 4
    }

    /// Keeps the entries that `keep` wants, in place.
    ///
    /// One pass: entries stand in the order of their homes, so each moves back to its home or as near to
    /// it as the one before it lets it. Starts behind a free slot, where no run goes on.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64, V) -> bool) {
        let slots = self.slots();
        let Some(free) = (0..slots).find(|slot| self.key_at(*slot) == 0) else {
            return;
        };
        let mut nearest = free + 1;
        // Slots behind the last one are those at the front.
        for at in free + 1..free + slots {
            let slot = at & (slots - 1);
            let key = self.key_at(slot);
            if key == 0 {
                continue;
            }
            let value = self.value_at(slot);
            if !keep(key, value) {
                self.vacate(slot);
                self.len -= 1;
                continue;
            }
            let place = nearest.max(at - self.distance(slot, key));
            nearest = place + 1;
            if place != at {
                self.vacate(slot);
                self.put(place & (slots - 1), key, value);
            }
        }
        self.shrink();
    }

    /// All entries, in an order that depends on the content and the capacity only.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, V)> + '_ {
        let slots = self.words.chunks_exact(Self::STRIDE);
        let entries = slots.map(|slot| (get64(slot, 0), V::get(&slot[KEY_WORDS..])));
        entries.filter(|(key, _)| *key != 0)
    }

    /// Appends the table as words: the logarithm of the number of slots, and the slots as they are.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            words,
            bits,
            // Counted again.
            len: _,
            value: _,
        } = self;
        out.push(*bits);
        out.extend_from_slice(words);
    }

    /// Takes a written table from the front of `words`; `None` when it is not one. Nothing is
    /// allocated that the words do not fill.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        Self::read_if(words, |_| true)
    }

    /// [`PodMap::read_from`], if every value is `valid`.
    pub(super) fn read_if(words: &mut &[u32], valid: impl Fn(V) -> bool) -> Option<Self> {
        let (&bits, rest) = words.split_first()?;
        if bits == 0 {
            *words = rest;
            return Some(Self::default());
        }
        if !(BITS_MIN..=BITS_MAX).contains(&bits) {
            return None;
        }
        let (slots, rest) = rest.split_at_checked(Self::STRIDE.checked_mul(1 << bits)?)?;
        let mut map = Self {
            words: slots.to_vec(),
            len: 0,
            bits,
            value: PhantomData,
        };
        map.len = map.ordered(valid)?;
        *words = rest;
        Some(map)
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        assert_eq!(self.words.len(), Self::STRIDE * self.slots());
        assert_eq!(self.words.capacity(), self.words.len());
        if self.bits == 0 {
            assert_eq!(self.len, 0);
            return;
        }
        assert_eq!(self.ordered(|_| true), Some(self.len));
        assert!(self.bits == BITS_MIN || self.len * 16 >= self.slots() * 3);
    }

    /// Slot of a key, or the one where it would stand.
    #[inline]
    pub(super) fn find(&self, key: u64) -> Result<usize, usize> {
        debug_assert_ne!(key, 0, "0 marks a free slot");
        if self.bits == 0 {
            return Err(0);
        }
        let mut slot = self.home(key);
        let mut distance = 0;
        loop {
            let known = self.key_at(slot);
            if known == key {
                return Ok(slot);
            }
            let known_distance = self.distance(slot, known);
            if known == 0
                || known_distance < distance
                || (known_distance == distance && known > key)
            {
                return Err(slot);
            }
            slot = self.next(slot);
            distance += 1;
        }
    }

    #[inline]
    pub(super) fn value_at(&self, slot: usize) -> V {
        V::get(&self.words[slot * Self::STRIDE..][KEY_WORDS..Self::STRIDE])
    }

    #[inline]
    pub(super) fn set(&mut self, slot: usize, value: V) {
        value.put(&mut self.words[slot * Self::STRIDE..][KEY_WORDS..Self::STRIDE]);
    }

    /// Adds a key that is not there; `slot` is where it would stand.
    pub(super) fn insert_at(&mut self, mut slot: usize, key: u64, value: V) {
        if self.len >= self.room() {
            self.resize((self.bits + 1).max(BITS_MIN));
            slot = self.find(key).unwrap_or_else(|free| free);
        }
        self.open(slot, key, value);
        self.len += 1;
    }

    pub(super) fn remove_at(&mut self, slot: usize) {
        self.close(slot);
        self.len -= 1;
        self.shrink();
    }

    #[inline]
    fn slots(&self) -> usize {
        self.words.len() / Self::STRIDE
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        (key >> (u64::BITS - self.bits)) as usize
    }

    #[inline]
    fn next(&self, slot: usize) -> usize {
        (slot + 1) & ((1 << self.bits) - 1)
    }

    /// How far behind its home a key in `slot` stands.
    #[inline]
    fn distance(&self, slot: usize, key: u64) -> usize {
        slot.wrapping_sub(self.home(key)) & ((1 << self.bits) - 1)
    }

    #[inline]
    fn key_at(&self, slot: usize) -> u64 {
        get64(&self.words[slot * Self::STRIDE..][..KEY_WORDS], 0)
    }

    #[inline]
    fn put(&mut self, slot: usize, key: u64, value: V) {
        let words = &mut self.words[slot * Self::STRIDE..][..Self::STRIDE];
        set64(words, 0, key);
        value.put(&mut words[KEY_WORDS..]);
    }

    #[inline]
    fn vacate(&mut self, slot: usize) {
        self.words[slot * Self::STRIDE..][..Self::STRIDE].fill(0);
    }

    /// Writes an entry to `slot` and moves the rest of the run there one slot on.
    #[inline]
    fn open(&mut self, mut slot: usize, mut key: u64, mut value: V) {
        loop {
            let (moved, moved_value) = (self.key_at(slot), self.value_at(slot));
            self.put(slot, key, value);
            if moved == 0 {
                return;
            }
            (key, value) = (moved, moved_value);
            slot = self.next(slot);
        }
    }

    /// Frees `slot` and moves the rest of its run, as far as it is not at home, one slot back.
    #[inline]
    fn close(&mut self, mut slot: usize) {
        loop {
            let next = self.next(slot);
            let key = self.key_at(next);
            if key == 0 || self.distance(next, key) == 0 {
                self.vacate(slot);
                return;
            }
            self.put(slot, key, self.value_at(next));
            slot = next;
        }
    }

    /// Halves the table until enough of it is used again, far from where it would grow.
    fn shrink(&mut self) {
        let mut bits = self.bits;
        while bits > BITS_MIN && self.len * 16 < (3 << bits) {
            bits -= 1;
        }
        if bits != self.bits {
            self.resize(bits);
        }
    }

    fn resize(&mut self, bits: u32) {
        let old = std::mem::take(self);
        self.bits = bits;
        self.words = vec![0; Self::STRIDE << bits];
        self.len = old.len;
        for (key, value) in old.iter() {
            let slot = self.find(key).unwrap_or_else(|free| free);
            self.open(slot, key, value);
        }
    }

    /// Number of keys, if a search finds each of them, none twice, there is room to end it, and
    /// every value is `valid`.
    ///
    /// Starts behind a free slot, where no run goes on, and has no branch that a used slot could
    /// take by surprise.
    fn ordered(&self, valid: impl Fn(V) -> bool) -> Option<usize> {
        let free = (0..self.slots()).find(|&slot| self.key_at(slot) == 0)?;
        let (before, behind) = self.words.split_at(free * Self::STRIDE);
        let entries = behind.chunks_exact(Self::STRIDE);
        let entries = entries.chain(before.chunks_exact(Self::STRIDE));
        // Farthest that the next key may be from its home without leaving a gap, and the key before.
        let (mut farthest, mut previous) = (0, 0);
        let (mut keys, mut sound, mut slot) = (0, true, free);
        entries.for_each(|entry| {
            let key = get64(entry, 0);
            let used = key != 0;
            let distance = self.distance(slot, key);
            let same_home = (distance == farthest) & (farthest != 0);
            let in_order = (distance <= farthest) & (!same_home | (key > previous));
            sound &= !used | (in_order & valid(V::get(&entry[KEY_WORDS..])));
            (farthest, previous) = (if used { distance + 1 } else { 0 }, key);
            keys += usize::from(used);
            slot = self.next(slot);
        });
        (sound && keys * 4 <= self.slots() * 3).then_some(keys)
    }
}
