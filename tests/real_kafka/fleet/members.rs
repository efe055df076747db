//! The instances of a fleet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Way;
use crate::support::{Instance, Setup, wait_for};
use crate::{add_consumer_property, models, replace};

/// Snapshots as often as is allowed.
const INTERVAL: &str = "interval = \"100ms\"";

/// Instances by their names.
pub struct Fleet<'a> {
    setup: &'a Setup,
    way: Way,
    running: BTreeMap<&'static str, Instance>,
    /// What those said that have ended.
    past: Vec<(&'static str, String)>,
}

impl<'a> Fleet<'a> {
    pub fn new(setup: &'a Setup, way: Way) -> Self {
        Self {
            setup,
            way,
            running: BTreeMap::new(),
            past: Vec::new(),
        }
    }

    /// Of those that run.
    pub fn names(&self) -> Vec<&'static str> {
        self.running.keys().copied().collect()
    }

    pub fn start(&mut self, name: &'static str) {
        let config = configure(self.setup, self.way, name);
        self.running.insert(name, Instance::start(&config));
    }

    /// Ends one as a crash does.
    pub fn kill(&mut self, name: &'static str) {
        let instance = self.end(name);
        instance.kill();
    }

    /// Ends one in order, once it is over what happened before: one that cannot deliver ends with another
    /// code.
    pub fn remove(&mut self, name: &'static str) {
        self.running[name].wait_until_ready();
        let instance = self.end(name);
        let (status, took) = instance.stop();
        assert!(status.success(), "{name}: {status} after {took:?}");
    }

    /// Ends all of them in order.
    pub fn stop(&mut self) {
        for name in self.names() {
            self.remove(name);
        }
    }

    pub fn wait_until_each_scores(&self) {
        wait_for("each instance to score", || {
            let mut counts = self
                .running
                .values()
                .map(|instance| instance.metric("tillwatch_delivered_scores_total"));
            counts.all(|count| count > Some(0.0))
        });
    }

    /// How often lanes were restored, read the log again, and went on as they were.
    pub fn brought_back(&self) -> [usize; 3] {
        let running = self.running.values().map(Instance::log);
        let past = self.past.iter().map(|(_, log)| log.clone());
        let logs: String = running.chain(past).collect();
        let words = ["\"restored\"", "the log is read again", "goes on as it was"];
        words.map(|words| logs.matches(words).count())
    }

    fn end(&mut self, name: &'static str) -> Instance {
        let instance = self.running.remove(name).expect("it runs");
        // Its next start writes another log in the same place.
        self.past.push((name, instance.log()));
        instance
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (name, log) in &self.past {
                eprintln!("--- {name}, before it ended\n{log}");
            }
        }
    }
}

fn configure(setup: &Setup, way: Way, name: &str) -> PathBuf {
    let store = match way.has_own_stores {
        true => format!("store = \"state-{name}\""),
        false => String::new(),
    };
    let once = match way.is_exactly_once {
        true => format!(
            "[sink.kafka]\ndelivery = \"exactly_once\"\ntransactional_id = \"{name}\"\n\
             [sink.properties]\n\"transaction.timeout.ms\" = 3000"
        ),
        false => String::new(),
    };
    let extra = format!("[state]\n{INTERVAL}\n{store}\n{once}\n");
    let config = setup.config_of(&format!("{name}.toml"), &models(), &extra);
    // What was killed is soon missed, so that partitions move more than once.
    let session = |ms: u32| format!("\"session.timeout.ms\" = {ms}");
    replace(&config, &session(6_000), &session(3_000));
    if way.has_names {
        add_consumer_property(&config, &format!("\"group.instance.id\" = \"{name}\""));
    }
    config
}
