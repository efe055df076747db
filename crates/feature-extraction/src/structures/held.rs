//! What a window holds besides totals: its values, to be counted or ranked.
//!
//! Each answer comes in two ways that agree bit for bit: from a structure that values enter and leave, and
//! from a plain list of the values.

use super::histogram::{Histogram, bucket_of_word, quantile_of, robust_z_of};
use super::table::Table;
use super::table::distinct::{Distinct, distinct_of};
use super::table::entropy::{Entropy, entropy_of};
use super::table::frequent::{Frequent, top_share_of};

/// What a window keeps when it is too large to be looked at record by record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    /// Distinct values, sampled when there are many.
    Distinct,
    /// Counts of values and their entropy.
    Entropy,
    /// Counts of values.
    Counts,
    /// Counts of values, and of their counts.
    Frequent,
    /// Counts of histogram buckets.
    Histogram,
}

/// How a holding is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HoldingRead {
    Distinct,
    Entropy,
    /// Of the record's own values, an index into the hashes of the plan.
    Repeats {
        hash: usize,
    },
    TopShare,
    Quantile {
        q: f64,
    },
    RobustZ {
        /// Of the record itself, an index into the numbers of the plan.
        number: usize,
        is_log: bool,
    },
}

/// The values of a larger window.
#[derive(Debug)]
pub(crate) enum Held {
    Distinct(Distinct),
    Entropy(Entropy),
    Counts(Table),
    Frequent(Frequent),
    Histogram(Histogram),
}

/// `None` while the window is small.
pub(crate) type HeldSlot = Option<Box<Held>>;

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
    /// Of no values.
    pub(crate) fn new(holding: Holding) -> Self {
        match holding {
            Holding::Distinct => Self::Distinct(Distinct::default()),
            Holding::Entropy => Self::Entropy(Entropy::default()),
            Holding::Counts => Self::Counts(Table::default()),
            Holding::Frequent => Self::Frequent(Frequent::default()),
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
                Self::Frequent(frequent) => frequent.bytes(),
                Self::Histogram(histogram) => histogram.bytes(),
            }
    }

    /// Lets a value enter.
    #[inline]
    pub(crate) fn enter(&mut self, value: u64) {
        match self {
            Self::Distinct(distinct) => distinct.enter(value),
            Self::Entropy(entropy) => entropy.enter(value),
            Self::Counts(table) => {
                table.enter(value);
            }
            Self::Frequent(frequent) => frequent.enter(value),
            Self::Histogram(histogram) => histogram.enter(bucket(value)),
        }
    }

    /// Takes back a value that entered.
    #[inline]
    pub(crate) fn leave(&mut self, value: u64) {
        match self {
            Self::Distinct(distinct) => distinct.leave(value),
            Self::Entropy(entropy) => entropy.leave(value),
            Self::Counts(table) => {
                table.leave(value);
            }
            Self::Frequent(frequent) => frequent.leave(value),
            Self::Histogram(histogram) => histogram.leave(bucket(value)),
        }
    }

    /// What is asked of the window as it stands at the watermark.
    #[inline]
    pub(crate) fn read(&self, read: HoldingRead, own: Own) -> f64 {
        let entering = (own.value != 0).then_some(own.value);
        match (self, read) {
            (Self::Distinct(distinct), _) => distinct.read(entering),
            (Self::Entropy(entropy), _) => entropy.read(entering),
            (Self::Counts(table), _) => repeats(own, f64::from(table.get(own.hash))),
            (Self::Frequent(frequent), _) => frequent.top_share(entering),
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
            Self::Frequent(frequent) => frequent.write(out),
            Self::Histogram(histogram) => histogram.write(out),
        }
    }

    /// What was written of a window with `holding`; nothing when it cannot have been.
    pub(crate) fn read_from(holding: Holding, words: &mut &[u32]) -> Option<Self> {
        Some(match holding {
            Holding::Distinct => Self::Distinct(Distinct::read_from(words)?),
            Holding::Entropy => Self::Entropy(Entropy::read_from(words)?),
            Holding::Counts => Self::Counts(Table::read_from(words)?),
            Holding::Frequent => Self::Frequent(Frequent::read_from(words)?),
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

/// The bucket of a value that is one.
#[inline]
fn bucket(value: u64) -> i32 {
    // Asked of hashes as well, whose answer nobody uses.
    bucket_of_word(value as u32)
}

/// Values that are looked at one by one, in lists that are reused.
#[derive(Debug, Default)]
pub(crate) struct Values {
    hashes: Vec<u64>,
    buckets: Vec<i32>,
}

impl Values {
    /// What is asked of `counted`: the values of a window, that of the record itself among them.
    pub(crate) fn read(
        &mut self,
        read: HoldingRead,
        own: Own,
        counted: impl Iterator<Item = u64>,
    ) -> f64 {
        match read {
            HoldingRead::Repeats { .. } => {
                let same = counted.filter(|value| *value == own.hash).count();
                let others = same - usize::from(own.value != 0 && own.value == own.hash);
                repeats(own, others as f64)
            }
            HoldingRead::Distinct | HoldingRead::Entropy | HoldingRead::TopShare => {
                let hashes = &mut self.hashes;
                hashes.clear();
                hashes.extend(counted);
                match read {
                    HoldingRead::Entropy => entropy_of(hashes),
                    HoldingRead::TopShare => top_share_of(hashes),
                    _ => distinct_of(hashes),
                }
            }
            HoldingRead::Quantile { .. } | HoldingRead::RobustZ { .. } => {
                let buckets = &mut self.buckets;
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
