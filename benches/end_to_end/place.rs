//! What is measured, where, and with which fleet.

use clap::Parser;
use tillwatch_simulator::{Fleet, SimulatorSettings};
use tillwatch_testkit::broker::{Mock, create_topic};

/// Partitions of every topic.
pub const PARTITIONS: i32 = 4;

/// So many times less busy than a fleet in a city: with 40 records per terminal the stream then
/// lasts a day, and the longest window is full.
const ACTIVITY: f64 = 0.2;

/// What is measured.
#[derive(Debug, Clone, Parser)]
#[command(about = "Job W from topic to topic, beside a plain consume-and-forward")]
pub struct Options {
    /// Records in the topic for the throughput phase; 0 leaves the phase out.
    #[arg(long, default_value_t = 2_000_000)]
    pub records: u64,
    /// Rounds of each contender.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Rates of the latency phase in records/s; 0 leaves it out.
    #[arg(long, value_delimiter = ',', default_values_t = [5_000, 20_000])]
    pub rates: Vec<u64>,
    /// Measured seconds at each rate and round.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Changes of models while scoring; 0 leaves the phase out.
    #[arg(long, default_value_t = 0)]
    pub swaps: u64,
    /// Rate of that phase in records/s.
    #[arg(long, default_value_t = 2_000)]
    pub swap_rate: u64,
    /// Terminals of the fleet.
    #[arg(long, default_value_t = 50_000)]
    pub terminals: u32,
    /// Compression of the input topic.
    #[arg(long, default_value = "none")]
    pub input_compression: String,
    /// A librdkafka property of both contenders' consumers, as name=value.
    #[arg(long = "consumer", value_parser = property)]
    pub consumer: Vec<(String, String)>,
    /// A librdkafka property of both contenders' producers, as name=value.
    #[arg(long = "producer", value_parser = property)]
    pub producer: Vec<(String, String)>,
    /// A setting of tillwatch, as table.key=value in TOML.
    #[arg(long = "set", value_parser = property)]
    pub settings: Vec<(String, String)>,
    /// Another tillwatch than the one built with the bench.
    #[arg(long)]
    pub tillwatch: Option<String>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    pub bench: bool,
    /// The control's process: group, topic to read, topic to write, brokers.
    #[arg(long, hide = true, num_args = 4)]
    pub forward: Option<Vec<String>>,
}

/// Where and with what is measured.
pub struct Place {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// What the command line says.
    pub options: Options,
    /// Makes topics and groups of this run unlike those of another.
    pub run: u32,
    /// The mock cluster, when there is no real one.
    pub mock: Option<Mock>,
}

impl Place {
    /// A new topic.
    pub fn topic(&self, name: &str) -> String {
        let topic = format!("bench-{}-{name}", self.run);
        match &self.mock {
            Some(mock) => mock.create_topic(&topic, PARTITIONS).unwrap(),
            None => create_topic(&self.brokers, &topic, PARTITIONS).unwrap(),
        }
        topic
    }

    /// The fleet that sends, from its start.
    pub fn fleet(&self) -> Fleet {
        let settings = SimulatorSettings {
            terminals: self.options.terminals,
            activity: ACTIVITY,
            ..SimulatorSettings::default()
        };
        Fleet::new(&settings).unwrap()
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}
