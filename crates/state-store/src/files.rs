//! One lane's directory in the store.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::io::{Io, Listed};
use crate::lane_id::LaneId;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest, Name};
use crate::read::RunReader;
use crate::run::Run;
use crate::usable::{Refused, Why};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LaneFiles {
    io: Io,
    id: LaneId,
    directory: String,
}

/// What lies in a lane's directory.
pub(crate) struct Inventory {
    /// Names of manifests, newest first.
    pub(crate) names: Vec<Name>,
    /// All objects, by their paths in it.
    pub(crate) objects: HashMap<String, Listed>,
    io: Io,
    directory: String,
}

impl LaneFiles {
    pub(crate) fn new(io: Io, id: LaneId) -> Self {
        let directory = id.directories().join("/");
        Self { io, id, directory }
    }

    pub(crate) fn id(&self) -> &LaneId {
        &self.id
    }

    pub(crate) fn io(&self) -> &Io {
        &self.io
    }

    /// The path of an object of the lane, below the store's root.
    pub(crate) fn below(&self, object: &str) -> String {
        format!("{}/{object}", self.directory)
    }

    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// Readers of runs that are read together.
    pub(crate) fn open_runs(&self, runs: &[Run]) -> Vec<RunReader> {
        RunReader::open_all(&self.io, &self.directory, runs)
    }

    /// What lies in the lane's directory.
    pub(crate) fn inventory(&self) -> Result<Inventory, StoreError> {
        let mut objects = HashMap::new();
        let mut names = Vec::new();
        for listed in self.io.list(&self.directory)? {
            let name = listed.path.strip_prefix("cuts/").and_then(Name::parse);
            names.extend(name);
            objects.insert(listed.path.clone(), listed);
        }
        names.sort_by(|a, b| b.by_position(a));
        Ok(Inventory {
            names,
            objects,
            io: self.io.clone(),
            directory: self.directory.clone(),
        })
    }

    /// The manifest of this name, or why it cannot be read; `None` if it was deleted meanwhile.
    pub(crate) fn manifest(
        &self,
        name: &str,
    ) -> Result<Option<Result<Manifest, StoreError>>, StoreError> {
        let read = self
            .io
            .get(&self.below(&format!("cuts/{name}")), MANIFEST_BYTES_MAX);
        let read = read.and_then(|bytes| Manifest::from_bytes(&self.id, name, &bytes));
        match read {
            Ok(manifest) => Ok(Some(Ok(manifest))),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error @ (StoreError::Damaged { .. } | StoreError::Format { .. })) => {
                Ok(Some(Err(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::manifest`], and refused if an object that it names is not there in its length, or was read
    /// and found damaged.
    pub(crate) fn sound(
        &self,
        name: &str,
        inventory: &Inventory,
    ) -> Result<Option<Result<Manifest, Refused>>, StoreError> {
        let refused = |error| Refused {
            name: name.to_owned(),
            why: Why::Unreadable(error),
        };
        let manifest = match self.manifest(name)? {
            None => return Ok(None),
            Some(Err(error)) => return Ok(Some(Err(refused(error)))),
            Some(Ok(manifest)) => manifest,
        };
        let whole = inventory.whole(&manifest);
        Ok(Some(whole.map(|()| manifest).map_err(refused)))
    }
}

impl Inventory {
    /// Refuses a manifest if an object that it names is not there in the length that it says, or was read and
    /// found damaged.
    pub(crate) fn whole(&self, manifest: &Manifest) -> Result<(), StoreError> {
        manifest
            .objects()
            .try_for_each(|object| self.present(object))
    }

    fn present(&self, object: &Run) -> Result<(), StoreError> {
        let path = format!("{}/{}", self.directory, object.object);
        let Some(listed) = self.objects.get(&object.object) else {
            return Err(StoreError::Missing { path });
        };
        let problem = match listed.bytes == object.bytes {
            true => self.io.damage(&path, listed),
            false => Some(format!(
                "it has {} bytes, and its manifest says {}",
                listed.bytes, object.bytes
            )),
        };
        match problem {
            Some(problem) => Err(StoreError::Damaged { path, problem }),
            None => Ok(()),
        }
    }
}
