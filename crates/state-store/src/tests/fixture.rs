//! Lanes, cuts and what they should hold.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tillwatch_records::cut::{Entries, Part, Space};

use crate::{CutHead, LaneId, LaneStore, LaneWriter, Manifest, SourceMark, StateStore, StoreError};

/// The state of keys as a map: what a store should give back.
pub(super) type Keys = BTreeMap<(u16, u64, Vec<u8>), Vec<u8>>;

/// What a cut changes: an image, or a tombstone.
pub(super) type Changes = BTreeMap<(u16, u64, Vec<u8>), Option<Vec<u8>>>;

pub(super) const MEANING: &str = "00000000000000aa";

pub(super) fn memory() -> StateStore {
    StateStore::open("memory://", []).unwrap()
}

pub(super) fn lane_id() -> LaneId {
    LaneId {
        group: "fraud".to_owned(),
        topics: vec!["auth".to_owned()],
        partition: 3,
    }
}

pub(super) fn head(offset: i64) -> CutHead {
    CutHead {
        sources: vec![mark(offset)],
        meaning: MEANING.to_owned(),
        models: "rules".to_owned(),
        made_by: "test".to_owned(),
        made_at_ms: 0,
    }
}

pub(super) fn mark(offset: i64) -> SourceMark {
    SourceMark {
        topic: "auth".to_owned(),
        offset,
        topic_id: Some("first".to_owned()),
        partitions: Some(4),
    }
}

pub(super) fn parts(offset: i64) -> Vec<Part> {
    let part = |name: &str| Part {
        name: name.to_owned(),
        bytes: format!("{name} at {offset}").into_bytes(),
    };
    vec![part("stage/0"), part("alerts"), part("learner/x/00")]
}

/// Some keys with images of a few bytes, the same for the same numbers.
pub(super) fn changes(keys: impl IntoIterator<Item = u64>, image: &str) -> Changes {
    let change = |key: u64| {
        let name = format!("terminal-{key}").into_bytes();
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (
            (0, hash, name),
            Some(format!("{image} of {key}").into_bytes()),
        )
    };
    keys.into_iter().map(change).collect()
}

/// Random changes of few keys, some of which share a hash.
pub(super) fn any_changes() -> impl Strategy<Value = Changes> {
    let key = (
        0_u16..3,
        0_u64..12,
        prop::sample::select(vec!["", "a", "b", "ab"]),
    );
    let key = key.prop_map(|(space, hash, key)| (space, hash, key.as_bytes().to_vec()));
    let image = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 1..40));
    prop::collection::btree_map(key, image, 0..30)
}

pub(super) fn apply(keys: &mut Keys, changes: &Changes) {
    for (key, image) in changes {
        match image {
            Some(image) => keys.insert(key.clone(), image.clone()),
            None => keys.remove(key),
        };
    }
}

pub(super) fn entries(changes: &Changes) -> Entries {
    let mut entries = Entries::default();
    // Backwards: a chunk comes in any order.
    for ((space, hash, key), image) in changes.iter().rev() {
        match image {
            Some(image) => entries.push(Space(*space), *hash, key, |out| {
                out.extend_from_slice(image);
            }),
            None => entries.push_gone(Space(*space), *hash, key),
        }
    }
    entries
}

/// One entry of a mebibyte that does not compress.
pub(super) fn heavy(key: u64) -> Entries {
    let mut entries = Entries::default();
    entries.push(Space(0), key, &key.to_le_bytes(), |out| {
        let mut state = key + 1;
        out.extend((0..1 << 17).flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        }));
    });
    entries
}

/// One cut of these changes.
pub(super) fn cut(
    writer: &mut LaneWriter,
    offset: i64,
    changes: &Changes,
) -> Result<Manifest, StoreError> {
    writer.chunk(&mut entries(changes))?;
    writer.finish(&head(offset), &parts(offset))
}

/// All that a cut holds, in the order in which it is handed out, which must rise.
pub(super) fn read(lane: &LaneStore, manifest: &Manifest) -> Result<Keys, StoreError> {
    let mut keys = Keys::new();
    let done = lane.entries(manifest, &AtomicU64::new(0), |entry| {
        let key = (entry.space.0, entry.hash, entry.key.to_vec());
        let image = entry.image.expect("tombstones are left out").to_vec();
        assert!(
            keys.last_key_value().is_none_or(|(last, _)| *last < key),
            "{key:?} comes too late"
        );
        keys.insert(key, image);
        ControlFlow::Continue(())
    })?;
    assert!(done.whole);
    assert_eq!(done.entries, keys.len() as u64);
    Ok(keys)
}
