//! Clean-up beside a writer that goes on.

use std::time::Duration;

use crate::collect::{Collected, collect};
use crate::error::StoreError;
use crate::files::LaneFiles;
use crate::manifest::Manifest;
use crate::run::Run;

/// A clean-up of one lane that can be run, on any thread. It spares the runs that the writer counted on when
/// it was made; what the writer has written since is young.
#[derive(Debug)]
pub struct Cleaning {
    lane: LaneFiles,
    own: Vec<Run>,
}

impl Cleaning {
    pub(super) fn new(lane: LaneFiles, own: Vec<Run>) -> Self {
        Self { lane, own }
    }

    /// Deletes as [`LaneStore::collect`](crate::LaneStore::collect) does. Asks `go_on` before each object
    /// that it reads or deletes; when it says no, the rest stays for the next time.
    ///
    /// # Errors
    /// The store cannot be read, or does not delete. What was deleted by then stays so.
    pub fn run(
        self,
        grace: Duration,
        is_usable: impl Fn(&Manifest) -> bool,
        go_on: impl Fn() -> bool,
    ) -> Result<Collected, StoreError> {
        collect(&self.lane, grace, &self.own, is_usable, go_on)
    }
}
