//! How long after its time of sending a record's result can be read.

use crate::figures::{Pair, Round};
use crate::latencies::Latencies;
use crate::load::{Load, Way};
use crate::place::{PARTITIONS, Place};
use crate::process::Contender;

/// Sent at the rate before measuring begins.
const WARM_UP_SECONDS: u64 = 2;

/// Runs both contenders at `rate` records/s, round after round.
pub fn measure(place: &Place, rate: u64) -> Vec<Pair<Latencies>> {
    let records = rate * (WARM_UP_SECONDS + place.options.seconds);
    let load = Load::new(&mut place.fleet(), records, PARTITIONS);
    let mut rounds = Vec::new();
    for round in 0..place.options.rounds {
        let mut both = Round::default();
        for contender in Contender::turns(round) {
            let name = format!("{rate}-{round}-{}", contender.name());
            let (from, to) = (place.topic(&name), place.topic(&format!("{name}-out")));
            let mut running = contender.start(place, &from, &to);
            let way = Way {
                brokers: &place.brokers,
                from: &from,
                to: &to,
                partitions: PARTITIONS,
            };
            let measured = load.run(way, &mut running, rate, |_| {});
            let warm = (rate * WARM_UP_SECONDS) as usize;
            let measured = measured.iter().filter(|(number, _)| *number >= warm);
            let latencies = Latencies::of(measured.map(|(_, ms)| *ms).collect());
            println!(
                "{:10} {rate:6} records/s: p50 {:6.2} ms, p99 {:6.2} ms, max {:6.1} ms",
                contender.name(),
                latencies.p50,
                latencies.p99,
                latencies.max
            );
            both.set(contender, latencies);
        }
        rounds.push(both.finish());
    }
    rounds
}
