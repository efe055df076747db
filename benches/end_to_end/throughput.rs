//! Records that are already in the topic, as fast as they can be had.

use std::time::{Duration, Instant};

use tillwatch_testkit::load::{Sender, Watch};

use crate::figures::{Pair, Round, Run};
use crate::place::{PARTITIONS, Place, partition};
use crate::process::Contender;

/// How often the output topic is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a contender may go without any output.
const STALLED: Duration = Duration::from_secs(30);

/// Runs both contenders over one topic, round after round.
pub fn measure(place: &Place) -> Vec<Pair<Run>> {
    let records = place.options.records;
    let from = place.topic("in");
    fill(place, &from);
    let mut rounds = Vec::new();
    for round in 0..place.options.rounds {
        let mut both = Round::default();
        for contender in Contender::turns(round) {
            let to = place.topic(&format!("out-{round}-{}", contender.name()));
            let run = run(place, contender, &from, &to, records);
            println!(
                "{:10} {:6.2} CPU-us/record {:9.0} records/s {:5.0} MiB",
                contender.name(),
                run.cpu_us_per_record,
                run.records_per_second,
                run.memory_mib
            );
            both.set(contender, run);
        }
        rounds.push(both.finish());
    }
    rounds
}

fn fill(place: &Place, topic: &str) {
    let compression = place.options.input_compression.clone();
    let properties = [
        ("compression.type".to_owned(), compression),
        ("linger.ms".to_owned(), "20".to_owned()),
    ];
    let sender = Sender::new(&place.brokers, topic, &properties).unwrap();
    let mut fleet = place.fleet();
    let (mut payload, mut bytes, mut span) = (Vec::new(), 0, None);
    for number in 0..place.options.records {
        payload.clear();
        let made = fleet.next(&mut payload);
        bytes += payload.len();
        let first_ms = span.map_or(made.arrival_ms, |(first, _)| first);
        span = Some((first_ms, made.arrival_ms));
        sender
            .send(partition(&made.key), &made.key, &payload)
            .unwrap();
        if number % 1024 == 0 {
            sender.serve();
        }
    }
    sender.flush().unwrap();
    let (first_ms, last_ms) = span.unwrap_or_default();
    println!(
        "{} records of {} bytes on average, {} terminals, {:.1} simulated hours",
        place.options.records,
        bytes as u64 / place.options.records,
        place.options.terminals,
        (last_ms - first_ms) as f64 / 3_600_000.0,
    );
}

/// From the last look without output to the acknowledgement of the last.
fn run(place: &Place, contender: Contender, from: &str, to: &str, records: u64) -> Run {
    let watch = Watch::new(&place.brokers, to, PARTITIONS).unwrap();
    let mut running = contender.start(place, from, to);
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
