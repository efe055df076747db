//! What lanes, the poll thread and the transaction thread share.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tillwatch_kafka::{GroupIdentity, Waker, now};
use tillwatch_records::TopicPartition;

use super::parcel::Parcel;

/// Bytes of outputs that are not committed: more than is made at full speed between two commits, and an
/// outage costs no more memory than without transactions. One parcel is always let through.
pub(crate) const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A transaction that holds so much ends before its time, so that the rest is room for what comes meanwhile.
pub(crate) const TRANSACTION_BYTES_MAX: usize = KEPT_BYTES_MAX / 2;

/// How long a writer waits for room before it looks again.
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// Parcels on their way into a transaction, and offsets that go with them.
#[derive(Default)]
pub(crate) struct Intake {
    inner: Mutex<Inner>,
    /// The transaction thread waits here.
    bell: Condvar,
    /// Writers, flushers, and whoever waits for an answer, wait here.
    moved: Condvar,
}

/// Offsets, each one past the last record that is done.
pub(crate) type Offsets = BTreeMap<TopicPartition, i64>;

#[derive(Default)]
struct Inner {
    /// Not in a transaction yet. Their bytes are bounded with those that are.
    queue: VecDeque<Arc<Parcel>>,
    /// In the transaction that is open, or to be sent again in the next.
    taken: Vec<Arc<Parcel>>,
    /// Bytes of both, and of those that leave.
    kept_bytes: usize,
    /// Offsets of batches without outputs, for the next transaction.
    requested: Offsets,
    /// Offsets in the transaction that is ending, and those of them that were asked for.
    ending: Offsets,
    ending_requested: Offsets,
    /// The last offset of each of our partitions that a transaction has stored.
    stored: Offsets,
    /// Stored, and the poll thread was not told yet: at most one for each of our partitions.
    answers: Offsets,
    /// A parcel that was taken must not be committed.
    has_abandoned: bool,
    /// The transaction is to end at once.
    hurry: bool,
    group: Option<(GroupIdentity, Arc<Waker>)>,
    /// Nothing is taken any more.
    over: Option<Over>,
}

/// Why nothing is taken any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The sink was closed.
    Closed,
    /// Another process uses our transactional id.
    Fenced,
}

/// What the transaction thread is to do.
#[derive(Default)]
pub(crate) struct Work {
    /// New parcels, which count as taken from here on.
    pub(crate) parcels: Vec<Arc<Parcel>>,
    pub(crate) hurry: bool,
    /// A parcel that was taken must not be committed.
    pub(crate) has_abandoned: bool,
    pub(crate) is_over: bool,
}

impl Intake {
    /// Puts a parcel in; waits while there is no room, and calls `waits` then. Gives it back when nothing is
    /// taken any more.
    pub(crate) fn put(
        &self,
        parcel: Arc<Parcel>,
        waits: impl FnOnce(),
    ) -> Result<(), (Over, Arc<Parcel>)> {
        let mut inner = self.inner.lock();
        if inner.is_full() {
            waits();
        }
        while inner.is_full() && inner.over.is_none() {
            self.moved.wait_for(&mut inner, ROOM_WAIT);
        }
        if let Some(over) = inner.over {
            return Err((over, parcel));
        }
        inner.kept_bytes += parcel.weight();
        inner.queue.push_back(parcel);
        self.bell.notify_one();
        Ok(())
    }

    /// Waits until there is something for a transaction; whether there is.
    pub(crate) fn wait_for_work(&self, timeout: Duration) -> bool {
        let mut inner = self.inner.lock();
        let is_due = |inner: &Inner| {
            !inner.queue.is_empty() || !inner.taken.is_empty() || !inner.requested.is_empty()
        };
        if !is_due(&inner) && inner.over.is_none() {
            // Whoever hurries has nothing here.
            inner.hurry = false;
            self.bell.wait_for(&mut inner, timeout);
        }
        is_due(&inner)
    }

    /// Takes what has come, waiting for the first of it until `until`.
    pub(crate) fn take(&self, until: Instant) -> Work {
        let mut inner = self.inner.lock();
        while inner.queue.is_empty() && !inner.must_look() && now() < until {
            self.bell.wait_until(&mut inner, until);
        }
        let parcels: Vec<_> = inner.queue.drain(..).collect();
        inner.taken.extend(parcels.iter().map(Arc::clone));
        Work {
            parcels,
            hurry: inner.hurry,
            has_abandoned: inner.has_abandoned,
            is_over: inner.over.is_some(),
        }
    }

    /// Waits for `pause`, or until something is abandoned or all is over.
    pub(crate) fn pause(&self, pause: Duration) {
        let until = now() + pause;
        let mut inner = self.inner.lock();
        while !inner.has_abandoned && inner.over.is_none() && now() < until {
            self.bell.wait_until(&mut inner, until);
        }
    }

    /// Ends the taking of parcels: `offsets` are those of what was taken, and what was asked for joins them.
    /// `None` when something that was taken must not be committed.
    pub(crate) fn close(&self, mut offsets: Offsets) -> Option<Offsets> {
        let mut inner = self.inner.lock();
        if inner.has_abandoned {
            return None;
        }
        inner.hurry = false;
        let requested = mem::take(&mut inner.requested);
        for (source, offset) in &requested {
            let known = offsets.entry(source.clone()).or_insert(*offset);
            *known = (*known).max(*offset);
        }
        inner.ending = offsets.clone();
        inner.ending_requested = requested;
        Some(offsets)
    }

    /// The transaction has committed: gives everything that was taken. Its room is free after
    /// [`Intake::released`].
    pub(crate) fn committed(&self) -> Vec<Arc<Parcel>> {
        let mut inner = self.inner.lock();
        inner.ending_requested.clear();
        let ending = mem::take(&mut inner.ending);
        inner.answers.extend(ending.clone());
        inner.stored.extend(ending);
        let taken = mem::take(&mut inner.taken);
        inner.has_abandoned = false;
        let waker = inner.group.as_ref().map(|(_, waker)| Arc::clone(waker));
        drop(inner);
        self.moved.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        taken
    }

    /// Parcels of so many bytes have left, and their tickets are settled.
    pub(crate) fn released(&self, bytes: usize) {
        self.inner.lock().kept_bytes -= bytes;
        self.moved.notify_all();
    }

    /// The transaction was not committed: what was abandoned leaves, the rest is sent again. Gives what left.
    pub(crate) fn aborted(&self) -> Vec<Arc<Parcel>> {
        let mut inner = self.inner.lock();
        // Offsets of parcels are found anew.
        inner.ending.clear();
        for (source, offset) in mem::take(&mut inner.ending_requested) {
            let asked = inner.requested.entry(source).or_insert(offset);
            *asked = offset.max(*asked);
        }
        inner.has_abandoned = false;
        let taken = mem::take(&mut inner.taken);
        let (left, kept) = taken.into_iter().partition(|parcel| parcel.is_abandoned());
        inner.taken = kept;
        left
    }

    /// Nothing may be stored for `sources` any more. Gives the parcels that were in no transaction yet.
    pub(crate) fn abandon(&self, sources: &[TopicPartition]) -> Vec<Arc<Parcel>> {
        let mut inner = self.inner.lock();
        for source in sources {
            inner.requested.remove(source);
            inner.ending.remove(source);
            inner.ending_requested.remove(source);
            inner.stored.remove(source);
            inner.answers.remove(source);
        }
        let is_gone = |parcel: &Arc<Parcel>| sources.contains(parcel.source());
        for parcel in inner.taken.iter().filter(|parcel| is_gone(parcel)) {
            parcel.abandon();
        }
        inner.has_abandoned |= inner.taken.iter().any(|parcel| parcel.is_abandoned());
        let queue = mem::take(&mut inner.queue);
        let (left, kept): (Vec<_>, Vec<_>) = queue.into_iter().partition(is_gone);
        inner.queue = kept.into();
        self.bell.notify_all();
        left
    }

    /// Everything that is kept: nothing of it will be committed by us.
    pub(crate) fn take_all(&self) -> Vec<Arc<Parcel>> {
        let mut inner = self.inner.lock();
        let mut left = mem::take(&mut inner.taken);
        left.extend(inner.queue.drain(..));
        left
    }

    /// Asks for offsets to be stored. Those that are stored already are answered at once.
    pub(crate) fn request(&self, offsets: &[(TopicPartition, i64)]) {
        let mut inner = self.inner.lock();
        for (source, offset) in offsets {
            match inner.stored.get(source) {
                Some(stored) if stored >= offset => {
                    let stored = *stored;
                    inner.answers.insert(source.clone(), stored);
                }
                _ => {
                    inner.requested.insert(source.clone(), *offset);
                }
            }
        }
        self.bell.notify_one();
    }

    /// Takes the offsets that are stored and were not told yet, waiting for some until `timeout`.
    pub(crate) fn answers(&self, timeout: Duration) -> Offsets {
        let mut inner = self.inner.lock();
        let until = now() + timeout;
        while inner.answers.is_empty() && inner.over.is_none() && now() < until {
            inner.hurry = true;
            self.bell.notify_all();
            self.moved.wait_until(&mut inner, until);
        }
        mem::take(&mut inner.answers)
    }

    pub(crate) fn has_answers(&self) -> bool {
        !self.inner.lock().answers.is_empty()
    }

    /// Partitions whose offsets were asked for, or that are stored and were not told.
    pub(crate) fn outstanding(&self) -> usize {
        let inner = self.inner.lock();
        inner.requested.len() + inner.ending.len() + inner.answers.len()
    }

    /// The transaction ends at once.
    pub(crate) fn hurry(&self) {
        let mut inner = self.inner.lock();
        if !inner.queue.is_empty() || !inner.taken.is_empty() || !inner.requested.is_empty() {
            inner.hurry = true;
        }
        self.bell.notify_all();
    }

    /// Waits until nothing is kept, at most `timeout`; whether it is so.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> bool {
        let until = now() + timeout;
        let mut inner = self.inner.lock();
        while inner.kept_bytes > 0 && now() < until {
            inner.hurry = true;
            self.bell.notify_all();
            self.moved.wait_for(&mut inner, ROOM_WAIT.min(timeout));
        }
        inner.kept_bytes == 0
    }

    pub(crate) fn attach(&self, group: GroupIdentity, waker: Arc<Waker>) {
        self.inner.lock().group = Some((group, waker));
    }

    pub(crate) fn detach(&self) {
        self.inner.lock().group = None;
    }

    pub(crate) fn group(&self) -> Option<GroupIdentity> {
        let inner = self.inner.lock();
        inner.group.as_ref().map(|(group, _)| group.clone())
    }

    pub(crate) fn end(&self, over: Over) {
        self.inner.lock().over.get_or_insert(over);
        self.bell.notify_all();
        self.moved.notify_all();
    }

    /// Offsets in the transaction that is ending, of partitions that are still ours.
    pub(crate) fn ending(&self) -> Offsets {
        self.inner.lock().ending.clone()
    }

    /// Whether something that was taken must not be committed.
    pub(crate) fn has_abandoned(&self) -> bool {
        self.inner.lock().has_abandoned
    }

    pub(crate) fn over(&self) -> Option<Over> {
        self.inner.lock().over
    }
}

impl Inner {
    fn is_full(&self) -> bool {
        self.kept_bytes >= KEPT_BYTES_MAX
    }

    fn must_look(&self) -> bool {
        self.hurry || self.has_abandoned || self.over.is_some()
    }
}
