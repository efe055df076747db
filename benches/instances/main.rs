//! What whole instances do on a real Kafka: `cargo bench --bench instances`.
//!
//! `once`: job W from topic to topic, exactly once beside at least once, in turns over one topic. CPU time
//! per record is that of tillwatch's process.
//!
//! `moves`: two instances with one store of snapshots. Records come at a rate; a second instance joins,
//! leaves in order, joins again and is killed. Told is how long a record of a lane waited for its score at
//! most, from when it was due: for so long was the lane silent, or held up.
//!
//! `TILLWATCH_KAFKA=host:port` names a cluster. Without it, `TILLWATCH_KAFKA_HOME` names the directory that
//! `scripts/kafka.sh fetch` has filled, and a broker of the bench's own is started. Without either nothing is
//! measured: an embedded cluster has no sessions and no transactions like those of a broker.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program that measures time and ends when something is wrong"
)]

#[path = "../support/backlog.rs"]
mod backlog;
#[path = "../support/example.rs"]
mod example;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/median.rs"]
mod median;
mod moves;
mod once;
mod place;
mod report;
#[path = "../support/running.rs"]
mod running;
mod second;

use clap::Parser;

use place::{Options, Part, Place};

fn main() {
    let options = Options::parse();
    let Some(place) = Place::find(options) else {
        println!(
            "instances: left out, as it needs a real broker. Name one by TILLWATCH_KAFKA=host:port, or let \
             TILLWATCH_KAFKA_HOME name the directory that `scripts/kafka.sh fetch` fills: then one is started."
        );
        return;
    };
    let once = place.has(Part::Once).then(|| once::measure(&place));
    let moves = place.has(Part::Moves).then(|| moves::measure(&place));
    report::print(&place, once.as_deref(), moves.as_deref());
}
