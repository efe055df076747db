//! The instance that comes and goes.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use toml::Table;

use crate::place::Place;
use crate::running::Running;

/// The second instance of a group; killed on drop.
pub struct Second(Running);

/// A lane that it has brought back.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    pub partition: i32,
    /// Entries of its snapshot: its keys.
    pub entries: u64,
}

impl Second {
    pub fn start(place: &Place, config: &Table) -> Self {
        let files = TempDir::new().unwrap();
        let program = place.options.tillwatch.as_deref();
        Self(Running::tillwatch(program, config, files))
    }

    /// What it has restored, as its log says: what moved to it.
    pub fn lanes(&mut self) -> Vec<Lane> {
        self.0.check();
        let log = self.0.log();
        let lanes = log.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "restored").then(|| Lane {
                partition: i32::try_from(line["partition"].as_i64().unwrap()).unwrap(),
                entries: line["entries"].as_u64().unwrap(),
            })
        });
        let lanes: Vec<Lane> = lanes.collect();
        if lanes.is_empty() {
            self.0.give_up("the second instance has restored nothing");
        }
        lanes
    }

    /// Lets it leave in order.
    pub fn leave(&self) {
        let pid = self.0.pid().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(status.unwrap().success(), "the process is there");
    }
}
