//! The contenders as processes, and what they cost.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use toml::{Table, Value};

use crate::place::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Plain librdkafka.
    Forward,
    /// Ours.
    Tillwatch,
}

/// A contender at work; ended on drop.
pub struct Running {
    child: Child,
    files: TempDir,
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
                Running::tillwatch(place, &config, files)
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

/// An example with other topics.
pub fn configuration(place: &Place, example: &str, from: &str, to: &str) -> Table {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(example);
    let directory = example.parent().unwrap();
    let mut config: Table = fs::read_to_string(&example).unwrap().parse().unwrap();
    let absolute = |path: &Value| -> Value {
        let path: PathBuf = directory.join(path.as_str().unwrap());
        path.display().to_string().into()
    };
    let text = |text: &str| Value::from(text.to_owned());
    let properties = |of: &mut Table, given: &[(String, String)]| {
        let all = of
            .entry("properties")
            .or_insert_with(|| Table::new().into());
        let all = all.as_table_mut().unwrap();
        all.extend(
            given
                .iter()
                .map(|(name, value)| (name.clone(), text(value))),
        );
    };
    config["kafka"]["bootstrap.servers"] = text(&place.brokers);
    let consumer = config["consumer"].as_table_mut().unwrap();
    consumer.insert("topics".to_owned(), vec![from].into());
    consumer.insert("group".to_owned(), text(&format!("{to}-tillwatch")));
    properties(consumer, &place.options.consumer);
    config["features"]["catalog"] = absolute(&config["features"]["catalog"]);
    config["models"]["champion"] = absolute(&config["models"]["champion"]);
    let sink = config["sink"].as_table_mut().unwrap();
    let topics = ["scores", "alerts", "dead_letters"].map(|output| {
        let topic = match output {
            "scores" => to.to_owned(),
            _ => format!("{to}-{output}"),
        };
        (output.to_owned(), topic.into())
    });
    sink.insert("topics".to_owned(), Table::from_iter(topics).into());
    properties(sink, &place.options.producer);
    for (path, value) in &place.options.settings {
        let (table, key) = path.split_once('.').unwrap();
        let table = config.entry(table).or_insert_with(|| Table::new().into());
        let value: Table = format!("value = {value}").parse().unwrap();
        let table = table.as_table_mut().unwrap();
        table.insert(key.to_owned(), value["value"].clone());
    }
    config
}

impl Running {
    /// tillwatch with `config`, which is written among `files`, as what it says will be.
    pub fn tillwatch(place: &Place, config: &Table, files: TempDir) -> Self {
        let path = files.path().join("tillwatch.toml");
        fs::write(&path, toml::to_string(config).unwrap()).unwrap();
        let built = env!("CARGO_BIN_EXE_tillwatch");
        let program = place.options.tillwatch.as_deref().unwrap_or(built);
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(path);
        Self::start(command, files)
    }

    fn start(mut command: Command, files: TempDir) -> Self {
        let log = File::create(files.path().join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, files }
    }

    /// Its files.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// User and system time so far, in seconds, to the kernel's tick of a hundredth.
    pub fn cpu_seconds(&mut self) -> f64 {
        let stat = self.proc("stat");
        let after_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }

    /// Largest resident memory so far.
    pub fn memory_mib(&mut self) -> f64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }

    /// Ends the bench when the process is over, with what it said.
    pub fn check(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            self.give_up(&format!("ended with {status}"));
        }
    }

    /// Ends the bench with what the process said.
    pub fn give_up(&mut self, why: &str) -> ! {
        let log = fs::read_to_string(self.files.path().join("log")).unwrap_or_default();
        panic!("{why}; it said:\n{log}");
    }

    fn proc(&mut self, name: &str) -> String {
        self.check();
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
