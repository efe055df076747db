//! Job W at full speed with snapshots, beside job W without.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::ClockId;
use tempfile::TempDir;
use tillwatch_engine::{Input, Lane, Workspace};
use tillwatch_records::RawBatch;
use tillwatch_simulator::SimulatorSettings;

use crate::cpu::cpu;
use crate::cutting::{Cutting, Pauses};
use crate::keeper::Keeper;
use crate::lanes::assembly;
use crate::options::Options;
use crate::raw::RawStream;
use crate::stored::snapshots;

/// Records in a batch of a lane that is busy, as `run` has it.
const RECORDS: usize = 1_024;

/// Records of each terminal before it begins: windows are full.
const RECORDS_BEFORE: u64 = 40;

/// How busy the fleet is, against a real one: these records are about a day.
const ACTIVITY: f64 = 0.2;

/// What was measured.
pub struct Steady {
    pub terminals: u32,
    pub records: u64,
    pub cuts: u32,
    /// CPU time of the lane without snapshots.
    pub without: Duration,
    /// Of the lane with them: its slices are in it.
    pub with: Duration,
    /// Of what stores and merges them.
    pub beside: Duration,
    pub pauses: Pauses,
}

/// The lane whose state is kept.
struct Kept {
    lane: Lane,
    cutting: Cutting,
    keeper: Keeper,
    taken: u64,
    /// By its own time: how long it was at work, and when the next cut is due.
    at_work: Duration,
    due: Duration,
    cuts: u32,
    /// Removed after the threads have ended.
    _directory: TempDir,
}

/// Both lanes take the same batches by turns.
pub fn measure(options: &Options) -> Steady {
    let interval = options.interval();
    let stream = RawStream::new(&SimulatorSettings {
        terminals: options.terminals,
        activity: ACTIVITY,
        ..SimulatorSettings::default()
    });
    let mut stream = stream.unwrap();
    let assembly = assembly("models/features/job-w.toml", "examples/job-w/model");
    let mut workspace = Workspace::default();
    let mut plain = assembly.lane(0);
    let mut kept = Kept::new(assembly.lane(0), interval / 2);
    for _ in 0..(u64::from(options.terminals) * RECORDS_BEFORE).div_ceil(RECORDS as u64) {
        let raw = stream.batch(RECORDS);
        take(&mut plain, &raw, &mut workspace);
        kept.take(&raw, &mut workspace);
    }
    kept.begin_to_keep();
    let (process, own) = (cpu(ClockId::ProcessCPUTime), cpu(ClockId::ThreadCPUTime));
    let (mut records, mut without, mut with) = (0, Duration::ZERO, Duration::ZERO);
    while kept.at_work < interval * options.intervals {
        let raw = stream.batch(RECORDS);
        for turn in 0..2 {
            let used = cpu(ClockId::ThreadCPUTime);
            if (turn + records / RECORDS as u64).is_multiple_of(2) {
                take(&mut plain, &raw, &mut workspace);
                without += cpu(ClockId::ThreadCPUTime) - used;
            } else {
                kept.work(&raw, &mut workspace, interval);
                with += cpu(ClockId::ThreadCPUTime) - used;
            }
        }
        records += RECORDS as u64;
    }
    let used = cpu(ClockId::ThreadCPUTime);
    kept.finish();
    with += cpu(ClockId::ThreadCPUTime) - used;
    let own = cpu(ClockId::ThreadCPUTime) - own;
    let measured = Steady {
        terminals: options.terminals,
        records,
        cuts: kept.cuts,
        without,
        with,
        beside: cpu(ClockId::ProcessCPUTime) - process - own,
        pauses: kept.cutting.take_pauses(),
    };
    println!(
        "steady state: {records} records in each lane, {} cuts",
        measured.cuts
    );
    measured
}

fn take(lane: &mut Lane, raw: &RawBatch, workspace: &mut Workspace) {
    let processed = lane.process(Input::Raw(raw), workspace, &mut ());
    black_box(processed.unwrap());
}

impl Kept {
    fn new(lane: Lane, due: Duration) -> Self {
        let directory = TempDir::new().unwrap();
        Self {
            lane,
            cutting: Cutting::new(),
            keeper: Keeper::start(&snapshots(directory.path())),
            taken: 0,
            at_work: Duration::ZERO,
            due,
            cuts: 0,
            _directory: directory,
        }
    }

    fn take(&mut self, raw: &RawBatch, workspace: &mut Workspace) {
        take(&mut self.lane, raw, workspace);
        self.taken += raw.len() as u64;
    }

    /// From here on its state is kept: everything is in the store.
    fn begin_to_keep(&mut self) {
        self.lane.track();
        self.cutting
            .at_once(&mut self.lane, self.taken, &self.keeper);
        self.keeper.settle();
        self.cutting.take_pauses();
    }

    /// A batch, and a slice of a cut if one is due or under way.
    fn work(&mut self, raw: &RawBatch, workspace: &mut Workspace, interval: Duration) {
        let since = Instant::now();
        self.take(raw, workspace);
        if self.cutting.is_under_way() {
            if self.cutting.not_before() <= Instant::now() {
                self.cutting.slice(&mut self.lane, &self.keeper);
            }
        } else if self.at_work >= self.due {
            self.due += interval;
            self.cuts += 1;
            self.cutting.begin(&mut self.lane, self.taken, &self.keeper);
        }
        self.at_work += since.elapsed();
    }

    /// The cut that is under way to its end, stored and merged.
    fn finish(&mut self) {
        self.cutting.finish(&mut self.lane, &self.keeper);
        self.keeper.settle();
    }
}
