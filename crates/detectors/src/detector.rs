//! What every detector can do.

use crate::error::DetectorError;

/// A model that learns from the rows it scores. One per lane: it sees the lane's rows in their
/// order, one after the other, and what it says of a row depends on the rows before it alone.
///
/// For every row, in this order: [`score`](Self::score); if reasons are wanted,
/// [`attribution`](Self::attribution); [`learn`](Self::learn), unless the row is to leave no trace.
pub trait Detector: std::fmt::Debug + Send {
    /// How many values a row has.
    fn inputs(&self) -> usize;

    /// How unlike the rows before it `row` is, 0 to 1. Values are raw features in the order of the
    /// settings' inputs; NaN is a missing one, and so is one that `row` is too short for.
    ///
    /// The row is remembered, in place of the one before it, until it is learnt.
    fn score(&mut self, row: &[f64]) -> f64;

    /// What each input contributed to the score of the row that was scored and not yet learnt: one
    /// number per input into `out`. What the numbers add up to is said by each detector. Zeros if
    /// there is no such row.
    fn attribution(&self, out: &mut [f64]);

    /// Learns from the row that was scored last; does nothing if that was learnt already.
    fn learn(&mut self);

    /// [`score`](Self::score), then [`learn`](Self::learn).
    fn score_and_learn(&mut self, row: &[f64]) -> f64 {
        let score = self.score(row);
        self.learn();
        score
    }

    /// Whether it has seen enough rows for its scores to mean something.
    fn is_warm(&self) -> bool;

    /// All that was learnt so far, to be written while the detector goes on. A row that was scored and not
    /// learnt is no part of it.
    fn freeze(&self) -> Box<dyn Frozen>;

    /// Appends all that was learnt so far.
    fn write(&self, out: &mut Vec<u8>) {
        let mut frozen = self.freeze();
        while !frozen.write_some(out, usize::MAX) {}
    }

    /// Takes over what a detector with the same settings has written, and goes on from there bit for bit.
    ///
    /// # Errors
    /// Refuses what another detector wrote and what was damaged. The detector is then as it was before.
    fn read(&mut self, bytes: &[u8]) -> Result<(), DetectorError>;

    /// Bytes that it takes up by itself, without what it shares with its copies.
    fn state_bytes(&self) -> usize;
}

/// What a detector had learnt when it was frozen.
pub trait Frozen: std::fmt::Debug + Send {
    /// Appends about `bytes` more of it to `out`, and gives whether that was all. The first call begins where
    /// `out` ends, and nothing else is appended to it until all is written.
    ///
    /// A piece that is not divided, such as a tree, may be larger than `bytes`.
    fn write_some(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool;
}
