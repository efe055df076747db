//! Objects that were read and found damaged.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Most objects that are remembered. One beyond them is found again when it is read again.
const OBJECTS_MAX: usize = 10_000;

/// Objects that this process has read and found damaged. Each has the length that its manifest says, so that
/// a listing does not tell.
#[derive(Debug, Default)]
pub(crate) struct DamagedObjects(Mutex<HashMap<String, Found>>);

#[derive(Debug)]
struct Found {
    /// Of the object that was read: one that is written again has another.
    stamp: String,
    problem: String,
}

impl DamagedObjects {
    /// The object of this stamp at `path` is damaged.
    pub(crate) fn note(&self, path: &str, stamp: String, problem: &str) {
        let mut found = self.0.lock();
        if found.len() < OBJECTS_MAX || found.contains_key(path) {
            let problem = problem.to_owned();
            found.insert(path.to_owned(), Found { stamp, problem });
        }
    }

    /// What is wrong with the object of this stamp at `path`, if that was found.
    pub(crate) fn problem(&self, path: &str, stamp: &str) -> Option<String> {
        let found = self.0.lock();
        let found = found.get(path).filter(|found| found.stamp == stamp);
        found.map(|found| found.problem.clone())
    }

    /// The object at `path` was written again.
    pub(crate) fn forget(&self, path: &str) {
        self.0.lock().remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_again_is_trusted_again() {
        let damaged = DamagedObjects::default();
        let problem = |path: &str, stamp: &str| damaged.problem(path, stamp);
        damaged.note("runs/a", "1".to_owned(), "its checksum differs");
        assert_eq!(
            problem("runs/a", "1").as_deref(),
            Some("its checksum differs")
        );
        assert_eq!(problem("runs/a", "2"), None, "another process wrote it");
        assert_eq!(problem("runs/b", "1"), None);
        damaged.forget("runs/a");
        assert_eq!(problem("runs/a", "1"), None);
    }

    #[test]
    fn no_more_is_remembered_than_is_allowed() {
        let damaged = DamagedObjects::default();
        for object in 0..=OBJECTS_MAX {
            damaged.note(&object.to_string(), String::new(), "damaged");
        }
        assert!(damaged.problem("0", "").is_some());
        assert!(damaged.problem(&OBJECTS_MAX.to_string(), "").is_none());
    }
}
