//! SIGINT, SIGTERM and SIGHUP.

use std::io;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::exit;

/// Watches for signals until dropped.
#[derive(Debug)]
pub struct SignalWatch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl SignalWatch {
    /// Calls `stop` at the first SIGINT or SIGTERM; ends the process at the second.
    pub fn start(stop: impl Fn() + Send + 'static) -> io::Result<Self> {
        Self::watch(Signals::new([SIGINT, SIGTERM])?, stop, || ())
    }

    /// As [`SignalWatch::start`], and calls `reload` at every SIGHUP, which ends a process otherwise.
    pub fn start_with_reload(
        stop: impl Fn() + Send + 'static,
        reload: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        Self::watch(Signals::new([SIGINT, SIGTERM, SIGHUP])?, stop, reload)
    }

    fn watch(
        mut signals: Signals,
        stop: impl Fn() + Send + 'static,
        reload: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let handle = signals.handle();
        let thread = std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                let mut asked = false;
                for signal in signals.forever() {
                    if signal == SIGHUP {
                        reload();
                        continue;
                    }
                    if asked {
                        tracing::warn!(
                            signal,
                            "second signal: stopping without waiting for delivery"
                        );
                        std::process::exit(i32::from(exit::NOT_DRAINED));
                    }
                    tracing::info!(signal, "stopping: draining what was read");
                    asked = true;
                    stop();
                }
            })?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}
