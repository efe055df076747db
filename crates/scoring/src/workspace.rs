//! Room that is lent to scorers.

use crate::model::Signal;
use crate::runner::{Room, Tools};

/// Room that scorers work in: one for each thread, lent to whichever scorer runs there. What it holds between
/// batches changes no result, so one lane after the other may use it, of whatever models.
#[derive(Debug, Default)]
pub struct Workspace {
    /// One per runner of the scorer that used it last.
    pub(crate) rooms: Vec<Room>,
    pub(crate) tools: Tools,
    pub(crate) signals: Vec<Signal>,
}

impl Workspace {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(Room::bytes).sum();
        let signals = self.signals.capacity() * size_of::<Signal>();
        rooms + self.tools.bytes() + signals
    }
}
