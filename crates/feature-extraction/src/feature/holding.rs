//! What a window holds besides totals: its values, to be counted or ranked.
//!
//! A small window is looked at record by record whenever it is asked; a larger one keeps a
//! [`Held`], which records enter and leave. Cost: at most [`SCAN_MAX`] looks per record, or O(1)
//! amortised to keep and what the structure says to ask; for a record that is not in order, a move to
//! its window and back, O(1) per row in which that differs from the newest, or a look at each of its
//! rows. Space: 8 bytes per record for a value's hash, 4 for its bucket, shared by all windows, and
//! that of the structure for a larger window.

use std::ops::Range;

use crate::feature::histogram::{Histogram, quantile_of, robust_z_of};
use crate::feature::table::Table;
use crate::feature::table::distinct::{Distinct, distinct_of};
use crate::feature::table::entropy::{Entropy, entropy_of};
use crate::history::History;
use crate::inputs::BUCKET_BIAS;
use crate::layout::get64;
use crate::plan::{Holding, HoldingRead, HoldingSpec, Plan};

/// Records that are looked at one by one; beyond, the window's values are kept.
pub(crate) const SCAN_MAX: u32 = 48;

/// A record that is not in order has what is held moved to its window where the rows in which the two differ
/// are less than this part of it.
const MOVE_PART: usize = 8;

/// Records below which they are given up again.
pub(crate) const HELD_MIN: u32 = 12;

/// The values of a larger window.
#[derive(Debug)]
pub(crate) enum Held {
    Distinct(Distinct),
    Entropy(Entropy),
    Counts(Table),
    Histogram(Histogram),
}

/// `None` while the window is small.
pub(crate) type Slot = Option<Box<Held>>;

/// Rows of a window, from the start bound to the end bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn len(self) -> u32 {
        self.end - self.start
    }

    /// Its rows that are not in `other`: those before it, and those behind it.
    #[inline]
    pub(crate) fn without(self, other: Self) -> [Range<u32>; 2] {
        [
            self.start..self.end.min(other.start),
            self.start.max(other.end)..self.end,
        ]
    }

    /// Number of rows that are in one of the two only.
    pub(crate) fn apart(self, other: Self) -> usize {
        let [before, behind] = self.without(other);
        let [other_before, other_behind] = other.without(self);
        before.len() + behind.len() + other_before.len() + other_behind.len()
    }
}

/// What the record at hand adds to what is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    /// Its value, where it is in the window and counts; else 0.
    pub(crate) value: u64,
    /// Hash of its columns, for repeats; 0 where one is null.
    pub(crate) hash: u64,
    /// Its number, for a robust z; NaN where it has none.
    pub(crate) number: f64,
}

impl Held {
    fn new(holding: Holding) -> Self {
        match holding {
            Holding::Distinct => Self::Distinct(Distinct::default()),
            Holding::Entropy => Self::Entropy(Entropy::default()),
            Holding::Counts => Self::Counts(Table::default()),
            Holding::Histogram => Self::Histogram(Histogram::default()),
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Distinct(distinct) => distinct.bytes(),
                Self::Entropy(entropy) => entropy.bytes(),
                Self::Counts(table) => table.bytes(),
                Self::Histogram(histogram) => histogram.bytes(),
            }
    }

    fn enter(&mut self, value: u64) {
        match self {
            Self::Distinct(distinct) => distinct.enter(value),
            Self::Entropy(entropy) => entropy.enter(value),
            Self::Counts(table) => {
                table.enter(value);
            }
            Self::Histogram(histogram) => histogram.enter(bucket(value)),
        }
    }

    fn leave(&mut self, value: u64) {
        match self {
            Self::Distinct(distinct) => distinct.leave(value),
            Self::Entropy(entropy) => entropy.leave(value),
            Self::Counts(table) => {
                table.leave(value);
            }
            Self::Histogram(histogram) => histogram.leave(bucket(value)),
        }
    }

    /// What is asked of the window as it stands at the watermark.
    pub(crate) fn read(&self, read: HoldingRead, own: Own) -> f64 {
        let entering = (own.value != 0).then_some(own.value);
        match (self, read) {
            (Self::Distinct(distinct), _) => distinct.read(entering),
            (Self::Entropy(entropy), _) => entropy.read(entering),
            (Self::Counts(table), _) => repeats(own, f64::from(table.get(own.hash))),
            (Self::Histogram(histogram), HoldingRead::RobustZ { is_log, .. }) => {
                histogram.robust_z(own.number, is_log, entering.map(bucket))
            }
            (Self::Histogram(histogram), HoldingRead::Quantile { q }) => {
                histogram.quantile(q, entering.map(bucket))
            }
            _ => f64::NAN,
        }
    }

    /// Everything as words, see [`Held::read_from`].
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        match self {
            Self::Distinct(distinct) => distinct.write(out),
            Self::Entropy(entropy) => entropy.write(out),
            Self::Counts(table) => table.write(out),
            Self::Histogram(histogram) => histogram.write(out),
        }
    }

    /// What was written of a window with `holding`; nothing when it cannot have been.
    pub(crate) fn read_from(holding: Holding, words: &mut &[u32]) -> Option<Self> {
        Some(match holding {
            Holding::Distinct => Self::Distinct(Distinct::read_from(words)?),
            Holding::Entropy => Self::Entropy(Entropy::read_from(words)?),
            Holding::Counts => Self::Counts(Table::read_from(words)?),
            Holding::Histogram => Self::Histogram(Histogram::read_from(words)?),
        })
    }
}

/// Records equal to this one: those counted, and itself where it is in the window.
fn repeats(own: Own, others: f64) -> f64 {
    if own.hash == 0 {
        return f64::NAN;
    }
    others + f64::from(u8::from(own.value != 0))
}

#[inline]
fn bucket(value: u64) -> i32 {
    // Asked of hashes as well, whose answer nobody uses.
    (value as u32).cast_signed().wrapping_sub(BUCKET_BIAS)
}

impl HoldingSpec {
    /// The value of a kept record, 0 where it does not count.
    #[inline]
    fn value(&self, plan: &Plan, history: &History, row: u32) -> u64 {
        history.raw(plan, row, self.raw, self.is_short)
    }

    /// The value of a record that is not kept yet.
    #[inline]
    pub(crate) fn value_of(&self, delta: &[u32]) -> u64 {
        if self.is_short {
            u64::from(delta[self.raw])
        } else {
            get64(delta, self.raw)
        }
    }

    /// What is asked of the window `rows` of a record that is not in order, by moving what is held there
    /// and back; `None` where it is faster to look at each row.
    pub(crate) fn read_at(
        &self,
        plan: &Plan,
        history: &History,
        held: &mut Held,
        rows: Span,
        (read, own): (HoldingRead, Own),
    ) -> Option<f64> {
        let now = Span {
            start: history.cursor(self.start_bound),
            end: history.cursor(self.end_bound),
        };
        if now.apart(rows) > rows.len() as usize / MOVE_PART {
            return None;
        }
        self.shift(plan, history, held, (now, rows));
        let value = held.read(read, own);
        self.shift(plan, history, held, (rows, now));
        Some(value)
    }

    /// Moves what is held of the window `old` to `new`. What comes and goes in one step does neither.
    #[inline]
    fn shift(&self, plan: &Plan, history: &History, held: &mut Held, (old, new): (Span, Span)) {
        for row in new.without(old).into_iter().flatten() {
            let value = self.value(plan, history, row);
            if value != 0 {
                held.enter(value);
            }
        }
        for row in old.without(new).into_iter().flatten() {
            let value = self.value(plan, history, row);
            if value != 0 {
                held.leave(value);
            }
        }
        if let Held::Distinct(distinct) = held
            && distinct.is_thin()
        {
            let values = (new.start..new.end).map(|row| self.value(plan, history, row));
            distinct.rebuild(values.filter(|value| *value != 0));
        }
    }

    /// Moves the window from `old` to `new`, which begins and ends no earlier.
    #[inline]
    pub(crate) fn advance(
        &self,
        plan: &Plan,
        history: &History,
        slot: &mut Slot,
        (old, new): (Span, Span),
    ) {
        let size = new.end - new.start;
        match slot {
            Some(held) if size >= HELD_MIN => {
                self.shift(plan, history, held, (old, new));
            }
            Some(_) => *slot = None,
            None if size > SCAN_MAX => {
                let mut held = Box::new(Held::new(self.holding));
                for row in new.start..new.end {
                    let value = self.value(plan, history, row);
                    if value != 0 {
                        held.enter(value);
                    }
                }
                *slot = Some(held);
            }
            None => {}
        }
    }

    /// Lets the rows before `expired` leave that are not `needed` any more: the window still contains
    /// their records, and knows of them by other rows.
    pub(crate) fn thin(
        &self,
        plan: &Plan,
        history: &History,
        slot: &mut Slot,
        needed: &[u32],
        expired: u32,
    ) {
        let Some(held) = slot else { return };
        let span = history.cursor(self.start_bound)..history.cursor(self.end_bound).min(expired);
        let before = needed.partition_point(|row| *row < span.start);
        let mut needed = needed[before..].iter().peekable();
        for row in span {
            if needed.next_if_eq(&&row).is_some() {
                continue;
            }
            let value = self.value(plan, history, row);
            if value != 0 {
                held.leave(value);
            }
        }
    }

    /// Lets one record enter.
    #[inline]
    pub(crate) fn enter(&self, slot: &mut Slot, value: u64) {
        if let Some(held) = slot
            && value != 0
        {
            held.enter(value);
        }
    }

    /// What is asked, by looking at each record of `rows`.
    pub(crate) fn scan(
        &self,
        plan: &Plan,
        history: &History,
        rows: Span,
        (read, own): (HoldingRead, Own),
        scratch: &mut Scratch,
    ) -> f64 {
        let values = (rows.start..rows.end).map(|row| self.value(plan, history, row));
        let counted = values.chain([own.value]).filter(|value| *value != 0);
        match read {
            HoldingRead::Repeats { .. } => {
                let same = counted.filter(|value| *value == own.hash).count();
                let others = same - usize::from(own.value != 0 && own.value == own.hash);
                repeats(own, others as f64)
            }
            HoldingRead::Distinct | HoldingRead::Entropy => {
                let hashes = &mut scratch.hashes;
                hashes.clear();
                hashes.extend(counted);
                match read {
                    HoldingRead::Entropy => entropy_of(hashes),
                    _ => distinct_of(hashes),
                }
            }
            HoldingRead::Quantile { .. } | HoldingRead::RobustZ { .. } => {
                let buckets = &mut scratch.buckets;
                buckets.clear();
                buckets.extend(counted.map(bucket));
                match read {
                    HoldingRead::Quantile { q } => quantile_of(buckets, q),
                    HoldingRead::RobustZ { is_log, .. } => robust_z_of(buckets, own.number, is_log),
                    _ => f64::NAN,
                }
            }
        }
    }
}

/// Working memory of a scan.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    hashes: Vec<u64>,
    buckets: Vec<i32>,
}
