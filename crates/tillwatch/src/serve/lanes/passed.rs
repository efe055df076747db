//! Which snapshots a lane did not take when it was assigned.

use std::collections::BTreeSet;

use tillwatch_engine::is_other_catalog;
use tillwatch_state_store::{Refused, Why};

use super::errand::Errand;
use crate::serve::metrics::PassedOver;
use crate::serve::state::{RestoreFailure, pass_over, say_unusable};

/// Tells each of them once, however often the lane looks. One of another catalog is told at the end: it may
/// yet be taken.
pub struct Passed<'a> {
    errand: &'a Errand<'a>,
    /// Names of those that were told: at most as many as the store lists.
    told: BTreeSet<String>,
    /// Names of those of other catalogs, the newest first.
    of_others: Vec<String>,
}

impl<'a> Passed<'a> {
    pub fn new(errand: &'a Errand<'a>) -> Self {
        Self {
            errand,
            told: BTreeSet::new(),
            of_others: Vec::new(),
        }
    }

    /// The store says that one cannot be used.
    pub fn note(&mut self, refused: Refused) {
        let ours = &self.errand.keeping.meaning;
        if matches!(&refused.why, Why::OtherMeaning { found } if is_other_catalog(ours, found)) {
            if !self.of_others.contains(&refused.name) {
                self.of_others.push(refused.name);
            }
        } else if !self.told.contains(&refused.name) {
            let reason = pass_over(self.errand.source(), &refused);
            self.count(refused.name, reason);
        }
    }

    /// One was read in vain.
    pub fn note_failure(&mut self, name: String, error: &RestoreFailure) {
        say_unusable(self.errand.source(), &name, error);
        self.count(name, error.reason());
    }

    /// One was taken: it and those before it were not passed over.
    pub fn note_taken(&mut self, name: &str) {
        let newer = self.of_others.iter().position(|other| other == name);
        self.of_others
            .truncate(newer.unwrap_or(self.of_others.len()));
    }

    /// The lane looks no further.
    pub fn end(mut self) {
        let source = self.errand.source();
        for name in std::mem::take(&mut self.of_others) {
            if self.told.contains(&name) {
                continue;
            }
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                snapshot = name,
                reason = "it was made under another catalog",
                "a snapshot is passed over"
            );
            self.count(name, PassedOver::Catalog);
        }
    }

    fn count(&mut self, name: String, reason: PassedOver) {
        self.errand.keeping.counts.count_passed_over(reason);
        self.told.insert(name);
    }
}
