//! A thread that writes what lanes hand over, makes it durable in groups and settles the tickets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use tillwatch_kafka::now;
use tillwatch_records::Ticket;

use crate::counters::{Counters, Outcome};
use crate::error::SinkError;

/// Hand-overs that wait for the thread; a lane that comes after blocks. With batches of at most a few
/// megabytes this bounds memory to some tens of megabytes.
const WAITING_MAX: usize = 16;

/// Hand-overs that are written and not yet durable; with this many a commit is due, whatever the target
/// says. At low load each is a single record, with a ticket and a list of times of some hundred bytes: this
/// bounds them to some tens of megabytes.
const HELD_MAX: usize = 65_536;

/// Where a worker writes.
///
/// Calls come from one thread: any number of `write`, then `commit`, again and again. After an error
/// nothing more is called.
pub(crate) trait Target: Send + 'static {
    /// What is handed over.
    type Item: Send;

    /// Writes an item; it need not be durable yet.
    fn write(&mut self, item: Self::Item) -> Result<(), SinkError>;

    /// Makes everything written durable.
    fn commit(&mut self) -> Result<(), SinkError>;

    /// Whether to commit now; `more` says that another item is already waiting.
    fn is_due(&self, more: bool) -> bool;

    /// How long after the first write a commit is due at the latest.
    fn age_max(&self) -> Option<Duration> {
        None
    }

    /// How long after the last write a commit is due; `None` for not before its age.
    fn quiet_max(&self) -> Option<Duration> {
        None
    }
}

/// A handle on the thread. Dropping it commits what was handed over and waits for that.
pub(crate) struct Worker<I: Send + 'static> {
    /// `None` only while dropping.
    jobs: Option<Sender<Job<I>>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counters: Counters,
    closed: AtomicBool,
    /// Somebody asked for a commit as soon as nothing more waits, and the thread has not seen it.
    hurried: AtomicBool,
    /// The error that ended the writing.
    broken: Mutex<Option<SinkError>>,
}

enum Job<I> {
    Write {
        item: I,
        records: usize,
        ticket: Ticket,
    },
    Commit(Sender<()>),
    /// A look at [`Shared::hurried`].
    Look,
}

impl<I: Send + 'static> Worker<I> {
    /// Starts a thread called `name` that writes to `target`.
    pub(crate) fn start(name: &str, target: impl Target<Item = I>) -> Result<Self, SinkError> {
        let (jobs, waiting) = bounded(WAITING_MAX);
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || Run::new(target, shared).run(&waiting)
            })
            .map_err(|error| SinkError::file("start a thread for", name, error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            shared,
        })
    }

    /// Hands `item` over; blocks while the thread is behind.
    pub(crate) fn give(
        &self,
        item: I,
        records: usize,
        bytes: usize,
        ticket: &Ticket,
    ) -> Result<(), SinkError> {
        let refuse = |error| {
            ticket.fail();
            Err(error)
        };
        if let Some(error) = self.shared.broken.lock().clone() {
            return refuse(error);
        }
        let Some(jobs) = self.jobs.as_ref().filter(|_| !self.is_closed()) else {
            return refuse(SinkError::Closed);
        };
        self.shared.counters.taken(records, bytes);
        let job = Job::Write {
            item,
            records,
            ticket: ticket.clone(),
        };
        if jobs.send(job).is_err() {
            self.shared.counters.settled(records, Outcome::Failed);
            return refuse(SinkError::Closed);
        }
        Ok(())
    }

    /// Commits what was handed over before.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        let (done, wait) = bounded(1);
        let late = || SinkError::FlushTimeout {
            in_flight: self.shared.counters.in_flight.load(Ordering::Relaxed),
            waited: timeout,
        };
        if let Some(jobs) = &self.jobs {
            jobs.send_timeout(Job::Commit(done), timeout)
                .map_err(|_| late())?;
        }
        wait.recv_timeout(timeout).map_err(|_| late())?;
        self.shared.broken.lock().clone().map_or(Ok(()), Err)
    }

    /// Asks for a commit as soon as nothing more waits for the thread. Does not wait for it.
    pub(crate) fn settle_soon(&self) {
        self.shared.hurried.store(true, Ordering::SeqCst);
        if let Some(jobs) = &self.jobs {
            // Where there is no room, the thread looks after the jobs that take it.
            let _ = jobs.try_send(Job::Look);
        }
    }

    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }
}

impl<I: Send + 'static> Drop for Worker<I> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been reported by its own hook.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Run<T> {
    target: T,
    shared: Arc<Shared>,
    /// Written, not yet durable.
    held: Vec<(Ticket, usize)>,
    /// When the first and the last of `held` were written; of no meaning while there is none.
    first: Instant,
    last: Instant,
    /// A commit is due as soon as nothing more waits.
    hurried: bool,
}

impl<T: Target> Run<T> {
    fn new(target: T, shared: Arc<Shared>) -> Self {
        let now = now();
        Self {
            target,
            shared,
            held: Vec::new(),
            first: now,
            last: now,
            hurried: false,
        }
    }

    fn run(mut self, jobs: &Receiver<Job<T::Item>>) {
        loop {
            let job = match self.due_at() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                // Looked at first: a thread that is never without a job must still keep the time.
                Some(due) if due <= now() => Err(RecvTimeoutError::Timeout),
                Some(due) => jobs.recv_deadline(due),
            };
            match job {
                Ok(Job::Write {
                    item,
                    records,
                    ticket,
                }) => self.write(item, records, ticket),
                Ok(Job::Commit(done)) => {
                    self.commit();
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                }
                Ok(Job::Look) => {}
                Err(RecvTimeoutError::Timeout) => self.commit(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // In this order: what was handed over before somebody asked is held by now, or still waits.
            self.hurried |= self.shared.hurried.swap(false, Ordering::SeqCst);
            let more = !jobs.is_empty();
            if self.hurried && !more {
                self.hurried = false;
                self.commit();
            }
            if self.held.len() >= HELD_MAX || self.target.is_due(more) {
                self.commit();
            }
        }
        self.commit();
    }

    /// When a commit is due, even if nothing more comes.
    fn due_at(&self) -> Option<Instant> {
        if self.held.is_empty() {
            return None;
        }
        let by_age = self.target.age_max().map(|age| self.first + age);
        let by_quiet = self.target.quiet_max();
        let by_quiet = by_quiet.map(|quiet| self.last + quiet);
        [by_age, by_quiet].into_iter().flatten().min()
    }

    fn write(&mut self, item: T::Item, records: usize, ticket: Ticket) {
        self.last = now();
        if self.held.is_empty() {
            self.first = self.last;
        }
        self.held.push((ticket, records));
        if self.shared.broken.lock().is_some() {
            self.settle(Outcome::Failed);
        } else if let Err(error) = self.target.write(item) {
            self.break_down(error);
        }
    }

    fn commit(&mut self) {
        if self.held.is_empty() {
            return;
        }
        match self.target.commit() {
            Ok(()) => self.settle(Outcome::Delivered),
            Err(error) => self.break_down(error),
        }
    }

    /// What is not durable is given up; later writes are refused with the same error.
    fn break_down(&mut self, error: SinkError) {
        tracing::error!(%error, "the sink stops");
        *self.shared.broken.lock() = Some(error);
        self.settle(Outcome::Failed);
    }

    fn settle(&mut self, outcome: Outcome) {
        for (ticket, records) in self.held.drain(..) {
            if outcome == Outcome::Failed {
                ticket.fail();
            }
            drop(ticket);
            self.shared.counters.settled(records, outcome);
        }
    }
}
