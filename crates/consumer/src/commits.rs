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
        self.request(inlets, Inlet::request_commit);
    }

    /// Commits everything settled and waits for the answer for as long as there is time `left`.
    pub(crate) fn commit_last(&mut self, inlets: &[Arc<Inlet>], left: impl Fn() -> Duration) {
        self.request(inlets, Inlet::unconfirmed);
        while self.committer.outstanding() > 0 {
            let Some(answer) = self.committer.answer(left()) else {
                break;
            };
            self.note_answer(inlets, &answer);
        }
        for inlet in inlets {
            if let Some(offset) = inlet.unconfirmed() {
                let source = inlet.source();
                tracing::warn!(%source, offset, "not committed: records before this are read again");
            }
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
        let sources: Vec<TopicPartition> =
            inlets.iter().map(|inlet| inlet.source().clone()).collect();
        self.committer.abandon(&sources);
    }

    fn request(&mut self, inlets: &[Arc<Inlet>], offset: impl Fn(&Inlet) -> Option<i64>) {
        let offsets: Vec<(TopicPartition, i64)> = inlets
            .iter()
            .filter_map(|inlet| Some((inlet.source().clone(), offset(inlet)?)))
            .collect();
        if offsets.is_empty() {
            return;
        }
        if let Err(code) = self.committer.request(&offsets) {
            inlets.iter().for_each(|inlet| inlet.note_refusal());
            self.note_failure(code);
        }
    }

    fn note_answer(&self, inlets: &[Arc<Inlet>], answer: &Answer) {
        match answer.result {
            Ok(()) => {
                self.monitor.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(code) => self.note_failure(code),
        }
        for (source, offset, outcome) in &answer.offsets {
            let Some(inlet) = inlets.iter().find(|inlet| inlet.source() == source) else {
                continue;
            };
            match outcome {
                Outcome::Stored => inlet.note_stored(*offset),
                Outcome::Refused => inlet.note_refusal(),
                Outcome::Abandoned => inlet.note_abandoned(),
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
