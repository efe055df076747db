//! The store as a whole: lanes, and whether it works.

use std::hash::{BuildHasher, RandomState};
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::StoreError;
use crate::io::{BUCKET_WAIT, Io, Patience};
use crate::lane::LaneStore;
use crate::lane_id::LaneId;
use crate::open::open;

/// Where lanes keep their state: a directory, or a bucket. Cheap to clone; every call waits until the
/// store has answered, and may be made on any thread.
#[derive(Debug, Clone)]
pub struct StateStore {
    io: Io,
}

impl StateStore {
    /// Opens `file:///dir`, a plain path (made if it is missing), `memory://` (gone with the last clone),
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. `options` are
    /// `object_store`'s own keys of that kind of store; credentials come from the environment as it
    /// documents.
    ///
    /// # Errors
    /// The URL or an option is not known, the directory cannot be made, or this build lacks that kind.
    pub fn open(
        url: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, StoreError> {
        let io = open(url, options.into_iter().collect())?;
        Ok(Self { io })
    }

    /// Uses any store, below `prefix`: tests and simulations inject faults by a wrapper.
    ///
    /// # Errors
    /// The thread that drives the store cannot be started.
    pub fn with(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, StoreError> {
        let io = Io::new(store, Path::from(prefix), None, Patience::new(BUCKET_WAIT))?;
        Ok(Self { io })
    }

    /// The directory, if the store is one.
    pub fn directory(&self) -> Option<&FilePath> {
        self.io.local().map(|local| local.root.as_path())
    }

    /// The state of one lane, whether there is any or not.
    pub fn lane(&self, lane: &LaneId) -> LaneStore {
        LaneStore::new(self.io.clone(), lane.clone())
    }

    /// All lanes that have a directory in the store, sorted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn lanes(&self) -> Result<Vec<LaneId>, StoreError> {
        let mut lanes = Vec::new();
        for group in self.io.directories("")? {
            for topics in self.io.directories(&group)? {
                for partition in self.io.directories(&format!("{group}/{topics}"))? {
                    let directory = format!("{group}/{topics}/{partition}");
                    match LaneId::of_directories(&group, &topics, &partition) {
                        Some(lane) => lanes.push(lane),
                        None => lanes.extend(self.named_within(&directory)?),
                    }
                }
            }
        }
        lanes.sort();
        Ok(lanes)
    }

    /// Numbers of the partitions that have a directory in the store, of lanes of the same group and topics as
    /// `lane`, sorted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn partitions(&self, lane: &LaneId) -> Result<Vec<i32>, StoreError> {
        let [group, topics, _] = lane.directories();
        let names = self.io.directories(&format!("{group}/{topics}"))?;
        let mut numbers: Vec<i32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Writes, reads, lists and deletes a small object, and writes it where there is none, as manifests
    /// are: all that snapshots need.
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn check(&self) -> Result<(), StoreError> {
        // Two instances that check at one moment must not meet.
        let name = format!("{:016x}", RandomState::new().hash_one("check"));
        let path = format!("check/{name}");
        let tried = self.try_out(&path, &name);
        let tried = tried.and_then(|()| self.try_out_absent(&path));
        let deleted = self.io.delete(&path);
        tried.and(deleted)
    }

    /// Writes, reads, lists and deletes the object.
    fn try_out(&self, path: &str, name: &str) -> Result<(), StoreError> {
        let written = Bytes::from_static(b"tillwatch");
        self.io.put(path, written.clone())?;
        let read = self.io.get(path, 1 << 10)?;
        let listed = self.io.list("check")?;
        let there = listed.iter().any(|object| object.path == name);
        self.io.delete(path)?;
        let problem = match (read == written, there) {
            (true, true) => return Ok(()),
            (false, _) => "it reads differently from what was written",
            (true, false) => "it is not in the listing after it was written",
        };
        Err(StoreError::Damaged {
            path: path.to_owned(),
            problem: problem.to_owned(),
        })
    }

    /// Writes the object, which is not there, unless it is there: twice.
    fn try_out_absent(&self, path: &str) -> Result<(), StoreError> {
        for is_first in [true, false] {
            let written = self.io.put_if_absent(path, Bytes::from_static(b"once"));
            match written {
                Ok(is_new) if is_new == is_first => {}
                Ok(is_new) => {
                    let found = if is_new {
                        "it writes over one that is there"
                    } else {
                        "it takes one that was deleted for one that is there"
                    };
                    return Err(cannot_put_if_absent(path, found));
                }
                // It has just been written and deleted: rights and room are there.
                Err(StoreError::Unavailable { detail, .. }) => {
                    return Err(cannot_put_if_absent(path, &detail));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The lane of a directory whose name was shortened: its manifests say.
    fn named_within(&self, directory: &str) -> Result<Option<LaneId>, StoreError> {
        for listed in self.io.list(&format!("{directory}/cuts"))? {
            let path = format!("{directory}/cuts/{}", listed.path);
            let bytes = match self.io.get(&path, crate::manifest::MANIFEST_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(StoreError::Missing { .. } | StoreError::Damaged { .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Some(lane) = crate::manifest::lane_of(&bytes)
                && lane.directories().join("/") == directory
            {
                return Ok(Some(lane));
            }
        }
        Ok(None)
    }
}

fn cannot_put_if_absent(path: &str, found: &str) -> StoreError {
    StoreError::Unavailable {
        action: "write if it is absent",
        path: path.to_owned(),
        detail: format!(
            "{found}; snapshots need this: a directory must be on a file system with hard links, a bucket must \
             know If-None-Match"
        ),
    }
}
