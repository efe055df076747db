//! Hashes of keys, and the bucket that a hash names.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// Seed of the hashes of keys. Fixed, so that the same log gives the same state.
const KEY_SEED: u64 = 0x6b65_7973;

/// Bits of a key's hash that name its bucket.
const BUCKET_BITS: u32 = 6;

/// Buckets of a lane. Part of what is written of a lane, so it never changes: enough that the tables of one
/// grow in a few milliseconds where a lane has gigabytes.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;

/// What hashes keys.
#[inline]
pub(crate) fn key_hasher() -> FixedState {
    FixedState::with_seed(KEY_SEED)
}

/// Hash of a key.
#[inline]
pub(crate) fn key_hash(key: &[u8]) -> u64 {
    key_hasher().hash_one(key)
}

/// The bucket of keys with this hash.
#[inline]
pub(crate) fn bucket_of(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}
