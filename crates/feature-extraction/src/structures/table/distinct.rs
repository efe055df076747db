//! Number of distinct values of a large window: exact while there are few, sampled when there are
//! many.
//!
//! The estimate is defined by the window's hashes alone: with L the smallest number for which at
//! most [`EXACT_MAX`] distinct hashes end in L zero bits, it is 2^L times the number of those that
//! do. 1,024 to 2,048 hashes make the standard error at most 3.2 %.
//!
//! The table holds more than the estimate uses: the hashes that end in `level` zero bits, where
//! `level` only rises while there are more than [`EXACT_MAX`] that end in one zero more. So as
//! long as more than [`EXACT_MAX`] are held, L is not below `level`, and counters by the number of
//! zeros give L and the estimate without any trace of how the window came about. Once so many have
//! left that this ends, the table [is thin](Distinct::is_thin) and must be rebuilt from the window's
//! records; about a third of its distinct values or more have left since it was built.
//!
//! Cost: O(1) amortised to enter and leave, O(1) to read. Space: that of a table of at most 6,144
//! hashes, 98,304 bytes.

use super::counts::Table;

/// Distinct values that are counted one by one, and most that an estimate is made of.
pub(crate) const EXACT_MAX: usize = 2_048;

/// Hashes held at most: what fits the table's 8,192 slots.
pub(crate) const HELD_MAX: usize = 6_143;

/// Numbers of zero bits that a hash may end in.
const LEVELS: usize = 64;

/// The distinct hashes of a window, or a sample of them, and how often each occurs.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    table: Table,
    /// Zero bits that every held hash ends in.
    level: u32,
    /// Held hashes by the number of zeros they end in; empty as long as one hash more would still
    /// be counted exactly.
    levels: Vec<u32>,
}

impl Distinct {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.levels.capacity() * size_of::<u32>()
    }

    /// Forgets all hashes and gives the space back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts a hash; 0 is none.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64) {
        if self.holds_back(hash) || self.table.enter(hash) != 1 {
            return;
        }
        if let Some(held) = self.levels.get_mut(hash.trailing_zeros() as usize) {
            *held += 1;
        }
        if self.table.len() >= EXACT_MAX {
            self.bound();
        }
    }

    /// Takes back a hash that was counted.
    #[inline]
    pub(crate) fn leave(&mut self, hash: u64) {
        if self.holds_back(hash) {
            return;
        }
        if self.table.take(hash) == Some(0)
            && let Some(held) = self.levels.get_mut(hash.trailing_zeros() as usize)
        {
            *held -= 1;
        }
    }

    /// Whether too few hashes are held to read from: [`Distinct::rebuild`] comes first.
    #[inline]
    pub(crate) fn is_thin(&self) -> bool {
        self.level != 0 && self.table.len() <= EXACT_MAX
    }

    /// Starts again from all hashes of the window, repeated ones included.
    pub(crate) fn rebuild(&mut self, hashes: impl Iterator<Item = u64>) {
        self.clear();
        hashes.for_each(|hash| self.enter(hash));
    }

    /// Number of distinct hashes; `own` is one more, that is counted without being added.
    #[inline]
    pub(crate) fn read(&self, own: Option<u64>) -> f64 {
        debug_assert!(
            !self.is_thin(),
            "a thin sample must be rebuilt before it is read"
        );
        let own = own.filter(|&own| !self.holds_back(own) && self.table.get(own) == 0);
        let held = self.table.len() + usize::from(own.is_some());
        estimate(held, self.level, |level| {
            let own = own.is_some_and(|own| own.trailing_zeros() == level);
            let held = self.levels.get(level as usize).copied().unwrap_or(0);
            held as usize + usize::from(own)
        })
    }

    /// Appends the state as words: the level, whether there are counters, and the table.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            table,
            level,
            // Counted again; always as many, or none.
            levels,
        } = self;
        out.extend([*level, u32::from(!levels.is_empty())]);
        table.write(out);
    }

    /// Takes a written state from the front of `words`; `None` when it is not one.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let (&[level, counters], mut rest) = words.split_first_chunk()?;
        if level as usize >= LEVELS || counters > 1 {
            return None;
        }
        let mut distinct = Self {
            table: Table::read_from(&mut rest)?,
            level,
            levels: Vec::new(),
        };
        if distinct
            .table
            .iter()
            .any(|(hash, _)| hash.trailing_zeros() < level)
        {
            return None;
        }
        if counters == 1 {
            distinct.count_levels();
        } else if level != 0 || distinct.table.len() >= EXACT_MAX {
            return None;
        }
        *words = rest;
        Some(distinct)
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        self.table.validate();
        assert!(
            self.table
                .iter()
                .all(|(hash, _)| hash.trailing_zeros() >= self.level)
        );
        assert!(self.bytes() <= 8_192 * 12 + LEVELS * 4, "{}", self.bytes());
        if self.levels.is_empty() {
            assert!(self.level == 0 && self.table.len() < EXACT_MAX);
        } else {
            let mut counted = Self {
                table: Table::default(),
                level: 0,
                levels: vec![0; LEVELS],
            };
            for (hash, _) in self.table.iter() {
                counted.levels[hash.trailing_zeros() as usize] += 1;
            }
            assert_eq!(counted.levels, self.levels);
        }
    }

    /// Whether a hash is none, or not of the sample.
    #[inline]
    fn holds_back(&self, hash: u64) -> bool {
        hash == 0 || hash.trailing_zeros() < self.level
    }

    /// Keeps what is held within bounds, once the next hash may be one too many to be exact.
    ///
    /// A level whose hashes would not do is not taken; hashes that are mixed never leave one.
    fn bound(&mut self) {
        if self.levels.is_empty() {
            self.count_levels();
        }
        while self.table.len() > HELD_MAX {
            let left = self.table.len() - self.levels[self.level as usize] as usize;
            if left <= EXACT_MAX {
                return;
            }
            self.levels[self.level as usize] = 0;
            self.level += 1;
            let level = self.level;
            self.table.retain(|hash| hash.trailing_zeros() >= level);
        }
    }

    fn count_levels(&mut self) {
        self.levels = vec![0; LEVELS];
        for (hash, _) in self.table.iter() {
            self.levels[hash.trailing_zeros() as usize] += 1;
        }
    }
}

/// Which records [`distinct_of`] needs of those that every window which contains an older one contains
/// as well. They are shown from the newest to the oldest.
///
/// Of each value that is the newest; and once more than [`EXACT_MAX`] newer values end in some number of
/// zero bits, the estimate of no window with an older one is made of values that end in fewer than one
/// more, so that a window of n values needs about `EXACT_MAX` · (1 + ½ log₂(n / `EXACT_MAX`)) records.
#[derive(Debug)]
pub(crate) struct Newest {
    /// The values needed so far.
    seen: Table,
    /// Zero bits that an older value has to end in.
    level: u32,
    /// Values that end in so many zero bits, by the number of them.
    levels: [usize; LEVELS],
    /// Values that end in `level` zero bits.
    held: usize,
}

impl Default for Newest {
    fn default() -> Self {
        Self {
            seen: Table::default(),
            level: 0,
            levels: [0; LEVELS],
            held: 0,
        }
    }
}

impl Newest {
    /// Whether the next older record is needed, which has this hash; 0 is none.
    pub(crate) fn needs(&mut self, hash: u64) -> bool {
        let zeros = hash.trailing_zeros();
        if hash == 0 || zeros < self.level || self.seen.enter(hash) != 1 {
            return false;
        }
        self.levels[zeros as usize] += 1;
        self.held += 1;
        while self.held > EXACT_MAX {
            self.held -= self.levels[self.level as usize];
            self.level += 1;
        }
        true
    }
}

/// Hashes up to which comparing each with those before is faster than sorting.
const FEW: usize = 12;

/// [`Distinct::read`] of these hashes, which are sorted on the way; 0 is none.
pub(crate) fn distinct_of(hashes: &mut Vec<u64>) -> f64 {
    if hashes.len() <= FEW {
        let is_new = |at: &usize| hashes[*at] != 0 && !hashes[..*at].contains(&hashes[*at]);
        return (0..hashes.len()).filter(is_new).count() as f64;
    }
    hashes.sort_unstable();
    hashes.dedup();
    let hashes = hashes.strip_prefix(&[0]).unwrap_or(hashes);
    let mut levels = [0; LEVELS];
    if hashes.len() > EXACT_MAX {
        for hash in hashes {
            levels[hash.trailing_zeros() as usize] += 1;
        }
    }
    estimate(hashes.len(), 0, |level| levels[level as usize])
}

/// The estimate from the number of hashes that end in `level` zeros or more, given how many end in
/// exactly so many.
#[inline]
fn estimate(mut held: usize, mut level: u32, ending_in: impl Fn(u32) -> usize) -> f64 {
    while held > EXACT_MAX {
        held -= ending_in(level);
        level += 1;
    }
    if held == 0 {
        return 0.0;
    }
    held as f64 * (1u64 << level) as f64
}
