//! Watching the file.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Look, Reference};
use crate::metrics::Metrics;

/// Looks at the file every so often until dropped. A file that cannot be used is told in the log, and
/// what was in force before stays.
#[derive(Debug)]
pub struct Watch {
    /// Dropped first, which ends the thread.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches every `interval`.
    pub fn start(
        reference: Arc<Reference>,
        interval: Duration,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new()
            .name("registry".into())
            .spawn(move || {
                let mut last = None;
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    report(&reference, reference.look(&mut last), &metrics);
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

fn report(reference: &Reference, look: Look, metrics: &Metrics) {
    match look {
        Look::Same => {}
        Look::Taken(table) => {
            metrics.registry_taken(&table);
            tracing::info!(
                path = %reference.settings().path.display(),
                rows = table.len(),
                version = table.version(),
                "registry reloaded; every lane joins it to its next batch"
            );
        }
        Look::Refused(error) => {
            metrics.registry_refused();
            tracing::error!(
                %error,
                version = reference.current().version(),
                "new registry refused; the one before stays in force"
            );
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}
