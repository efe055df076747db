//! A directory with a configuration, and `score` run in it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Map, Value};

use crate::support::{Setup, succeed, tillwatch};

/// A directory with a configuration and simulated records.
pub struct Files {
    pub setup: Setup,
    pub config: PathBuf,
}

/// What a command ended with and said.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Files {
    pub fn new(extra: &str) -> Self {
        let setup = Setup::new("localhost:1", "files", 1);
        let config = setup.config("tillwatch.toml", extra);
        Self { setup, config }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.directory.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(path, content).expect("it can be written");
    }

    /// Simulated records as JSON lines, of which this many are transactions.
    pub fn simulated(&self, records: &str) -> String {
        let output = self.path("simulated.jsonl");
        succeed(
            tillwatch()
                .args([
                    "simulate",
                    "--terminals",
                    "20",
                    "--records",
                    records,
                    "--output",
                ])
                .arg(&output),
        );
        let text = fs::read_to_string(&output).expect("it was written");
        fs::remove_file(output).expect("it can be removed");
        text
    }

    /// Runs `score` in the directory with `args`, the last of which are read from standard input.
    pub fn run(&self, args: &[&str], input: &[u8]) -> Said {
        let mut child = tillwatch()
            .current_dir(self.setup.directory.path())
            .args(["score", "--config"])
            .arg(&self.config)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_vec();
        // A command that refuses its arguments reads nothing.
        let written = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("it ends");
        written.join().expect("it was written");
        Said {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// The scores of `args` on standard output, without what differs by the name of the input.
    pub fn scores(&self, args: &[&str], input: &[u8]) -> Vec<Map<String, Value>> {
        let args = [args, &["--features", "--output", "-"]].concat();
        let said = self.run(&args, input);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.stderr);
        let lines = said.stdout.lines();
        let rows = lines.map(|line| {
            let mut row: Map<String, Value> = serde_json::from_str(line).expect("a JSON object");
            row.remove("topic");
            row.remove("score_id");
            row
        });
        rows.collect()
    }
}
