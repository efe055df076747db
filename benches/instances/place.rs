//! What is measured, and on which broker.

use clap::{Parser, ValueEnum};
use tillwatch_simulator::{Fleet, SimulatorSettings};
use tillwatch_testkit::broker::{RealBroker, create_topic};

/// So many times less busy than a fleet in a city, so that the stream lasts for hours.
const ACTIVITY: f64 = 0.2;

/// What is measured.
#[derive(Debug, Parser)]
#[command(
    about = "What whole instances cost, and how long their lanes are silent, on a real Kafka"
)]
pub struct Options {
    /// Which parts; without a name all of them.
    pub parts: Vec<Part>,
    /// Rounds of each part.
    #[arg(long, env = "TILLWATCH_BENCH_ROUNDS", default_value_t = 3)]
    pub rounds: usize,
    /// Records in the topic of `once`.
    #[arg(long, env = "TILLWATCH_BENCH_BACKLOG", default_value_t = 2_000_000)]
    pub backlog: u64,
    /// Terminals of `once`.
    #[arg(long, env = "TILLWATCH_BENCH_TERMINALS", default_value_t = 50_000)]
    pub terminals: u32,
    /// How long a transaction of `once` is open: `[sink.kafka] commit_interval`.
    #[arg(long, default_value = "100ms")]
    pub commit_interval: String,
    /// Keys of each partition of `moves`.
    #[arg(long, env = "TILLWATCH_BENCH_KEYS", default_value_t = 100_000)]
    pub keys: u32,
    /// Rate of `moves` in records/s.
    #[arg(long, default_value_t = 600)]
    pub rate: u64,
    /// Another tillwatch than the one built with the bench.
    #[arg(long)]
    pub tillwatch: Option<String>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Exactly once beside at least once.
    Once,
    /// An instance joins, leaves and is killed.
    Moves,
}

/// Where and with what is measured.
pub struct Place {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// What the command line says.
    pub options: Options,
    /// Ended with the bench, if it is its own.
    _broker: Option<RealBroker>,
}

impl Place {
    /// The cluster that the environment names, or a broker that it lets us start.
    pub fn find(options: Options) -> Option<Self> {
        let (brokers, broker) = match std::env::var("TILLWATCH_KAFKA") {
            Ok(address) => (address, None),
            Err(_) => {
                std::env::var_os("TILLWATCH_KAFKA_HOME")?;
                let broker = RealBroker::start().unwrap_or_else(|error| panic!("{error}"));
                (broker.brokers(), Some(broker))
            }
        };
        Some(Self {
            brokers,
            options,
            _broker: broker,
        })
    }

    /// Whether a part is measured.
    pub fn has(&self, part: Part) -> bool {
        self.options.parts.is_empty() || self.options.parts.contains(&part)
    }

    /// A new topic, whose name no other run has.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        let topic = format!("bench-{}-{name}", std::process::id());
        create_topic(&self.brokers, &topic, partitions).unwrap();
        topic
    }
}

/// A fleet of so many terminals, from its start.
pub fn fleet(terminals: u32) -> Fleet {
    let settings = SimulatorSettings {
        terminals,
        activity: ACTIVITY,
        ..SimulatorSettings::default()
    };
    Fleet::new(&settings).unwrap()
}
