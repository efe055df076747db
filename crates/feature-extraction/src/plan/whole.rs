//! What a key must have seen before its features are those of the whole log, where records of it are missing:
//! because its lane began in the middle of the log, or because the key was evicted.
//!
//! Of what is missing one thing is known: no event time in it is after a certain one, here called the gap's
//! end. From it follows, for a record at event time t:
//!
//! - The record alone: whole at once.
//! - A window, also with `last` and whatever is kept of it: whole where t − delay − window ≥ the end, with a
//!   `resolution` one pane more, since it then begins after all that is missing.
//! - Labels: as their window, the retention later. A label that names an id which came twice may mean a
//!   record that is missing, as long as a key that has it would remember it.
//! - The marks of ids: for a t after the end by more than the dedup horizon.
//! - `time_since_last`: once a counted record after the end came, for records from that one on.
//! - `changed`, places and `sequence_gap`: once a counted record in order came after the end, since they
//!   compare with the one before.
//! - Counts of changes and of sequence events: their window after that, since what was found before may be
//!   wrong.
//! - `sequence_forks`: as these, and again for the window after the first number that does not go on: the
//!   second head matters then, which may be older than the end.
//! - A mean and deviation weighted by age: once one came 128 half-lives after the end, and values differ: see
//!   [`EWMA_HALF_LIVES`].
//! - Ranks weighted by age, and shares of cohorts: once one came 64 half-lives after the end: see
//!   [`RANK_HALF_LIVES`].
//! - `hour_of_week_rate`: once one came 64 half-lives and a week after the end, and after the first that is
//!   known, since it is divided by the time since the first.
//!
//! A key that was idle for longer than its time to live, as far as the end lets tell, has started afresh and
//! lacks nothing. Until something comes for a memory, a key lacks it for ever: the whole log may say that the
//! last restart of a terminal was a year ago.

/// Half-lives after which what is missing says nothing of a mean and deviation weighted by age. Its weight is
/// then below 2⁻¹²⁸ per record, and weighs in a deviation with the square of its value: of 10¹² (2⁴⁰), with
/// 2⁻⁴⁸ times the weight of a value of 1.
pub(crate) const EWMA_HALF_LIVES: i64 = 128;

/// Half-lives after which what is missing says nothing of a share, a rate or a rank weighted by age:
/// its weight is then below 2⁻⁶⁴ per record, where ranks are told apart to 2⁻³⁶ and a double to 2⁻⁵³.
pub(crate) const RANK_HALF_LIVES: i64 = 64;

/// Bits for what keys remember. Whatever is beyond them shares the last, and is not known before the
/// key starts afresh.
const BITS_MAX: u32 = u64::BITS;

/// When features are whole, found once per plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wholeness {
    /// From so long after the end of a gap on, no window and no flag depends on what is missing, in
    /// milliseconds.
    pub(crate) windows_ms: i64,
    /// What keys remember that features read, one bit each.
    pub(crate) remembered: Vec<Remembered>,
    /// The bits of what features cannot do without.
    pub(crate) needed: u64,
}

/// Something that a key remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) what: Recalled,
    /// From so long after it is known on, windows hold only events that were found with it known, in
    /// milliseconds.
    pub(crate) events_ms: i64,
}

/// Which memory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recalled {
    /// Index into [`Plan::sinces`](super::Plan::sinces).
    Since(usize),
    /// The second head of a sequence: an index into [`Plan::memories`](super::Plan::memories).
    OtherHead(usize),
    /// Index into [`Plan::memories`](super::Plan::memories).
    Memory(usize),
    /// Index into [`Plan::decayed`](super::Plan::decayed).
    Decayed(usize),
}

impl Wholeness {
    /// Of a plan with windows and memories like these.
    pub(crate) fn new(windows_ms: i64, remembered: Vec<Remembered>) -> Self {
        let is_needed = |r: &Remembered| !matches!(r.what, Recalled::OtherHead(_));
        let bits = remembered.iter().enumerate();
        let needed = bits.filter(|(_, r)| is_needed(r)).map(|(at, _)| bit(at));
        Self {
            windows_ms,
            needed: needed.fold(0, |all, bit| all | bit),
            remembered,
        }
    }

    /// The bits of all that is remembered.
    pub(crate) fn all(&self) -> u64 {
        (0..self.remembered.len()).fold(0, |all, at| all | bit(at))
    }

    /// What is remembered and can become known, with its bit.
    pub(crate) fn bits(&self) -> impl Iterator<Item = (u64, Remembered)> {
        let own = self.remembered.len() <= BITS_MAX as usize;
        let most = if own { BITS_MAX } else { BITS_MAX - 1 };
        let remembered = self.remembered.iter().take(most as usize).enumerate();
        remembered.map(|(at, remembered)| (bit(at), *remembered))
    }
}

pub(super) fn bit(at: usize) -> u64 {
    1 << at.min(BITS_MAX as usize - 1)
}
