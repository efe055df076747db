//! Job W from topic to topic beside a plain consume-and-forward: `cargo bench --bench end_to_end`.
//!
//! With `TILLWATCH_KAFKA=host:port` it measures on that cluster. Both contenders are processes of their
//! own, run in turns over the same topic. What is compared is the median of the rounds' ratios, because
//! this machine's other work hits both.
//!
//! Without it is a smoke run of some twenty seconds on librdkafka's mock cluster: everything runs, with
//! few records, and nothing is judged.
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
mod figures;
#[path = "../support/latencies.rs"]
mod latencies;
mod latency;
#[path = "../support/load.rs"]
#[expect(
    dead_code,
    reason = "which partition a record goes to matters elsewhere"
)]
mod load;
#[path = "../support/median.rs"]
mod median;
mod place;
mod process;
mod report;
#[path = "../support/running.rs"]
mod running;
mod swaps;
mod throughput;

use clap::Parser;
use tillwatch_testkit::broker::Mock;
use tillwatch_testkit::forward::Forward;

use place::{Options, Place};
use report::Report;

/// The mock cluster keeps 5 MiB of a partition.
const MOCK_RECORDS_MAX: u64 = 40_000;

/// One round shows that everything runs.
const MOCK_ROUNDS_MAX: usize = 1;

fn main() {
    let options = Options::parse();
    if let Some([group, from, to, brokers]) = options.forward.as_deref() {
        let forward = Forward {
            brokers: brokers.clone(),
            group: group.clone(),
            from: from.clone(),
            to: to.clone(),
            consumer: options.consumer,
            producer: options.producer,
        };
        forward.run().unwrap();
        return;
    }
    let address = std::env::var("TILLWATCH_KAFKA").ok();
    let mock = address.is_none().then(|| Mock::start(1, &[]).unwrap());
    let mut place = Place {
        brokers: address.unwrap_or_else(|| mock.as_ref().unwrap().brokers().to_owned()),
        options,
        run: std::process::id(),
        mock,
    };
    if place.mock.is_some() {
        println!(
            "smoke run on librdkafka's mock cluster, which shows that everything runs and not how fast: \
             for ratios name a real broker, TILLWATCH_KAFKA=host:port\n"
        );
        place.options.rounds = place.options.rounds.min(MOCK_ROUNDS_MAX);
        place.options.records = place.options.records.min(MOCK_RECORDS_MAX);
        place.options.rates.truncate(1);
        place.options.seconds = place.options.seconds.min(3);
        place.options.swaps = place.options.swaps.min(swaps::PHASE_SWAPS);
    }
    let mut report = Report::default();
    if place.options.records > 0 {
        report.throughput = throughput::measure(&place);
    }
    for rate in &place.options.rates {
        if *rate > 0 {
            report
                .latency
                .push((*rate, latency::measure(&place, *rate)));
        }
    }
    if place.options.swaps > 0 {
        report.swaps = swaps::measure(&place);
    }
    if place.mock.is_some() {
        report.print_figures();
    } else {
        report.print_judged();
    }
}
