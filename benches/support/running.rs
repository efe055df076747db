//! A process that is measured from outside.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use toml::Table;

/// A process at work; ended on drop, as `kill -9` ends it.
pub struct Running {
    child: Child,
    files: TempDir,
}

impl Running {
    /// The tillwatch built with the bench, or `program`, with `config`, which is written among `files`, as
    /// what it says will be.
    pub fn tillwatch(program: Option<&str>, config: &Table, files: TempDir) -> Self {
        let path = files.path().join("tillwatch.toml");
        fs::write(&path, toml::to_string(config).unwrap()).unwrap();
        let mut command = Command::new(program.unwrap_or(env!("CARGO_BIN_EXE_tillwatch")));
        command.arg("run").arg("--config").arg(path);
        Self::start(command, files)
    }

    /// Starts any program, which says what it says among `files`.
    pub fn start(mut command: Command, files: TempDir) -> Self {
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

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.files().join("log")).unwrap_or_default()
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
    pub fn give_up(&self, why: &str) -> ! {
        panic!("{why}; it said:\n{}", self.log());
    }

    fn proc(&mut self, name: &str) -> String {
        self.check();
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
