//! The live view: redrawn in place on a terminal, a line a second when piped.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use console::{Term, style};
use tillwatch_records::Severity;

use super::feed::Feed;
use super::observer::{Observer, Seen};
use crate::cli::DemoArgs;
use crate::serve::metrics::Metrics;

/// Alerts shown at a time on a terminal.
const ALERTS_SHOWN: usize = 8;

/// New alerts shown a second when piped.
const ALERTS_IN_LINES: usize = 2;

pub struct View {
    mode: Mode,
    started: Instant,
    lines_drawn: usize,
    alerts_shown: usize,
    /// Scored and when, at the last look: for the rate.
    last: (u64, Instant),
    per_second: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Terminal,
    Lines,
    Silent,
}

impl View {
    pub fn new(args: &DemoArgs, started: Instant) -> Self {
        let mode = match (args.json, Term::stdout().is_term()) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Terminal,
            (false, false) => Mode::Lines,
        };
        if mode != Mode::Silent {
            println!(
                "tillwatch demo: 50,000 simulated terminals, {} transactions/s for {}, seed {}",
                thousands(u64::from(args.rate)),
                args.duration,
                args.seed
            );
        }
        Self {
            mode,
            started,
            lines_drawn: 0,
            alerts_shown: 0,
            last: (0, started),
            per_second: 0.0,
        }
    }

    /// How long to wait between two views.
    pub fn interval(&self) -> Duration {
        match self.mode {
            Mode::Terminal => Duration::from_millis(200),
            Mode::Lines => Duration::from_millis(250),
            Mode::Silent => Duration::from_millis(50),
        }
    }

    /// Shows how things are.
    pub fn show(&mut self, metrics: &Metrics, feed: &Feed, observer: &Observer) {
        let (scored, then) = self.last;
        let elapsed = then.elapsed();
        let due = match self.mode {
            Mode::Silent => return,
            Mode::Terminal => Duration::ZERO,
            // The first score is worth a line of its own.
            Mode::Lines if scored == 0 => Duration::ZERO,
            Mode::Lines => Duration::from_secs(1),
        };
        let now_scored = metrics.scored();
        if elapsed < due || now_scored == 0 {
            return;
        }
        let rate = (now_scored - scored) as f64 / elapsed.as_secs_f64().max(1e-9);
        self.per_second = if self.per_second == 0.0 {
            rate
        } else {
            0.7 * self.per_second + 0.3 * rate
        };
        self.last = (now_scored, crate::clock::now());
        let [p50, p99] = metrics.end_to_end_quantiles_ms([0.5, 0.99]);
        let (latest, alerts) = observer.latest(ALERTS_SHOWN);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>5.1} s  {:>9} records/s  p50 {p50} ms  p99 {p99} ms  scored {}  dead letters {}  \
             alerts {alerts}",
            self.started.elapsed().as_secs_f64(),
            thousands(self.per_second as u64),
            thousands(now_scored),
            metrics.dead_lettered(),
        );
        if self.mode == Mode::Lines {
            // A few of the new ones: a line a second is to be read, not a flood.
            let new = alerts - self.alerts_shown;
            self.alerts_shown = alerts;
            for alert in latest.iter().rev().take(new.min(ALERTS_IN_LINES)).rev() {
                let _ = writeln!(text, "         {}", describe(alert));
            }
            print!("{text}");
            return;
        }
        let clock = jiff::Timestamp::from_millisecond(feed.simulated_ms()).unwrap_or_default();
        let _ = writeln!(
            text,
            "         simulated clock {}",
            clock.strftime("%a %Y-%m-%d %H:%M:%S")
        );
        for alert in latest.iter().rev() {
            let _ = writeln!(text, "{}", describe(alert));
        }
        self.redraw(&text);
    }

    /// Takes the live view away.
    pub fn clear(&mut self) {
        self.redraw("");
    }

    fn redraw(&mut self, text: &str) {
        if self.mode != Mode::Terminal {
            return;
        }
        let term = Term::stdout();
        // A terminal that cannot be drawn on is no reason to stop.
        let _ = term.clear_last_lines(self.lines_drawn);
        let width = usize::from(term.size().1);
        let lines: Vec<_> = text
            .lines()
            .map(|line| console::truncate_str(line, width, "…"))
            .collect();
        self.lines_drawn = lines.len();
        for line in lines {
            let _ = term.write_line(&line);
        }
    }
}

fn describe(alert: &Seen) -> String {
    let time = jiff::Timestamp::from_millisecond(alert.event_time_ms).unwrap_or_default();
    let severity = format!("{:<8}", alert.severity.as_str());
    let severity = match alert.severity {
        Severity::Critical => style(severity).red().bold(),
        Severity::Warning => style(severity).yellow(),
        Severity::Info => style(severity).dim(),
    };
    format!(
        "{}  {severity} {:>3}  {:<23} {}  {} [{}]: {}",
        time.strftime("%H:%M:%S"),
        alert.score,
        alert
            .typology
            .map_or("high score", |typology| typology.words()),
        alert.key,
        alert.words,
        alert.codes.join(", "),
        alert.action
    )
}

/// A count with separators: 1234567 → 1,234,567.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(123), "123");
        assert_eq!(thousands(1_234), "1,234");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
