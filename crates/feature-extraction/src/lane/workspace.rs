//! Room that is lent to lanes.

use super::batch::Chunk;
use crate::fold::Scratch;

/// Room that lanes work in: one for each thread, lent to whichever lane runs there. What it holds between
/// batches changes no result, so one lane after the other may use it, of whatever plans.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) scratch: Scratch,
    pub(super) chunk: Chunk,
}

impl Workspace {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.scratch.bytes() + self.chunk.bytes()
    }
}
