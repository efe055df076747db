//! What is measured, and how large.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// What is measured.
#[derive(Debug, Parser)]
#[command(about = "What snapshots cost a lane that scores")]
pub struct Options {
    /// Which parts; without a name all of them.
    pub parts: Vec<Part>,
    /// Keys of the lane of `cuts`.
    #[arg(long, env = "TILLWATCH_BENCH_KEYS", default_value_t = 1_000_000)]
    pub keys: u32,
    /// Records of each of them, on average.
    #[arg(long, env = "TILLWATCH_BENCH_RECORDS", default_value_t = 20)]
    pub records: u32,
    /// Cuts that the CPU time is a mean of.
    #[arg(long, env = "TILLWATCH_BENCH_CUTS", default_value_t = 64)]
    pub cuts: u32,
    /// Pairs of intervals without and with a cut.
    #[arg(long, env = "TILLWATCH_BENCH_PAIRS", default_value_t = 10)]
    pub pairs: u32,
    /// How many times as fast as in operation these intervals are.
    #[arg(long, env = "TILLWATCH_BENCH_SPEED", default_value_t = 10.0)]
    pub speed: f64,
    /// Seconds between two cuts: `[state] interval`.
    #[arg(long, env = "TILLWATCH_BENCH_INTERVAL", default_value_t = 30.0)]
    pub interval: f64,
    /// Terminals of `steady`.
    #[arg(long, env = "TILLWATCH_BENCH_TERMINALS", default_value_t = 50_000)]
    pub terminals: u32,
    /// Intervals of `steady`.
    #[arg(long, env = "TILLWATCH_BENCH_INTERVALS", default_value_t = 2)]
    pub intervals: u32,
    /// What cargo adds.
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// CPU time, latency and pauses of cuts where few keys change.
    Cuts,
    /// Job W at full speed, with and without snapshots.
    Steady,
}

impl Options {
    /// Between two cuts.
    pub fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.interval)
    }

    /// Whether a part is measured.
    pub fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
