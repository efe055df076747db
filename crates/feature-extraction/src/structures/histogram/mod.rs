//! Quantiles and robust z-scores: a count per bucket of values, 64 buckets per power of two.
//!
//! Cost: O(log b + b) words moved to keep a histogram of b buckets (a few hundred for amounts of
//! money), O(b) to read it. Space: 8 bytes per bucket that has a value, up to four times as many while
//! it is emptied. Small windows and late records are answered from a plain list of buckets, with the
//! same bits: O(n log n).

mod bucket;
mod counts;
mod middle;
mod rank;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use bucket::value_of;
pub(crate) use bucket::{bucket_of, bucket_of_word, bucket_word};
pub(crate) use counts::{Histogram, quantile_of, robust_z_of};
pub(crate) use middle::Middle;
pub(crate) use rank::{Bin, Ranked};
