//! What a cut of a lane holds until it is whole.

use tillwatch_records::cut::Part;

/// The cut of a lane that is under way. What it consists of takes turns, so that none of it has to keep many
/// images of what changes before its turn.
#[derive(Debug)]
pub(crate) struct LaneCut {
    /// What is written already.
    parts: Vec<Part>,
    /// Of which pieces something is left: each stage, and the scorer at last.
    is_open: Vec<bool>,
    /// Whose turn it is.
    next: usize,
    is_given_up: bool,
}

impl LaneCut {
    /// A cut of a lane of `stages` stages, of which `parts` are written.
    pub(crate) fn begin(stages: usize, parts: Vec<Part>) -> Self {
        Self {
            parts,
            is_open: vec![true; stages + 1],
            next: 0,
            is_given_up: false,
        }
    }

    /// Lets go what is written.
    pub(crate) fn give_up(&mut self) {
        self.parts = Vec::new();
        self.is_given_up = true;
    }

    /// The piece whose turn it is; `None` once nothing is left of any.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let pieces = self.is_open.len();
        let mut turns = (self.next..self.next + pieces).map(|turn| turn % pieces);
        let piece = turns.find(|piece| self.is_open[*piece])?;
        self.next = piece + 1;
        Some(piece)
    }

    /// Nothing is left of a piece.
    pub(crate) fn close(&mut self, piece: usize) {
        self.is_open[piece] = false;
    }

    pub(crate) fn add(&mut self, parts: Vec<Part>) {
        self.parts.extend(parts);
    }

    pub(crate) fn is_whole(&self) -> bool {
        !self.is_open.contains(&true)
    }

    /// All parts of a whole cut; `None` of one that was given up.
    pub(crate) fn into_parts(self) -> Option<Vec<Part>> {
        (!self.is_given_up).then_some(self.parts)
    }
}
