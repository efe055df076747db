//! Records that are in a topic already, and how fast a process gets through them.

use std::time::{Duration, Instant};

use tillwatch_simulator::{Fleet, partition_of};
use tillwatch_testkit::load::{Sender, Watch};

use crate::running::Running;

/// How often the output topic is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a process may go without any output.
const STALLED: Duration = Duration::from_secs(30);

/// What a process needed.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub cpu_us_per_record: f64,
    pub records_per_second: f64,
    pub memory_mib: f64,
}

/// Sends what `fleet` makes next, so many records, each to the partition of its key.
pub fn send(sender: &Sender, fleet: &mut Fleet, records: u64, partitions: i32) {
    let (mut payload, mut bytes, mut span) = (Vec::new(), 0, None);
    for number in 0..records {
        payload.clear();
        let made = fleet.next(&mut payload);
        bytes += payload.len();
        let first_ms = span.map_or(made.arrival_ms, |(first, _)| first);
        span = Some((first_ms, made.arrival_ms));
        let partition = partition_of(&made.key, partitions);
        sender.send(partition, &made.key, &payload).unwrap();
        if number % 1024 == 0 {
            sender.serve();
        }
    }
    sender.flush().unwrap();
    let (first_ms, last_ms) = span.unwrap_or_default();
    println!(
        "{records} records of {} bytes on average, {:.1} simulated hours",
        bytes as u64 / records,
        (last_ms - first_ms) as f64 / 3_600_000.0,
    );
}

/// Measures `running` from the last look without output in the topic that `watch` watches to the
/// acknowledgement of the last of `records` results.
pub fn run(watch: &Watch, running: &mut Running, records: u64) -> Run {
    let (mut since, mut cpu) = (Instant::now(), running.cpu_seconds());
    let (mut seen, mut moved) = (0, Instant::now());
    while seen < records {
        let (now, used) = (Instant::now(), running.cpu_seconds());
        // A new topic may still be without a leader; what was seen stays seen.
        let count = watch.records().unwrap_or(seen);
        if count == 0 {
            (since, cpu) = (now, used);
        }
        if count > seen {
            (seen, moved) = (count, Instant::now());
        }
        if moved.elapsed() > STALLED {
            running.give_up(&format!("no output after {seen} records"));
        }
        if seen < records {
            std::thread::sleep(LOOK);
        }
    }
    let wall = since.elapsed().as_secs_f64();
    // Delivery reports of the last records are still being served.
    std::thread::sleep(LOOK);
    Run {
        cpu_us_per_record: (running.cpu_seconds() - cpu) * 1e6 / records as f64,
        records_per_second: records as f64 / wall,
        memory_mib: running.memory_mib(),
    }
}
