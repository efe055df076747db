//! How long a lane takes to come back from its snapshot in a directory: `cargo bench --bench recovery`.
//!
//! Job W with 1,000,000 terminals, and the shipped models with 200,000; 20 records of each terminal. Every
//! restore is a process of its own, as after a crash. In turns with it runs a process that only reads and
//! decompresses the same bytes, so that the speed of the machine meets both. For both the files are in the
//! system's cache, as they are when a process starts again on its machine. A restore has two threads, as in
//! `run`: one reads and decompresses ahead, one fills the lane. What only reads has one.
//!
//! Snapshots go to the system's directory for temporary files, `TMPDIR` names another one. They take about
//! twice what is printed. A short run: `TILLWATCH_BENCH_KEYS=50000 TILLWATCH_BENCH_TERMINALS=10000`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that measures time and ends when something is wrong"
)]

mod case;
mod child;
#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/fill.rs"]
mod fill;
#[path = "../support/lanes.rs"]
mod lanes;
mod made;
#[path = "../support/median.rs"]
mod median;
#[path = "../support/raw.rs"]
mod raw;
mod report;
#[path = "../support/stored.rs"]
mod stored;
#[path = "../support/stream.rs"]
mod stream;

use std::path::PathBuf;

use clap::{Parser, ValueEnum as _};

use case::Case;
use child::{Did, Task};
use made::Made;
use report::Measured;

/// The binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured.
#[derive(Debug, Parser)]
#[command(
    about = "How long a lane takes to come back from a snapshot, beside reading the same bytes"
)]
struct Options {
    /// Which lanes; without a name all of them.
    cases: Vec<Case>,
    /// Terminals of job W.
    #[arg(long, env = "TILLWATCH_BENCH_KEYS", default_value_t = 1_000_000)]
    keys: u32,
    /// Terminals of the shipped models.
    #[arg(long, env = "TILLWATCH_BENCH_TERMINALS", default_value_t = 200_000)]
    terminals: u32,
    /// Records that each terminal has sent, on average.
    #[arg(long, env = "TILLWATCH_BENCH_RECORDS", default_value_t = 20)]
    records: u32,
    /// Processes that restore, and as many that only read.
    #[arg(long, env = "TILLWATCH_BENCH_ROUNDS", default_value_t = 5)]
    rounds: usize,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
    /// The process that is measured: what it does, with the snapshot in this directory.
    #[arg(long, hide = true, requires = "directory")]
    task: Option<Task>,
    #[arg(long, hide = true)]
    directory: Option<PathBuf>,
}

fn main() {
    let options = Options::parse();
    let all: &[Case] = match options.cases.is_empty() {
        true => Case::value_variants(),
        false => &options.cases,
    };
    if let (Some(task), Some(directory)) = (options.task, &options.directory) {
        all.iter()
            .for_each(|case| task.run(*case, directory).tell());
        return;
    }
    let measured: Vec<Measured> = all.iter().map(|case| measure(&options, *case)).collect();
    report::print(&measured);
}

fn measure(options: &Options, case: Case) -> Measured {
    let keys = match case {
        Case::JobW => options.keys,
        Case::CardPresent => options.terminals,
    };
    let made = Made::new(case, keys, options.records);
    println!("{made}");
    let rounds = (0..options.rounds).map(|round| {
        let run = |task: Task| task.start(case, made.directory());
        let (restored, read) = if round.is_multiple_of(2) {
            let restored = run(Task::Restore);
            (restored, run(Task::Read))
        } else {
            let read = run(Task::Read);
            (run(Task::Restore), read)
        };
        assert_eq!(restored.amount, made.keys(), "all keys come back");
        assert_eq!(read.amount, made.plain_bytes(), "all bytes are read");
        print_round(&restored, &read);
        [restored, read]
    });
    Measured {
        case,
        is_full: keys >= case.keys_judged() && options.records >= case::RECORDS_JUDGED,
        rounds: rounds.collect(),
    }
}

fn print_round(restored: &Did, read: &Did) {
    println!(
        "restored in {:.2} s ({:.2} s of CPU), only read and decompressed in {:.2} s ({:.2} s of CPU)",
        restored.seconds, restored.cpu_seconds, read.seconds, read.cpu_seconds
    );
}
