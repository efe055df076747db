//! What is measured of a contender, and of both in one round.

use crate::process::Contender;

/// Both contenders in one round.
#[derive(Debug, Clone, Copy)]
pub struct Pair<T> {
    pub forward: T,
    pub tillwatch: T,
}

/// A pair that is being measured.
#[derive(Debug)]
pub struct Round<T> {
    forward: Option<T>,
    tillwatch: Option<T>,
}

impl<T> Default for Round<T> {
    fn default() -> Self {
        Self {
            forward: None,
            tillwatch: None,
        }
    }
}

impl<T> Round<T> {
    pub fn set(&mut self, contender: Contender, value: T) {
        match contender {
            Contender::Forward => self.forward = Some(value),
            Contender::Tillwatch => self.tillwatch = Some(value),
        }
    }

    pub fn finish(self) -> Pair<T> {
        Pair {
            forward: self.forward.unwrap(),
            tillwatch: self.tillwatch.unwrap(),
        }
    }
}
