//! Progress of long work: a bar on a terminal, a line now and then when piped.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock;

/// How often a line is printed when nobody watches a bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows how far work has come, on standard error.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Work called `what` of `total` units, where that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let now = clock::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self {
            what,
            bar,
            total,
            started: now,
            last_line: now,
        }
    }

    /// `done` units are done.
    pub fn set(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let now = clock::now();
        if now - self.last_line < LINE_INTERVAL {
            return;
        }
        self.last_line = now;
        let seconds = (now - self.started).as_secs();
        match self.total {
            Some(total) if total > 0 => {
                let percent = done.saturating_mul(100) / total;
                eprintln!("{}: {percent} % after {seconds} s", self.what);
            }
            _ => eprintln!("{}: {done} after {seconds} s", self.what),
        }
    }

    /// The work is over; returns how long it took.
    pub fn finish(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} {wide_bar:.cyan/dim} {percent:>3} %  {elapsed} (left {eta})",
        None => "{spinner} {msg} {human_pos}  {elapsed}  {per_sec}",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
