//! Exactly once beside at least once, over records that are in the topic already.

use std::time::Instant;

use tempfile::TempDir;
use tillwatch_testkit::load::{Sender, Watch};
use toml::{Table, Value};

use crate::backlog::{self, Run};
use crate::example::example;
use crate::place::{Place, fleet};
use crate::running::Running;

/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// Collects larger requests than the default: filling the topic is not measured.
const LINGER: (&str, &str) = ("linger.ms", "20");

/// At least once and exactly once, round after round.
pub fn measure(place: &Place) -> Vec<[Run; 2]> {
    let from = place.topic("once", PARTITIONS);
    let properties = [(LINGER.0.to_owned(), LINGER.1.to_owned())];
    let sender = Sender::new(&place.brokers, &from, &properties).unwrap();
    let records = place.options.backlog;
    backlog::send(
        &sender,
        &mut fleet(place.options.terminals),
        records,
        PARTITIONS,
    );
    let rounds = (0..place.options.rounds).map(|round| {
        let run = |is_once| run(place, &from, round, is_once);
        if round.is_multiple_of(2) {
            let least = run(false);
            [least, run(true)]
        } else {
            let once = run(true);
            [run(false), once]
        }
    });
    rounds.collect()
}

/// From the start of the process: the first outputs in a transaction are seen after many more were made. The
/// end of the output topic is that of committed records, so an open transaction is not counted. The markers
/// of transactions are: some hundred offsets among millions.
fn run(place: &Place, from: &str, round: usize, is_once: bool) -> Run {
    let name = if is_once {
        "exactly once"
    } else {
        "at least once"
    };
    let to = place.topic(
        &format!("once-{round}-{}", name.replace(' ', "-")),
        PARTITIONS,
    );
    let mut config = example("examples/job-w/tillwatch.toml", &place.brokers, from, &to);
    // Only delivery differs.
    let off = Table::from_iter([("store".to_owned(), Value::from("off"))]);
    config.insert("state".to_owned(), off.into());
    if is_once {
        let interval = place.options.commit_interval.as_str();
        let delivery = [("delivery", "exactly_once"), ("commit_interval", interval)];
        let delivery = delivery.map(|(key, value)| (key.to_owned(), Value::from(value)));
        let sink = config["sink"].as_table_mut().unwrap();
        sink.insert("kafka".to_owned(), Table::from_iter(delivery).into());
    }
    let watch = Watch::new(&place.brokers, &to, PARTITIONS).unwrap();
    let files = TempDir::new().unwrap();
    let began = Instant::now();
    let mut running = Running::tillwatch(place.options.tillwatch.as_deref(), &config, files);
    let records = place.options.backlog;
    let run = backlog::run(&watch, &mut running, records);
    let run = Run {
        cpu_us_per_record: running.cpu_seconds() * 1e6 / records as f64,
        records_per_second: records as f64 / began.elapsed().as_secs_f64(),
        ..run
    };
    println!(
        "{name:13} {:6.2} CPU-us/record {:9.0} records/s {:5.0} MiB",
        run.cpu_us_per_record, run.records_per_second, run.memory_mib
    );
    run
}
