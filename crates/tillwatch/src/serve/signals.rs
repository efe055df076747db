//! SIGINT, SIGTERM and SIGHUP, heard from the first instruction of the process on.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::exit;

/// The process of a container, for which the system has no default actions.
const FIRST_PROCESS: u32 = 1;

/// Listens for signals until the process ends. A command that has an orderly end says so; until then, and for
/// all other commands, a signal ends the process at once.
#[derive(Clone)]
pub struct SignalWatch {
    state: Arc<Mutex<State>>,
}

/// What a signal does.
struct State {
    /// What is called at the first SIGINT or SIGTERM.
    stop: Option<Box<dyn Fn() + Send>>,
    /// It was called.
    asked: bool,
    hangup: Hangup,
    /// An end before there is a `stop` is a good one: nothing was begun.
    may_end_early: bool,
}

/// What SIGHUP does.
enum Hangup {
    /// It ends the process, as it does when a terminal is closed.
    End,
    /// Nothing yet; it is remembered whether there was one.
    Wait { heard: bool },
    /// The files that are followed are looked at.
    Reload(Box<dyn Fn() + Send>),
}

impl SignalWatch {
    /// Begins to listen. To be called before anything else.
    pub fn install() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let watch = Self {
            state: Arc::new(Mutex::new(State {
                stop: None,
                asked: false,
                hangup: Hangup::End,
                may_end_early: false,
            })),
        };
        let heard = watch.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || signals.forever().for_each(|signal| heard.hear(signal)))?;
        Ok(watch)
    }

    /// For a process that is to run until it is told to stop. While it starts nothing is read, so SIGINT or
    /// SIGTERM end it at once and all is well; SIGHUP is remembered until [`SignalWatch::on_reload`].
    pub fn will_serve(&self) {
        let mut state = self.state.lock();
        state.may_end_early = true;
        state.hangup = Hangup::Wait { heard: false };
    }

    /// Calls `stop` at the first SIGINT or SIGTERM from here on. The second ends the process.
    pub fn on_stop(&self, stop: impl Fn() + Send + 'static) {
        self.state.lock().stop = Some(Box::new(stop));
    }

    /// Calls `reload` at every SIGHUP from here on, and at once if there was one.
    pub fn on_reload(&self, reload: impl Fn() + Send + 'static) {
        let mut state = self.state.lock();
        if let Hangup::Wait { heard: true } = state.hangup {
            reload();
        }
        state.hangup = Hangup::Reload(Box::new(reload));
    }

    /// Runs on the thread that listens.
    fn hear(&self, signal: i32) {
        let mut state = self.state.lock();
        if signal == SIGHUP {
            match &mut state.hangup {
                Hangup::End => end_as_by_default(signal),
                Hangup::Wait { heard } => *heard = true,
                Hangup::Reload(reload) => reload(),
            }
            return;
        }
        if state.asked {
            tracing::warn!(
                signal,
                "second signal: stopping without waiting for delivery"
            );
            low_level::exit(i32::from(exit::NOT_DRAINED));
        }
        match &state.stop {
            Some(stop) => {
                tracing::info!(signal, "stopping: draining what was read");
                stop();
                state.asked = true;
            }
            None if state.may_end_early => {
                tracing::info!(signal, "stopping: nothing was read yet");
                low_level::exit(0);
            }
            None => end_as_by_default(signal),
        }
    }
}

/// Ends the process as `signal` does where nobody listens for it, so that a shell sees what ended it.
fn end_as_by_default(signal: i32) {
    if std::process::id() != FIRST_PROCESS {
        // Does not return, or there is no such action.
        let _ = low_level::emulate_default_handler(signal);
    }
    // What a shell makes of a process that a signal ended.
    low_level::exit(128 + signal);
}
