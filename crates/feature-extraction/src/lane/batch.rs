//! A batch on its way through a lane, and what is known of its records before they are folded.

use std::hash::BuildHasher;

use arrow::array::{Array, StringArray};
use foldhash::quality::FixedState;
use tillwatch_records::{EventBatch, RecordKind};

use crate::inputs::Inputs;
use crate::state::KeyIndex;

/// A batch on its way through the lane.
pub(super) struct Batch<'a> {
    pub(super) events: &'a EventBatch,
    pub(super) keys: &'a StringArray,
    pub(super) event_ids: Option<&'a StringArray>,
    pub(super) inputs: &'a Inputs<'a>,
}

/// What is known of the records of a chunk before they are folded.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) key_hashes: Vec<u64>,
    /// Hash of key, kind and event id; 0 where there is no id.
    pub(super) ids: Vec<u64>,
    pub(super) indexes: Vec<Option<KeyIndex>>,
    pub(super) deltas: Vec<u32>,
}

#[inline]
pub(super) fn key_of<'a>(batch: &Batch<'a>, row: usize) -> &'a [u8] {
    if batch.keys.is_null(row) {
        return b"";
    }
    batch.keys.value(row).as_bytes()
}

/// What a record is recognised by: key, kind and event id; 0 where it has no id. A label carries the id of
/// the transaction it speaks of, and there may be several, so its event time counts too.
#[inline]
pub(super) fn id_of(batch: &Batch<'_>, row: usize, key_hash: u64) -> u64 {
    let Some(ids) = batch.event_ids.filter(|ids| !ids.is_null(row)) else {
        return 0;
    };
    let kind = batch.events.kinds[row];
    let mut seed = key_hash ^ (kind as u64);
    if kind == RecordKind::Label {
        seed = FixedState::with_seed(seed).hash_one(batch.inputs.times_ms[row]);
    }
    FixedState::with_seed(seed)
        .hash_one(ids.value(row).as_bytes())
        .max(1)
}
