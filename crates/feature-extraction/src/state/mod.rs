//! What a lane keeps: a history per key, the keys in buckets, and what lies beside them.

mod bucket;
mod cohort;
mod gap;
mod gone;
mod history;
mod ids;
mod key_hash;
mod key_parts;
mod keys;
mod keys_cut;
mod keys_restore;
mod rewritten;
mod slot_words;
mod tracking;

pub(crate) use bucket::{ALLOCATION_BYTES, ENTRY_BYTES, Slot};
pub(crate) use cohort::{COHORTS_MAX, Cohorts, CohortsOwn};
pub(crate) use gap::{Gap, GapSlot};
pub(crate) use history::{History, Span};
pub(crate) use ids::{Forgotten, ID_BYTES, Ids, Named, Seen, ids_max, room_for_ids};
pub(crate) use key_hash::{key_hash, key_hasher};
pub(crate) use key_parts::KeyParts;
pub(crate) use keys::{KeyIndex, Keys};
pub(crate) use keys_restore::KeysOwn;
