//! What whoever runs a lane hears of it, and decides for it, batch by batch.

use tillwatch_scoring::Effort;

/// A part of a lane's work on a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes to rows.
    Decode,
    /// Rows to features, reference data joined and every stage passed.
    Features,
    /// Features to scores.
    Scoring,
}

/// Goes with a batch through [`Lane::process`](crate::Lane::process). The lane reads no clock: an observer
/// that wants to know how long a step takes reads its own when it is called.
///
/// Called in this order: `over` of decode (not for a batch that comes decoded) and of features, `effort`,
/// `over` of scoring. Where a step fails, nothing is called after it.
pub trait Observer {
    /// How much is asked of the scoring of `rows` rows.
    fn effort(&mut self, rows: usize) -> Effort {
        let _ = rows;
        Effort::Full
    }

    /// A step is over.
    fn over(&mut self, step: Step) {
        let _ = step;
    }
}

/// Asks for everything and listens to nothing.
impl Observer for () {}
