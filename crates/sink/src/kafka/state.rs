//! What delivery reports, writers and the resending thread share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tillwatch_kafka::{Deliveries, ErrorCode, Undelivered};

use super::blame::Blame;
use super::kept::{Keep, Kept};
use super::letter::Parts;
use super::owed::{Owed, Stage, What};
use super::troubles::Troubles;
use crate::counters::{Counters, Outcome};
use crate::settings::Output;
use crate::status::{Cause, SinkStatus};

/// How long a writer waits for space before it tries again even without word of any: the client frees
/// the space of a delivered record a little after it reports it.
pub(crate) const SPACE_WAIT: Duration = Duration::from_millis(50);

/// What delivery reports, writers and the resending thread share.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) counters: Counters,
    pub(crate) troubles: Troubles,
    pub(crate) keep: Keep,
    /// Writers and flushers wait here.
    pub(crate) gate: Mutex<()>,
    pub(crate) moved: Condvar,
    /// Who waits is woken when no more than this many records are in flight.
    pub(crate) wake_at: AtomicU64,
    pub(crate) closed: AtomicBool,
    /// A client has said that it cannot go on.
    pub(crate) broke_down: AtomicBool,
    /// Bytes of dead letters in flight, headers and all.
    pub(crate) letters_bytes: AtomicU64,
}

impl State {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn status(&self) -> SinkStatus {
        SinkStatus {
            waiting: self.troubles.waiting(),
            in_flight: self.counters.in_flight.load(Ordering::Relaxed),
            queued_bytes: self.counters.queued_bytes(),
        }
    }

    /// Waits for a movement, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let mut gate = self.gate.lock();
        self.moved.wait_for(&mut gate, timeout);
    }

    /// A topic, or the client, is at fault for what could not be handed over: closes the gate until that is
    /// looked into.
    pub(crate) fn hold_up(&self, output: Output, topic: &str, code: ErrorCode) {
        let blame = Blame::of(code);
        self.counters.error(blame.cause());
        if blame == Blame::Client {
            self.broke_down.store(true, Ordering::SeqCst);
            self.keep.ring();
        } else {
            let words = code.to_string();
            self.troubles.meet(Some(topic), blame.cause(), &words);
            self.keep.close_gate(output);
        }
    }

    /// A record is done with: `bytes` of it leave the queue, and the room that it took.
    pub(crate) fn settle(&self, what: &What, bytes: usize, outcome: Outcome) {
        let weight = what.weight() as u64;
        if weight > 0 {
            self.letters_bytes.fetch_sub(weight, Ordering::SeqCst);
        }
        self.counters.unqueue(bytes);
        let left = self.counters.settled(1, outcome);
        if left <= self.wake_at.load(Ordering::SeqCst) || weight > 0 {
            let _gate = self.gate.lock();
            self.moved.notify_all();
        }
    }

    /// Gives a kept record up: its input is read again.
    pub(crate) fn fail(&self, kept: Kept) {
        let Kept {
            parts,
            ticket,
            what,
            ..
        } = kept;
        if let Some(ticket) = &ticket {
            ticket.fail();
        }
        drop(ticket);
        self.settle(&what, parts.bytes_len(), Outcome::Failed);
    }

    /// Says that records of a topic are given up: each cause once per interval.
    pub(crate) fn report(&self, topic: &str, code: ErrorCode) {
        if let Some(held_back) = self.troubles.admit(&format!("{topic} {code:?}")) {
            tracing::error!(topic, cause = %code, held_back, "record not delivered");
        }
    }

    /// Puts a record back that was given up, to where it waits or is advanced to its next form.
    pub(crate) fn keep_again(&self, kept: Kept, place: Option<u64>) {
        let blame = Blame::of(kept.code);
        let output = kept.what.output();
        match (blame, output) {
            (Blame::Cluster(cause), Some(output)) => {
                let words = kept.code.to_string();
                self.troubles.meet(Some(&*kept.topic), cause, &words);
                self.keep.wait(output, kept, place, true);
            }
            (Blame::Client | Blame::Full, Some(output)) => {
                self.keep.wait(output, kept, place, false);
            }
            // Scores and alerts keep their order while each is sent alone; of dead letters one that is
            // too large would hold up all others.
            (Blame::Record(_) | Blame::Neighbour, Some(output))
                if kept.stage == Stage::Whole && !matches!(kept.what, What::Letter { .. }) =>
            {
                let stage = Stage::Alone;
                self.keep.wait(output, Kept { stage, ..kept }, place, false);
            }
            _ => self.keep.refuse(kept),
        }
    }

    /// Whether a plain record is worth another attempt, alone.
    fn may_be_taken_alone(stage: Stage, blame: Blame) -> bool {
        let by_batch = matches!(
            blame,
            Blame::Record(_) | Blame::Neighbour | Blame::Cluster(Cause::Timestamp)
        );
        stage == Stage::Whole && by_batch
    }
}

impl Deliveries for State {
    type Owed = Owed;

    fn delivered(&self, owed: Arc<Owed>, bytes: usize) {
        if owed.place.is_some() {
            self.keep.answered(&owed, true);
        }
        if matches!(owed.stage, Stage::Reduced(_)) {
            self.counters.reduced();
        }
        // The ticket goes before the count, so that a flush that sees no record in flight also sees every
        // ticket settled. What the record is outlives the ticket only where it is asked for.
        if owed.what.weight() > 0 {
            let what = owed.what.clone();
            drop(owed);
            self.settle(&what, bytes, Outcome::Delivered);
        } else {
            drop(owed);
            self.settle(&What::Score, bytes, Outcome::Delivered);
        }
    }

    fn given_up(&self, record: &Undelivered<'_>, owed: Arc<Owed>) {
        let (code, bytes) = (record.code(), record.bytes_len());
        let blame = Blame::of(code);
        self.counters.error(blame.cause());
        if owed.place.is_some() {
            self.keep.answered(&owed, false);
        }
        let is_kept = match &owed.what {
            What::Plain(_) => Self::may_be_taken_alone(owed.stage, blame),
            What::Score | What::Alert | What::Letter { .. } => true,
        };
        if is_kept && !self.is_closed() {
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            let headers = record.headers();
            let kept = Kept {
                topic: record.topic().into(),
                parts: Parts {
                    key: owned(record.key()),
                    payload: owned(record.payload()),
                    headers: headers
                        .map(|(name, value)| (name.to_owned(), owned(value)))
                        .collect(),
                },
                ticket: owed.ticket.clone(),
                what: owed.what.clone(),
                stage: owed.stage,
                code,
            };
            return self.keep_again(kept, owed.place);
        }
        owed.fail();
        self.report(record.topic(), code);
        let what = owed.what.clone();
        drop(owed);
        self.settle(&what, bytes, Outcome::Failed);
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        let blame = Blame::of(code);
        self.counters.error(blame.cause());
        if blame == Blame::Client {
            self.broke_down.store(true, Ordering::SeqCst);
            self.keep.ring();
        } else {
            self.troubles.hear(blame, code, reason);
        }
    }
}
