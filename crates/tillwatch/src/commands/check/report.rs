//! Lines as they are found, and whether any was a problem.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::process::ExitCode;

use crate::exit;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is well.
    Fine(String),
    /// It works, and somebody may want to know.
    Notice(String),
    /// It does not work, with what to do.
    Wrong(String),
}

/// Prints what is found as it is found.
#[derive(Debug, Default)]
pub struct Report {
    /// Each once: both clients meet what `[kafka]` says wrong.
    problems: BTreeSet<String>,
}

impl Report {
    /// The value of a step, or a line about its problem.
    pub fn look<T, E: Display>(&mut self, step: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.fine(&format!("{step}: read"));
                Some(value)
            }
            Err(error) => {
                self.wrong(&error.to_string());
                None
            }
        }
    }

    /// A line of what is found.
    pub fn say(&mut self, finding: &Finding) {
        match finding {
            Finding::Fine(line) => self.fine(line),
            Finding::Notice(line) => self.notice(line),
            Finding::Wrong(line) => self.wrong(line),
        }
    }

    /// A line of what is well.
    pub fn fine(&self, line: &str) {
        println!("{} {line}", console::style("ok     ").green());
    }

    /// A line of what works and may surprise.
    pub fn notice(&self, line: &str) {
        println!("{} {line}", console::style("notice ").yellow());
    }

    /// A line of what does not work; the same line is said once.
    pub fn wrong(&mut self, line: &str) {
        if self.problems.insert(line.to_owned()) {
            println!("{} {line}", console::style("problem").red().bold());
        }
    }

    /// The exit code.
    pub fn end(self) -> ExitCode {
        match self.problems.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::MISCONFIGURED),
        }
    }
}
