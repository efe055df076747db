//! Records that are already in the topic, as fast as they can be had.

use tillwatch_testkit::load::{Sender, Watch};

use crate::backlog::{self, Run};
use crate::figures::{Pair, Round};
use crate::place::{PARTITIONS, Place};
use crate::process::Contender;

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
            let watch = Watch::new(&place.brokers, &to, PARTITIONS).unwrap();
            let mut running = contender.start(place, &from, &to);
            let run = backlog::run(&watch, &mut running, records);
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
    println!("{} terminals", place.options.terminals);
    backlog::send(&sender, &mut fleet, place.options.records, PARTITIONS);
}
