//! The simulated fleet, sent to the embedded broker at a rate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tillwatch_consumer::Monitor;
use tillwatch_simulator::{Emitted, Fleet, Pacer, TruthRecord, partition_of};
use tillwatch_sink::{OutRecord, Properties, RecordWriter};

use crate::clock;
use crate::commands::pace::Pace;
use crate::commands::truth::TruthFile;

/// One record in so many is cut short, so that the dead-letter path is seen to work.
const BROKEN_INTERVAL: u64 = 20_011;

/// Records between two looks at the clock and at the consumer's progress.
const LOOK_INTERVAL: u64 = 512;

/// How long to wait when a partition is full, before looking again.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// How long the last records may take to be acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// What to send, where and how fast.
pub struct Plan {
    pub brokers: String,
    pub topic: &'static str,
    pub partitions: i32,
    pub rate: u32,
    pub duration: Duration,
    pub truth: Option<PathBuf>,
}

/// What was sent, when all is over.
pub struct Fed {
    pub sent: u64,
    pub broken: u64,
    pub fraudulent: u64,
    /// From the first record to the last.
    pub seconds: f64,
    pub truth: Vec<TruthRecord>,
}

/// A running feed.
pub struct Feed {
    progress: Arc<Progress>,
    thread: JoinHandle<Result<Fed>>,
}

#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    simulated_ms: AtomicI64,
}

impl Feed {
    /// Starts to send on a thread of its own.
    pub fn start(
        fleet: Fleet,
        plan: Plan,
        monitor: Arc<Monitor>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let properties = Properties::of([("bootstrap.servers", plan.brokers.as_str())]);
        let writer = RecordWriter::open(&properties)?;
        let progress = Arc::new(Progress::default());
        let shown = Arc::clone(&progress);
        let thread = std::thread::Builder::new()
            .name("feed".into())
            .spawn(move || feed(fleet, &plan, &writer, &monitor, &stop, &shown))
            .context("cannot start the feed's thread")?;
        Ok(Self { progress, thread })
    }

    /// Records sent so far.
    pub fn sent(&self) -> u64 {
        self.progress.sent.load(Ordering::Relaxed)
    }

    /// The simulated clock, milliseconds since 1970.
    pub fn simulated_ms(&self) -> i64 {
        self.progress.simulated_ms.load(Ordering::Relaxed)
    }

    /// Whether nothing more will be sent.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end.
    pub fn join(self) -> Result<Fed> {
        self.thread
            .join()
            .map_err(|_| anyhow!("the feed's thread panicked"))?
    }
}

fn feed(
    mut fleet: Fleet,
    plan: &Plan,
    writer: &RecordWriter,
    monitor: &Monitor,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Fed> {
    let mut truth = plan.truth.as_deref().map(TruthFile::create).transpose()?;
    let mut pacer = Pacer::for_embedded_broker(usize::try_from(plan.partitions)?);
    let mut pace = Pace::new(Some(plan.rate));
    let started = clock::now();
    let (mut sent, mut broken, mut fraudulent) = (0, 0, 0);
    let mut json = Vec::new();
    loop {
        if sent % LOOK_INTERVAL == 0 {
            if stop.load(Ordering::Relaxed) || started.elapsed() >= plan.duration {
                break;
            }
            note_progress(&mut pacer, monitor);
        }
        pace.wait();
        json.clear();
        let emitted = fleet.next(&mut json);
        if sent % BROKEN_INTERVAL == BROKEN_INTERVAL / 2 {
            json.truncate(json.len() / 2);
            broken += 1;
        } else if emitted.fraud.is_some() {
            fraudulent += 1;
        }
        if let Some(truth) = &mut truth {
            truth.record(&emitted)?;
        }
        let partition = partition_of(&emitted.key, plan.partitions);
        if !wait_for_room(&mut pacer, partition, &emitted, &json, monitor, stop) {
            break;
        }
        let record = OutRecord {
            topic: plan.topic,
            partition: Some(partition),
            key: Some(&emitted.key),
            payload: Some(&json),
            timestamp_ms: None,
        };
        writer.send(&record, &[])?;
        sent += 1;
        progress.sent.store(sent, Ordering::Relaxed);
        progress
            .simulated_ms
            .store(emitted.arrival_ms, Ordering::Relaxed);
    }
    writer.flush(FLUSH_TIMEOUT)?;
    if let Some(truth) = truth {
        truth.finish(&fleet)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Fed {
        sent,
        broken,
        fraudulent,
        seconds,
        truth: fleet.truth().to_vec(),
    })
}

/// Waits until the record fits into what its partition retains; false when stopped meanwhile.
fn wait_for_room(
    pacer: &mut Pacer,
    partition: i32,
    emitted: &Emitted,
    json: &[u8],
    monitor: &Monitor,
    stop: &AtomicBool,
) -> bool {
    let index = usize::try_from(partition).unwrap_or_default();
    while !pacer.try_send(index, emitted.key.len() + json.len()) {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        clock::wait(FULL_WAIT);
        note_progress(pacer, monitor);
    }
    true
}

fn note_progress(pacer: &mut Pacer, monitor: &Monitor) {
    for partition in monitor.stats().partitions {
        let index = usize::try_from(partition.source.partition).unwrap_or_default();
        pacer.progress(index, partition.position.unwrap_or_default());
    }
}
