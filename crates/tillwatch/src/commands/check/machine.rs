//! What `run` needs of this machine: a port and files.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::report::{Finding, Report};
use crate::config::{Config, check_directives};
use crate::lineup::AuditLog;

/// Tries the port of `/metrics` and the audit file. A file that was not there is not there afterwards.
pub fn check(config: &Config, report: &mut Report) {
    if let Some(address) = config.http {
        report.say(&port(address));
    }
    if let Some(path) = &config.models.audit {
        report.say(&audit(path));
    }
}

/// What `RUST_LOG` does to the log, if it is set.
pub fn log(rust_log: Option<OsString>) -> Option<Finding> {
    let directives = rust_log?.into_string();
    let Ok(directives) = directives else {
        let line = "RUST_LOG is not UTF-8 and is left out: [log] level says what is logged";
        return Some(Finding::Notice(line.to_owned()));
    };
    Some(match check_directives(&directives) {
        Ok(()) => Finding::Fine(format!("RUST_LOG overrides [log] level: {directives}")),
        Err(reason) => Finding::Notice(format!("RUST_LOG overrides [log] level: {reason}")),
    })
}

fn port(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::Fine(format!("/metrics can be served on {address}")),
        Err(error) => Finding::Wrong(format!(
            "cannot listen on {address} ({error}); stop what listens there, or change [http] listen. \
             Where that is a running tillwatch, --offline leaves the port alone"
        )),
    }
}

fn audit(path: &Path) -> Finding {
    let was_there = path.exists();
    match AuditLog::open(Some(path)) {
        Ok(_) => {
            if !was_there {
                // It can be written, so it can be removed; if not, an empty audit is no harm.
                let _ = std::fs::remove_file(path);
            }
            Finding::Fine(format!("audit {} can be written", path.display()))
        }
        Err(error) => Finding::Wrong(format!(
            "[models] audit: cannot write {} ({error}); check its directory and permissions",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_a_problem() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert!(matches!(port(address), Finding::Wrong(line) if line.contains("[http] listen")));
        drop(taken);
        assert!(matches!(port(address), Finding::Fine(_)));
    }

    #[test]
    fn trying_the_audit_leaves_nothing_and_takes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        assert!(matches!(audit(&path), Finding::Fine(_)));
        assert!(!path.exists());
        std::fs::write(&path, "a line\n").unwrap();
        assert!(matches!(audit(&path), Finding::Fine(_)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a line\n");
        let nowhere = directory.path().join("missing/audit.jsonl");
        assert!(matches!(audit(&nowhere), Finding::Wrong(_)));
    }

    #[test]
    fn a_rust_log_that_names_nothing_is_told() {
        assert_eq!(log(None), None);
        assert!(matches!(log(Some("debug".into())), Some(Finding::Fine(_))));
        let told = log(Some("tilwatch=debug".into()));
        assert!(matches!(told, Some(Finding::Notice(line)) if line.contains("`tillwatch`?")));
    }
}
