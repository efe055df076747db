//! What is measured, in a process of its own.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use clap::ValueEnum;
use rustix::time::ClockId;
use tillwatch_state_store::{LaneStore, Manifest};
use zstd::bulk::Decompressor;

use crate::case::Case;
use crate::cpu::cpu;
use crate::stored::{mark, snapshots};

/// A run begins with so many bytes that say what it is.
const RUN_HEADER_BYTES: usize = 8;

/// Each frame of a run has a checksum, its packed length and two other lengths before it.
const FRAME_HEADER_BYTES: usize = 20;

/// Bytes that the control reads at once.
const BLOCK_BYTES: usize = 1 << 20;

/// What a process does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Task {
    /// Brings a lane back.
    Restore,
    /// Reads and decompresses the same bytes.
    Read,
}

/// What a process did.
#[derive(Debug, Clone, Copy)]
pub struct Did {
    pub seconds: f64,
    /// Of all its threads.
    pub cpu_seconds: f64,
    /// Keys that came back, or bytes that were decompressed.
    pub amount: u64,
}

impl Task {
    /// Runs it in a new process.
    pub fn start(self, case: Case, directory: &Path) -> Did {
        let task = match self {
            Self::Restore => "restore",
            Self::Read => "read",
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([case.name(), "--task", task, "--directory"]);
        let output = command.arg(directory).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{task} fails: {words}");
        Did::told(&String::from_utf8(output.stdout).unwrap())
    }

    /// Does it here.
    pub fn run(self, case: Case, directory: &Path) -> Did {
        let store = snapshots(directory);
        match self {
            Self::Restore => {
                let assembly = case.assembly();
                Did::timed(|| {
                    let mut lane = assembly.lane(0);
                    let manifest = newest(&store, &lane.meaning());
                    lane.begin_restore(&store.parts(&manifest).unwrap())
                        .unwrap();
                    let read = store.entries(&manifest, &AtomicU64::new(0), |entry| {
                        lane.restore(entry).unwrap();
                        ControlFlow::Continue(())
                    });
                    assert!(read.unwrap().whole, "nothing is left out");
                    lane.end_restore().unwrap();
                    let keys = lane.stats().keys;
                    (lane, keys)
                })
            }
            Self::Read => {
                let manifest = newest(&store, &case.assembly().lane(0).meaning());
                let lane = directory.join("bench/transactions/0");
                let runs = manifest.runs().iter();
                let runs: Vec<PathBuf> = runs.map(|run| lane.join(&run.object)).collect();
                Did::timed(|| ((), runs.iter().map(|run| read(run)).sum()))
            }
        }
    }
}

impl Did {
    /// Says it to the process that waits for it.
    pub fn tell(&self) {
        println!("{} {} {}", self.seconds, self.cpu_seconds, self.amount);
    }

    fn told(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [seconds, cpu_seconds, amount] = words[..] else {
            unreachable!("a process says three figures and not {line:?}");
        };
        Self {
            seconds: seconds.parse().unwrap(),
            cpu_seconds: cpu_seconds.parse().unwrap(),
            amount: amount.parse().unwrap(),
        }
    }

    /// Times `work`, which gives what it has made and how much that is.
    fn timed<T>(work: impl FnOnce() -> (T, u64)) -> Self {
        let (began, used) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
        let (made, amount) = work();
        let did = Self {
            seconds: began.elapsed().as_secs_f64(),
            cpu_seconds: (cpu(ClockId::ProcessCPUTime) - used).as_secs_f64(),
            amount,
        };
        // Taking a lane apart belongs to no restore, and the process ends here.
        std::mem::forget(made);
        did
    }
}

/// The newest snapshot, as if the group had committed all that was ever taken.
fn newest(store: &LaneStore, meaning: &str) -> Manifest {
    let committed = mark(i64::MAX.unsigned_abs());
    let found = store.newest_usable(meaning, &[committed]).unwrap();
    found.manifest.unwrap()
}

/// Reads a run and decompresses its frames one after the other; plain bytes.
fn read(path: &Path) -> u64 {
    let mut file = BufReader::with_capacity(BLOCK_BYTES, File::open(path).unwrap());
    file.read_exact(&mut [0; RUN_HEADER_BYTES]).unwrap();
    let mut decompressor = Decompressor::new().unwrap();
    let (mut packed, mut plain) = (Vec::new(), Vec::new());
    let (mut header, mut bytes) = ([0; FRAME_HEADER_BYTES], 0);
    loop {
        match file.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return bytes,
            Err(error) => unreachable!("{} cannot be read: {error}", path.display()),
        }
        let length =
            |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap()) as usize;
        packed.resize(length(8), 0);
        file.read_exact(&mut packed).unwrap();
        plain.clear();
        plain.reserve(length(12));
        decompressor
            .decompress_to_buffer(&packed, &mut plain)
            .unwrap();
        bytes += plain.len() as u64;
    }
}
