//! What the process takes of the machine.

use rustix::process::{Resource, getrlimit};

/// As the system says it; what it does not say is absent (only Linux says all of it).
#[derive(Debug, Default)]
pub struct Usage {
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_fds: Option<u64>,
    pub max_fds: Option<u64>,
}

impl Usage {
    /// What it is now.
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let open = std::fs::read_dir("/proc/self/fd").ok();
        Self {
            resident_bytes: field(&status, "VmRSS:").map(|kib| kib * 1024),
            virtual_bytes: field(&status, "VmSize:").map(|kib| kib * 1024),
            threads: field(&status, "Threads:"),
            // One of them is that of the directory itself.
            open_fds: open.map(|open| open.count().saturating_sub(1) as u64),
            max_fds: getrlimit(Resource::Nofile).current,
        }
    }
}

/// The number after `name` in proc_pid_status(5); sizes are in KiB.
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let usage = Usage::now();
        assert!(usage.max_fds.is_some_and(|fds| fds > 0));
        if cfg!(target_os = "linux") {
            assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
            assert!(usage.virtual_bytes > usage.resident_bytes);
            assert!(usage.threads.is_some_and(|threads| threads >= 1));
            assert!(usage.open_fds.is_some_and(|fds| fds >= 3));
        }
    }
}
