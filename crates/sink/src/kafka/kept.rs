//! Records that came back: what is to be sent again, and the gates of topics that cannot be written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tillwatch_kafka::{ErrorCode, now};
use tillwatch_records::Ticket;

use super::letter::Parts;
use super::owed::{Owed, Stage, What};
use crate::settings::Output;

/// How long a topic that the cluster refuses is left alone before it is tried again.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Outputs that have a topic and so a gate.
pub(crate) const OUTPUTS: [Output; 3] = [Output::Scores, Output::Alerts, Output::DeadLetters];

/// A record that came back, in the form in which it is to be sent next, or was refused last.
pub(crate) struct Kept {
    /// Where to; of outputs it is the topic of the output.
    pub(crate) topic: Arc<str>,
    pub(crate) parts: Parts,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) what: What,
    pub(crate) stage: Stage,
    pub(crate) code: ErrorCode,
}

/// The records that came back, and those that wait behind them. There is room for whatever the client held:
/// writers of scores wait before a closed gate. Dead letters and alerts may wait here instead, up to maxima
/// of their own.
#[derive(Default)]
pub(crate) struct Keep {
    inner: Mutex<Inner>,
    /// The resending thread waits here.
    bell: Condvar,
    /// By output: whether writers must wait. Says what `inner` says.
    closed: [AtomicBool; 3],
}

#[derive(Default)]
struct Inner {
    /// Refused for their own sake, to be advanced to their next form and sent.
    refused: VecDeque<Kept>,
    gates: [Gate; 3],
    /// The next place before a gate.
    next_place: u64,
    /// No record passes while the client is replaced.
    is_replacing: bool,
    is_over: bool,
    rung: bool,
}

/// What waits before a topic.
#[derive(Default)]
struct Gate {
    /// By place, which is their order.
    waiting: BTreeMap<u64, Kept>,
    /// Sent again from here and not answered.
    sent: usize,
    /// Since when the topic is left alone, because the cluster refuses it.
    refused_at: Option<Instant>,
}

/// What is to be done for a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The cluster refused it a while ago: ask, then send one record as a trial.
    Trial,
    /// Send everything that waits.
    All,
}

impl Keep {
    /// Puts a record that the cluster, the client or a neighbour is to blame for before its gate. `place` is
    /// the one that it had there already.
    pub(crate) fn wait(&self, output: Output, kept: Kept, place: Option<u64>, by_cluster: bool) {
        let mut inner = self.inner.lock();
        let place = place.unwrap_or(inner.next_place);
        inner.next_place = inner.next_place.max(place + 1);
        let gate = &mut inner.gates[output as usize];
        gate.waiting.insert(place, kept);
        if by_cluster {
            gate.refused_at = Some(now());
        }
        self.update(&mut inner);
    }

    /// Takes a record that is to blame itself.
    pub(crate) fn refuse(&self, kept: Kept) {
        let mut inner = self.inner.lock();
        inner.refused.push_back(kept);
        self.update(&mut inner);
    }

    /// A writer was refused by the cluster: the gate closes until the topic was asked for.
    pub(crate) fn close_gate(&self, output: Output) {
        let mut inner = self.inner.lock();
        inner.gates[output as usize].refused_at = Some(now());
        self.update(&mut inner);
    }

    /// A record that was sent again from before its gate was answered.
    pub(crate) fn answered(&self, owed: &Owed, delivered: bool) {
        let (Some(output), Some(_)) = (owed.what.output(), owed.place) else {
            return;
        };
        let mut inner = self.inner.lock();
        let gate = &mut inner.gates[output as usize];
        gate.sent = gate.sent.saturating_sub(1);
        if delivered {
            gate.refused_at = None;
        }
        self.update(&mut inner);
    }

    pub(crate) fn is_closed(&self, output: Output) -> bool {
        self.closed[output as usize].load(Ordering::SeqCst)
    }

    /// Whether `more` records may wait before a gate without being more than `max`.
    pub(crate) fn has_room(&self, output: Output, more: usize, max: usize) -> bool {
        let inner = self.inner.lock();
        inner.gates[output as usize].waiting.len() + more <= max
    }

    /// What is to be done for an output's topic.
    pub(crate) fn due(&self, output: Output) -> Due {
        let inner = self.inner.lock();
        let gate = &inner.gates[output as usize];
        match gate.refused_at {
            _ if inner.is_replacing => Due::Nothing,
            Some(_) if gate.sent > 0 => Due::Nothing,
            Some(at) if now().duration_since(at) < TRY_AGAIN => Due::Nothing,
            Some(_) => Due::Trial,
            None if gate.waiting.is_empty() => Due::Nothing,
            None => Due::All,
        }
    }

    /// The topic is there: takes the first record that waits, or opens the gate when there is none.
    pub(crate) fn take_trial(&self, output: Output) -> Option<(u64, Kept)> {
        let mut inner = self.inner.lock();
        let gate = &mut inner.gates[output as usize];
        let first = gate.waiting.pop_first();
        match first {
            Some(_) => gate.sent += 1,
            None => gate.refused_at = None,
        }
        self.update(&mut inner);
        first
    }

    /// The next record that waits, when nothing holds it up.
    pub(crate) fn take(&self, output: Output) -> Option<(u64, Kept)> {
        let mut inner = self.inner.lock();
        let gate = &mut inner.gates[output as usize];
        if gate.refused_at.is_some() {
            return None;
        }
        let first = gate.waiting.pop_first()?;
        gate.sent += 1;
        Some(first)
    }

    /// The next record that was refused for its own sake.
    pub(crate) fn take_refused(&self) -> Option<Kept> {
        self.inner.lock().refused.pop_front()
    }

    /// Closes all gates while the client is replaced, or ends that.
    pub(crate) fn set_replacing(&self, is_replacing: bool) {
        let mut inner = self.inner.lock();
        inner.is_replacing = is_replacing;
        self.update(&mut inner);
    }

    /// Wakes the resending thread.
    pub(crate) fn ring(&self) {
        self.inner.lock().rung = true;
        self.bell.notify_all();
    }

    /// Waits until something happens, or for `timeout`. Whether to go on.
    pub(crate) fn wait_for_work(&self, timeout: Duration) -> bool {
        let mut inner = self.inner.lock();
        if !inner.rung && !inner.is_over {
            self.bell.wait_for(&mut inner, timeout);
        }
        inner.rung = false;
        !inner.is_over
    }

    /// Ends the waiting of the resending thread.
    pub(crate) fn end(&self) {
        self.inner.lock().is_over = true;
        self.bell.notify_all();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner.lock().is_over
    }

    /// Takes everything that is kept.
    pub(crate) fn take_all(&self) -> Vec<Kept> {
        let mut inner = self.inner.lock();
        let mut all: Vec<Kept> = inner.refused.drain(..).collect();
        for gate in &mut inner.gates {
            all.extend(std::mem::take(&mut gate.waiting).into_values());
        }
        all
    }

    fn update(&self, inner: &mut Inner) {
        for (closed, gate) in self.closed.iter().zip(&inner.gates) {
            let is_open = gate.waiting.is_empty() && gate.sent == 0 && gate.refused_at.is_none();
            closed.store(!is_open || inner.is_replacing, Ordering::SeqCst);
        }
        inner.rung = true;
        self.bell.notify_all();
    }
}
