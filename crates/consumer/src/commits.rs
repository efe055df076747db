//! Settled prefixes → committed offsets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tillwatch_kafka::{ErrorCode, Notices};
use tillwatch_records::TopicPartition;

use crate::committer::{Answer, Committer, Outcome};
use crate::inlet::Inlet;
use crate::monitor::Monitor;

/// The committer at work.
pub(crate) struct Commits {
    committer: Box<dyn Committer>,
    monitor: Arc<Monitor>,
    notices: Arc<Notices>,
}

impl Commits {
    pub(crate) fn new(
        committer: Box<dyn Committer>,
        monitor: Arc<Monitor>,
        notices: Arc<Notices>,
    ) -> Self {
        Self {
            committer,
            monitor,
            notices,
        }
    }

    /// Asks for a commit of what has settled since the last one; see [`Commits::note_answers`].
    pub(crate) fn request_news(&mut self, inlets: &[Arc<Inlet>]) {
        let offsets = inlets.iter().flat_map(|inlet| inlet.request_commits());
        let offsets: Vec<_> = offsets.collect();
        if offsets.is_empty() {
            return;
        }
        if let Err(code) = self.committer.request(&offsets) {
            for (source, _) in &offsets {
                if let Some(inlet) = inlet_of(inlets, source) {
                    inlet.note_refusal(source);
                }
            }
            self.note_failure(code);
        }
    }

    /// Takes note of the answers that have come.
    pub(crate) fn note_answers(&mut self, inlets: impl FnOnce() -> Vec<Arc<Inlet>>) {
        if !self.committer.has_news() {
            return;
        }
        let inlets = inlets();
        while let Some(answer) = self.committer.answer(Duration::ZERO) {
            self.note_answer(&inlets, &answer);
        }
    }

    /// Nothing may be stored for `inlets` any more.
    pub(crate) fn abandon(&mut self, inlets: &[Arc<Inlet>]) {
        // A lane that is still at a batch may hand outputs over after this.
        inlets.iter().for_each(|inlet| inlet.end_commits());
        let sources = inlets.iter().flat_map(|inlet| inlet.sources());
        let sources: Vec<TopicPartition> = sources.cloned().collect();
        self.committer.abandon(&sources);
    }

    fn note_answer(&self, inlets: &[Arc<Inlet>], answer: &Answer) {
        match answer.result {
            Ok(()) => {
                self.monitor.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(code) => self.note_failure(code),
        }
        for (source, offset, outcome) in &answer.offsets {
            let Some(inlet) = inlet_of(inlets, source) else {
                continue;
            };
            match outcome {
                Outcome::Stored => inlet.note_stored(source, *offset),
                Outcome::Refused => inlet.note_refusal(source),
                Outcome::Abandoned => inlet.note_abandoned(source),
            }
        }
    }

    fn note_failure(&self, code: ErrorCode) {
        self.monitor.commits_failed.fetch_add(1, Ordering::Relaxed);
        if let Some(held_back) = self.notices.admit("commit") {
            tracing::warn!(error = %code, held_back, "commit failed; it is tried again");
        }
    }
}

fn inlet_of<'a>(inlets: &'a [Arc<Inlet>], source: &TopicPartition) -> Option<&'a Arc<Inlet>> {
    inlets.iter().find(|inlet| inlet.index_of(source).is_some())
}
