//! The contenders as processes.

use std::process::Command;

use tempfile::TempDir;
use toml::Table;

use crate::example::{add_properties, example};
use crate::place::Place;
use crate::running::Running;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Plain librdkafka.
    Forward,
    /// Ours.
    Tillwatch,
}

impl Contender {
    /// Both, in an order that changes from round to round.
    pub fn turns(round: usize) -> [Self; 2] {
        if round.is_multiple_of(2) {
            [Self::Forward, Self::Tillwatch]
        } else {
            [Self::Tillwatch, Self::Forward]
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Tillwatch => "tillwatch",
        }
    }

    /// Starts it between two topics.
    pub fn start(self, place: &Place, from: &str, to: &str) -> Running {
        let files = TempDir::new().unwrap();
        match self {
            Self::Forward => {
                let group = format!("{to}-{}", self.name());
                Running::start(forward(place, &group, from, to), files)
            }
            Self::Tillwatch => {
                let config = configuration(place, "examples/job-w/tillwatch.toml", from, to);
                Running::tillwatch(place.options.tillwatch.as_deref(), &config, files)
            }
        }
    }
}

fn forward(place: &Place, group: &str, from: &str, to: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--forward", group, from, to, &place.brokers]);
    for (flag, properties) in [
        ("--consumer", &place.options.consumer),
        ("--producer", &place.options.producer),
    ] {
        for (name, value) in properties {
            command.arg(flag).arg(format!("{name}={value}"));
        }
    }
    command
}

/// An example with other topics, and with what the options say.
pub fn configuration(place: &Place, path: &str, from: &str, to: &str) -> Table {
    let mut config = example(path, &place.brokers, from, to);
    add_properties(&mut config["consumer"], &place.options.consumer);
    add_properties(&mut config["sink"], &place.options.producer);
    for (path, value) in &place.options.settings {
        let (table, key) = path.split_once('.').unwrap();
        let table = config.entry(table).or_insert_with(|| Table::new().into());
        let value: Table = format!("value = {value}").parse().unwrap();
        let table = table.as_table_mut().unwrap();
        table.insert(key.to_owned(), value["value"].clone());
    }
    config
}
