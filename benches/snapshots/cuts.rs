//! What cuts cost a lane with many keys of which few change, and how long they hold it up.

use std::time::{Duration, Instant};

use rustix::time::ClockId;
use tempfile::TempDir;
use tillwatch_engine::{Lane, Workspace};

use crate::cpu::cpu;
use crate::cutting::{Cutting, Pauses};
use crate::fill::{Batch, fill, take};
use crate::keeper::Keeper;
use crate::lanes::assembly;
use crate::latencies::Latencies;
use crate::options::Options;
use crate::plain::Plain;
use crate::stored::snapshots;
use crate::stream::{BATCH_RECORDS, Stream};

/// One key in so many changes from one cut to the next.
const CHANGED: u64 = 100;

/// Between two batches that come on time.
const TICK: Duration = Duration::from_millis(5);

/// What was measured.
pub struct Cuts {
    pub keys: u64,
    /// The first cut, which is of everything: until it was stored and merged.
    pub first: Duration,
    pub first_pauses: Pauses,
    /// CPU time of a cut, on average: in the lane, and beside it.
    pub in_lane: Duration,
    pub beside: Duration,
    /// Batches that came on time, of an interval without a cut and of one with a cut.
    pub pairs: Vec<[Latencies; 2]>,
    /// Of all cuts but the first.
    pub pauses: Pauses,
    /// Longest CPU time for as many pages as one step of a cut reads, of plain memory.
    pub plain: Duration,
}

/// A lane whose cuts are stored.
struct Subject {
    lane: Lane,
    workspace: Workspace,
    stream: Stream,
    /// Records that it has taken.
    taken: u64,
    cutting: Cutting,
    keeper: Keeper,
    /// Of its snapshots; removed after the threads have ended.
    _directory: TempDir,
}

/// One lane: its first cut, cuts one after the other, cuts while batches come.
pub fn measure(options: &Options) -> Cuts {
    let mut subject = Subject::new(options.keys, options.records);
    let changed = u64::from(options.keys).div_ceil(CHANGED);
    let plain = Plain::written();
    let began = Instant::now();
    subject.cut();
    let first = began.elapsed();
    let first_pauses = subject.cutting.take_pauses();
    println!("the first cut is stored after {:.1} s", first.as_secs_f64());
    let ([in_lane, beside], pauses) = subject.costs(options.cuts, changed);
    let interval = options.interval().div_f64(options.speed);
    let pairs = (0..options.pairs).map(|_| {
        let pair = [false, true].map(|has_cut| subject.paced(interval, changed, has_cut));
        subject.cut();
        let [without, with] = pair;
        println!(
            "p50, p99 and max of batches without a cut: {:.2}, {:.2}, {:.1} ms; \
             with one: {:.2}, {:.2}, {:.1} ms",
            without.p50, without.p99, without.max, with.p50, with.p99, with.max
        );
        pair
    });
    let pairs = pairs.collect();
    Cuts {
        keys: subject.lane.stats().keys,
        first,
        first_pauses,
        in_lane,
        beside,
        pairs,
        pauses: pauses.with(subject.cutting.take_pauses()),
        plain: plain.longest_step(),
    }
}

impl Subject {
    /// A lane of job W whose `keys` terminals have sent `records` records each in a day.
    fn new(keys: u32, records: u32) -> Self {
        let assembly = assembly("models/features/job-w.toml", "examples/job-w/model");
        let mut lane = assembly.lane(0);
        let mut stream = Stream::new(assembly.columns(), keys.into(), records.into());
        let batches = (u64::from(keys) * u64::from(records)).div_ceil(BATCH_RECORDS as u64);
        fill(&mut lane, batches, || {
            Batch::Events(stream.batch(BATCH_RECORDS))
        });
        let stats = lane.stats();
        println!(
            "job W: {} keys, {} MiB of state",
            stats.keys,
            stats.state_bytes >> 20
        );
        lane.track();
        let directory = TempDir::new().unwrap();
        Self {
            lane,
            workspace: Workspace::default(),
            stream,
            taken: batches * BATCH_RECORDS as u64,
            cutting: Cutting::new(),
            keeper: Keeper::start(&snapshots(directory.path())),
            _directory: directory,
        }
    }

    /// Cuts the lane and waits until that is stored.
    fn cut(&mut self) {
        let taken = self.taken;
        self.cutting.at_once(&mut self.lane, taken, &self.keeper);
        self.keeper.settle();
    }

    fn take(&mut self, records: usize) {
        let batch = Batch::Events(self.stream.batch(records));
        self.take_batch(batch, records);
    }

    fn take_batch(&mut self, batch: Batch, records: usize) {
        take(&mut self.lane, batch, &mut self.workspace);
        self.taken += records as u64;
    }

    /// CPU time of a cut, in the lane and beside it: the mean of so many, so that merging of all sizes has
    /// its part in it. Before each of them `changed` records come.
    fn costs(&mut self, cuts: u32, changed: u64) -> ([Duration; 2], Pauses) {
        let (process, own) = (cpu(ClockId::ProcessCPUTime), cpu(ClockId::ThreadCPUTime));
        for _ in 0..cuts {
            let mut left = changed as usize;
            while left > 0 {
                let records = left.min(BATCH_RECORDS);
                self.take(records);
                left -= records;
            }
            self.cut();
        }
        let own = cpu(ClockId::ThreadCPUTime) - own;
        let beside = cpu(ClockId::ProcessCPUTime) - process - own;
        let pauses = self.cutting.take_pauses();
        ([pauses.cpu, beside].map(|all| all / cuts.max(1)), pauses)
    }

    /// Lets batches come on time for `interval`, `changed` records in all, and with the first one a cut
    /// begin, of what came in the interval before. How long each batch took from when it was due.
    fn paced(&mut self, interval: Duration, changed: u64, has_cut: bool) -> Latencies {
        let start = Instant::now();
        let ticks = (interval.as_nanos() / TICK.as_nanos()).max(1) as u32;
        let mut latencies_ms = Vec::new();
        let mut came = 0;
        for tick in 0..ticks {
            let by_now = changed * u64::from(tick + 1) / u64::from(ticks);
            let records = (by_now - came) as usize;
            came = by_now;
            // Made before it is due, as records are that were read.
            let batch = Batch::Events(self.stream.batch(records));
            let due = start + TICK * tick;
            self.wait_until(due);
            if records > 0 {
                self.take_batch(batch, records);
                latencies_ms.push(due.elapsed().as_secs_f64() * 1e3);
            }
            if tick == 0 && has_cut {
                let taken = self.taken;
                self.cutting.begin(&mut self.lane, taken, &self.keeper);
            }
        }
        // A cut that is still under way belongs to this interval.
        self.cutting.finish(&mut self.lane, &self.keeper);
        Latencies::of(latencies_ms)
    }

    /// Goes on with the cut that is under way, and sleeps when there is nothing to do.
    fn wait_until(&mut self, due: Instant) {
        loop {
            let now = Instant::now();
            if now >= due {
                return;
            }
            let is_under_way = self.cutting.is_under_way();
            if is_under_way && self.cutting.not_before() <= now {
                self.cutting.slice(&mut self.lane, &self.keeper);
                continue;
            }
            let until = match is_under_way {
                true => due.min(self.cutting.not_before()),
                false => due,
            };
            std::thread::sleep(until - now);
        }
    }
}
