//! What a store has of a lane.

use std::collections::{BTreeMap, BTreeSet};

use tillwatch_records::cut::{Entries, Entry, Part, Space};

use crate::{Assembly, Lane, RestoreError, Restored};

/// What a store has of a lane after some cuts: the newest image of each key, and the parts of the last cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    pub images: BTreeMap<(Space, u64, Vec<u8>), Vec<u8>>,
    pub parts: Vec<Part>,
}

impl Stored {
    /// A cut of all that `lane` holds.
    pub fn whole(lane: &mut Lane) -> Self {
        lane.track();
        assert!(lane.begin_cut());
        let mut stored = Self::default();
        let mut entries = Entries::default();
        stored.parts = loop {
            if let Some(parts) = lane.continue_cut(&mut entries, 5) {
                break parts;
            }
        };
        stored.parts.sort_by(|one, other| one.name.cmp(&other.name));
        stored.take(&mut entries);
        stored
    }

    /// Takes over the entries of a cut, in which each key is once.
    pub fn take(&mut self, entries: &mut Entries) {
        let mut keys = BTreeSet::new();
        for entry in entries.iter() {
            let key = (entry.space, entry.hash, entry.key.to_vec());
            assert!(keys.insert(key.clone()), "{key:?} is there twice");
            match entry.image {
                Some(image) => drop(self.images.insert(key, image.to_vec())),
                None => drop(self.images.remove(&key)),
            }
        }
        entries.clear();
    }

    /// Restores a new lane.
    pub fn restore(&self, lane: &mut Lane) -> Result<Restored, RestoreError> {
        let restored = lane.begin_restore(&self.parts)?;
        for ((space, hash, key), image) in &self.images {
            lane.restore(&Entry {
                space: *space,
                hash: *hash,
                key,
                image: Some(image),
            })?;
        }
        lane.end_restore()?;
        Ok(restored)
    }

    /// A new lane of `assembly` with all of it.
    pub fn lane(&self, assembly: &Assembly) -> Lane {
        let mut lane = assembly.lane(1);
        self.restore(&mut lane).unwrap();
        lane
    }
}
