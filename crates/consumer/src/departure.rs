//! How partitions leave, in which order: closed → leaving → drained → last call → last commit → revoked.
//!
//! The poll thread waits for none of it. It goes on from step to step at its turns, and reads other
//! partitions in between.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::Waker;

use crate::commits::Commits;
use crate::host::LaneHost;
use crate::inlet::Inlet;
use crate::last_call::{Called, LastCall};

/// A commit gets this long even when draining used up the time: without it everything since the last
/// commit is done again. A commit that is refused is asked for again for as long.
const COMMIT_TIME: Duration = Duration::from_secs(1);

/// How long a commit that was refused rests: a coordinator refuses while other members join.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);

/// Lanes that leave together.
pub(crate) struct Departure {
    lanes: Vec<Leaving>,
    /// Until when lanes drain and last calls are waited for.
    deadline: Duration,
    last_commit: Option<LastCommit>,
}

/// A lane that leaves.
struct Leaving {
    inlet: Arc<Inlet>,
    /// Its last call, once it has drained.
    called: Option<Called>,
}

/// Where the last commit is.
struct LastCommit {
    since: Duration,
    /// When it was asked for last.
    asked_at: Duration,
}

/// What a departure needs at a turn.
pub(crate) struct Turn<'a> {
    /// Time elapsed.
    pub(crate) now: Duration,
    pub(crate) host: &'a dyn LaneHost,
    pub(crate) waker: &'a Arc<Waker>,
    pub(crate) commits: &'a mut Commits,
    /// All lanes, those that stay among them: what is asked for and answered concerns them, too.
    pub(crate) all: &'a [Arc<Inlet>],
}

/// How far a departure is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on when something happens, and at this time.
    Waits(Duration),
    /// Everything is done but [`Departure::end`].
    IsOver,
}

impl Departure {
    /// `inlets` hand out nothing from now on. What they have taken is waited for until `deadline`.
    pub(crate) fn begin(inlets: Vec<Arc<Inlet>>, deadline: Duration, host: &dyn LaneHost) -> Self {
        inlets.iter().for_each(|inlet| inlet.close());
        host.leaving(&inlets);
        let lanes = inlets.into_iter().map(|inlet| Leaving {
            inlet,
            called: None,
        });
        Self {
            lanes: lanes.collect(),
            deadline,
            last_commit: None,
        }
    }

    /// The lanes that leave.
    pub(crate) fn inlets(&self) -> impl Iterator<Item = &Arc<Inlet>> {
        self.lanes.iter().map(|lane| &lane.inlet)
    }

    /// Waits until `deadline` at most, if it would wait longer.
    pub(crate) fn hurry(&mut self, deadline: Duration) {
        self.deadline = self.deadline.min(deadline);
    }

    /// Goes as far as it can.
    pub(crate) fn go_on(&mut self, turn: &mut Turn<'_>) -> Progress {
        let is_late = turn.now >= self.deadline;
        for lane in &mut self.lanes {
            if lane.called.is_none() && (is_late || lane.inlet.is_settled()) {
                let (call, called) = LastCall::new(turn.waker);
                lane.called = Some(called);
                turn.host.last_call(&lane.inlet, call);
            }
        }
        let is_done = |lane: &Leaving| lane.called.as_ref().is_some_and(Called::is_done);
        if self.last_commit.is_none() && !is_late && !self.lanes.iter().all(is_done) {
            return Progress::Waits(self.deadline);
        }
        self.commit(turn)
    }

    /// Gives the lanes up, after the last step or in place of it: `forget` takes a lane out of everything
    /// that knows it. Those that `is_lost` are another member's already.
    pub(crate) fn end(
        self,
        host: &dyn LaneHost,
        is_lost: bool,
        mut forget: impl FnMut(&Arc<Inlet>),
    ) {
        for lane in self.lanes {
            forget(&lane.inlet);
            // Whoever still answers the last call sees that nobody waits for it.
            drop(lane.called);
            if is_lost {
                host.lost(&lane.inlet);
            } else {
                for (source, offset) in lane.inlet.unconfirmed() {
                    tracing::warn!(%source, offset, "not committed: records before this are read again");
                }
                host.revoked(&lane.inlet);
            }
        }
    }

    /// The last commit: asked for once, and again where it was refused.
    fn commit(&mut self, turn: &mut Turn<'_>) -> Progress {
        let now = turn.now;
        let is_first = self.last_commit.is_none();
        if is_first {
            self.warn_of_unsettled();
        }
        let commit = self.last_commit.get_or_insert(LastCommit {
            since: now,
            asked_at: now,
        });
        let is_due = is_first || now >= commit.asked_at + REFUSAL_PAUSE;
        let inlets = || self.lanes.iter().map(|lane| &lane.inlet);
        let is_refused = |inlet: &Arc<Inlet>| !inlet.unconfirmed().is_empty() && !inlet.is_asking();
        if is_due && inlets().any(is_refused) {
            commit.asked_at = now;
            turn.commits.request_news(turn.all);
        }
        turn.commits.note_answers(|| turn.all.to_vec());
        let is_stored = inlets().all(|inlet| inlet.unconfirmed().is_empty());
        let patience = commit.since + COMMIT_TIME;
        let is_given_up = match inlets().any(|inlet| inlet.is_asking()) {
            true => now >= patience.max(self.deadline),
            false => now >= patience,
        };
        if is_stored || is_given_up {
            return Progress::IsOver;
        }
        let again = commit.asked_at + REFUSAL_PAUSE;
        let until = patience.max(self.deadline);
        Progress::Waits(if again > now { again.min(until) } else { until })
    }

    fn warn_of_unsettled(&self) {
        let unsettled = self.inlets().filter(|inlet| !inlet.is_settled()).count();
        if unsettled > 0 {
            tracing::warn!(
                unsettled,
                "partitions leave with outputs under way: their records are read again"
            );
        }
    }
}

/// Lets `inlets` go that were taken from us: another member may read them already, so nothing is waited
/// for and nothing committed.
pub(crate) fn lose(
    inlets: &[Arc<Inlet>],
    host: &dyn LaneHost,
    commits: Option<&mut Commits>,
    mut forget: impl FnMut(&Arc<Inlet>),
) {
    inlets.iter().for_each(|inlet| inlet.close());
    if let Some(commits) = commits {
        commits.abandon(inlets);
    }
    for inlet in inlets {
        forget(inlet);
        host.lost(inlet);
    }
}
