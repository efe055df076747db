//! What lanes work in: a workspace for each thread, not for each lane.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tillwatch_engine::Workspace;

/// One workspace for each thread that lanes run on. A lane has that of its thread for a turn: two hundred
/// lanes take no more room to work in than four threads do.
#[derive(Debug)]
pub struct Workspaces {
    /// At least one.
    of_threads: Vec<OfThread>,
}

#[derive(Debug, Default)]
struct OfThread {
    /// A thread runs one lane at a time, so nobody waits for it.
    workspace: Mutex<Workspace>,
    /// As of the last turn, for whoever must not wait for a turn to end.
    bytes: AtomicU64,
}

/// A workspace for the length of a turn.
#[derive(Debug)]
pub struct Lent<'a> {
    of_thread: &'a OfThread,
    pub workspace: MutexGuard<'a, Workspace>,
}

impl Workspaces {
    /// Workspaces for so many threads of one pool.
    pub fn new(threads: usize) -> Self {
        let mut of_threads = Vec::new();
        of_threads.resize_with(threads.max(1), OfThread::default);
        Self { of_threads }
    }

    /// Workspaces that took so many bytes at the last turn of their threads.
    #[cfg(test)]
    pub fn with_bytes(bytes: &[u64]) -> Self {
        let all = Self::new(bytes.len());
        for (one, bytes) in all.of_threads.iter().zip(bytes) {
            one.bytes.store(*bytes, Ordering::Relaxed);
        }
        all
    }

    /// The workspace of the pool's thread that asks.
    pub fn lend(&self) -> Lent<'_> {
        let thread = rayon::current_thread_index().unwrap_or(0);
        let of_thread = &self.of_threads[thread % self.of_threads.len()];
        Lent {
            workspace: of_thread.workspace.lock(),
            of_thread,
        }
    }

    /// Threads that a lane has run on.
    pub fn used(&self) -> usize {
        let is_used = |one: &&OfThread| one.bytes.load(Ordering::Relaxed) > 0;
        self.of_threads.iter().filter(is_used).count()
    }

    /// Bytes that all of them take, as of each thread's last turn.
    pub fn bytes(&self) -> u64 {
        let each = self.of_threads.iter();
        each.map(|one| one.bytes.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let bytes = self.workspace.bytes() as u64;
        self.of_thread.bytes.store(bytes, Ordering::Relaxed);
    }
}
