//! Running the binary as a user would, and looking at what it wrote.

pub mod scores;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tillwatch_testkit::broker::{TestRecord, read_all};
use tillwatch_testkit::load::Watch;

/// Longest wait for anything; a test that needs more hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What ends, or answers, at once does so within this on a machine that other tests keep busy. What would
/// wait for something waits for longer.
pub const SOON: Duration = Duration::from_secs(20);

/// The built binary, run from the project's root.
pub fn tillwatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillwatch"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

/// Runs to the end; fails the test unless it succeeds.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the binary runs");
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// How `check` ends for a configuration, and what it says.
pub fn check(config: &Path) -> (Output, String) {
    let output = tillwatch().args(["check", "--config"]).arg(config).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, said)
}

/// Waits until `done`; fails the test when that takes longer than [`PATIENCE`].
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Topics of one test, and a directory for its files.
pub struct Setup {
    pub directory: TempDir,
    pub brokers: String,
    pub topic: String,
    pub partitions: i32,
}

/// What scores, and whether scores carry their features.
pub struct Scoring {
    pub catalog: PathBuf,
    pub champion: PathBuf,
    pub with_features: bool,
}

impl Scoring {
    /// The shipped rules, without features in the scores.
    pub fn shipped() -> Self {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        Self {
            catalog: models.join("features/card-present.toml"),
            champion: models.join("terminal-rules"),
            with_features: false,
        }
    }
}

impl Setup {
    pub fn new(brokers: &str, topic: &str, partitions: i32) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            directory,
            brokers: brokers.into(),
            topic: topic.into(),
            partitions,
        }
    }

    pub fn scores_topic(&self) -> String {
        format!("{}.scores", self.topic)
    }

    pub fn dead_letters_topic(&self) -> String {
        format!("{}.dead-letters", self.topic)
    }

    /// Every topic with its partitions.
    pub fn topics(&self) -> Vec<(String, i32)> {
        vec![
            (self.topic.clone(), self.partitions),
            (self.scores_topic(), self.partitions),
            (format!("{}.alerts", self.topic), 1),
            (self.dead_letters_topic(), 1),
        ]
    }

    /// A configuration with the shipped rules, written to a file. `extra` is appended.
    pub fn config(&self, name: &str, extra: &str) -> PathBuf {
        self.config_of(name, &Scoring::shipped(), extra)
    }

    /// A configuration that scores so, written to a file. `extra` is appended.
    pub fn config_of(&self, name: &str, scoring: &Scoring, extra: &str) -> PathBuf {
        let text = format!(
            r#"
[kafka]
"bootstrap.servers" = "{brokers}"
[consumer]
topics = ["{topic}"]
group = "{topic}-group"
[consumer.properties]
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 500
[features]
catalog = "{catalog}"
[models]
champion = "{champion}"
[sink]
kind = "kafka"
topics = {{ scores = "{topic}.scores", alerts = "{topic}.alerts", dead_letters = "{topic}.dead-letters" }}
features = {features}
[http]
listen = "127.0.0.1:0"
[log]
format = "json"
{extra}
"#,
            brokers = self.brokers,
            topic = self.topic,
            catalog = scoring.catalog.display(),
            champion = scoring.champion.display(),
            features = scoring.with_features,
        );
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("a configuration can be written");
        path
    }

    /// Sends simulated transactions with the binary itself.
    pub fn simulate(&self, records: u64, seed: u64) {
        succeed(tillwatch().args([
            "simulate",
            "--terminals",
            "2000",
            "--brokers",
            &self.brokers,
            "--topic",
            &self.topic,
            "--records",
            &records.to_string(),
            "--seed",
            &seed.to_string(),
        ]));
    }

    pub fn scores(&self) -> Vec<TestRecord> {
        read_all(&self.brokers, &self.scores_topic(), self.partitions).expect("scores can be read")
    }

    pub fn dead_letters(&self) -> Vec<TestRecord> {
        read_all(&self.brokers, &self.dead_letters_topic(), 1).expect("dead letters can be read")
    }

    /// Positions of which the scores topic must hold a score: all of the input that are no dead letter's.
    pub fn expected_positions(&self) -> BTreeSet<String> {
        let input =
            read_all(&self.brokers, &self.topic, self.partitions).expect("the input can be read");
        let mut offsets = vec![0; self.partitions as usize];
        let mut positions = BTreeSet::new();
        for record in input {
            let offset = &mut offsets[record.partition as usize];
            positions.insert(format!("{}/{}/{offset}", self.topic, record.partition));
            *offset += 1;
        }
        for letter in self.dead_letters() {
            positions.remove(&format!(
                "{}/{}/{}",
                self.topic,
                header(&letter, "tillwatch.partition"),
                header(&letter, "tillwatch.offset")
            ));
        }
        positions
    }

    /// Waits until every record of the input is scored or dead-lettered.
    pub fn wait_until_scored(&self) {
        let expected = self.expected_positions();
        let watch = |topic: &str, partitions| {
            Watch::new(&self.brokers, topic, partitions).expect("outputs can be watched")
        };
        let scores = watch(&self.scores_topic(), self.partitions);
        let letters = watch(&self.dead_letters_topic(), 1);
        let written = |watch: &Watch| watch.records().expect("outputs can be counted");
        wait_for("every record to be scored", || {
            // Counting costs little, reading takes the processor from what is waited for.
            if written(&scores) + written(&letters) < expected.len() as u64 {
                return false;
            }
            let scored: BTreeSet<String> = self.scores().iter().map(position).collect();
            let found = self.dead_letters();
            // A dead letter that came meanwhile is expected no more.
            scored.len() + found.len() >= expected.len() && self.expected_positions() == scored
        });
    }
}

pub fn header(record: &TestRecord, name: &str) -> String {
    let value = record.headers.iter().find(|(found, _)| found == name);
    let value = value
        .and_then(|(_, value)| value.clone())
        .unwrap_or_default();
    String::from_utf8(value).expect("the header is text")
}

pub fn json(record: &TestRecord) -> Value {
    serde_json::from_slice(record.payload.as_deref().unwrap_or_default()).expect("it is JSON")
}

/// Where the record that was scored is in the input: `topic/partition/offset`.
pub fn position(score: &TestRecord) -> String {
    let score = json(score);
    let topic = score["topic"].as_str().expect("it has a topic");
    format!("{topic}/{}/{}", score["partition"], score["offset"])
}

pub fn score_ids(scores: &[TestRecord]) -> BTreeSet<String> {
    scores
        .iter()
        .map(|score| json(score)["score_id"].as_str().unwrap_or_default().into())
        .collect()
}

/// A running `tillwatch run`.
pub struct Instance {
    child: Child,
    log: PathBuf,
}

impl Instance {
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// As [`Instance::start`], with further arguments.
    pub fn start_with(config: &Path, args: &[&str]) -> Self {
        let mut command = tillwatch();
        command.arg("run").args(args).arg("--config").arg(config);
        Self::spawn(&mut command, config)
    }

    /// What `command` starts: `tillwatch run` with `config`, perhaps by another program.
    pub fn spawn(command: &mut Command, config: &Path) -> Self {
        let log = config.with_extension("log");
        let file = std::fs::File::create(&log).expect("a log can be written");
        let command = command.stdout(Stdio::null()).stderr(file);
        let child = command.spawn().expect("the binary starts");
        Self { child, log }
    }

    /// The id of the process.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for the address of `/metrics` in the log.
    pub fn http_address(&self) -> String {
        let mut found = None;
        wait_for("the HTTP server", || {
            found = self.log().lines().find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                Some(line.get("address")?.as_str()?.to_owned())
            });
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// Status code and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http_address()).expect("the server listens");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("it can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    /// The value of a sample in `/metrics`.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics");
        text.lines()
            .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    pub fn wait_until_ready(&self) {
        wait_for("readiness", || self.get("/readyz").0 == 200);
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "the process is there"
        );
    }

    /// Sends SIGTERM and waits for the end; gives exit status and how long it took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().expect("it ends");
        (status, started.elapsed())
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        let _ = self.child.wait();
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that passed has ended it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}
