//! What a lane keeps besides its keys and cohorts, as bytes.
//!
//! ```text
//! magic "TWST" | format | meaning (2) | words (2) | payload | checksum (2)
//! ```
//!
//! All in 32-bit words, little-endian. The format is also that of the images of keys and cohorts, which have
//! no header of their own: they are of the cut that the part is of.

use tillwatch_records::KeySpec;
use twox_hash::XxHash3_64;

use crate::error::{SNAPSHOT_FORMAT, SnapshotError, damaged};
use crate::plan::Plan;
use crate::state::key_hash;
use crate::words::{push64, take, take64};

#[cfg(not(target_endian = "little"))]
compile_error!("state is copied to and from bytes as it lies in memory: little-endian only");

/// "TWST".
const MAGIC: u32 = u32::from_le_bytes(*b"TWST");

/// Words before the payload: magic, format, meaning and length.
const HEADER_WORDS: usize = 6;

/// Words of the checksum at the end.
const CHECKSUM_WORDS: usize = 2;

/// What decides the meaning of state: the catalog, where rows and fixed words are, for how long records
/// and event ids are kept, what a key is, and how keys, values and event ids are hashed.
pub(crate) fn meaning(plan: &Plan, key: &KeySpec) -> u64 {
    let columns: Vec<&str> = key.columns().iter().map(|column| column.name()).collect();
    let meaning = format!(
        "{SNAPSHOT_FORMAT} {} {} {} {} {} {columns:?} {} {}",
        plan.version(),
        plan.layout.stride,
        plan.fixed_words,
        plan.retention_ms(),
        plan.settings.time.dedup_horizon.as_ms(),
        key_hash(b"tillwatch"),
        plan.ids.fingerprint(),
    );
    XxHash3_64::oneshot(meaning.as_bytes())
}

/// Appends a part to `out`; `payload` appends what is in it.
pub(crate) fn write(out: &mut Vec<u8>, meaning: u64, payload: impl FnOnce(&mut Vec<u32>)) {
    let mut words = vec![MAGIC, SNAPSHOT_FORMAT];
    push64(&mut words, meaning);
    push64(&mut words, 0);
    payload(&mut words);
    let length = (words.len() - HEADER_WORDS) as u64;
    words[HEADER_WORDS - 2] = length as u32;
    words[HEADER_WORDS - 1] = (length >> 32) as u32;
    let checksum = XxHash3_64::oneshot(bytemuck::cast_slice(&words));
    push64(&mut words, checksum);
    out.extend_from_slice(bytemuck::cast_slice(&words));
}

/// The payload of a part, once everything about it is as it should be.
pub(crate) fn open(part: &[u8], meaning: u64) -> Result<Vec<u32>, SnapshotError> {
    if !part.len().is_multiple_of(size_of::<u32>()) {
        return Err(SnapshotError::Foreign);
    }
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(part);
    let (mut header, rest) = words
        .split_at_checked(HEADER_WORDS)
        .ok_or(SnapshotError::Foreign)?;
    if take(&mut header) != Some(MAGIC) {
        return Err(SnapshotError::Foreign);
    }
    let found = take(&mut header).unwrap_or(0);
    if found != SNAPSHOT_FORMAT {
        return Err(SnapshotError::Format { found });
    }
    if take64(&mut header) != Some(meaning) {
        return Err(SnapshotError::Plan);
    }
    let length = take64(&mut header).unwrap_or(0);
    if Some(length) != rest.len().checked_sub(CHECKSUM_WORDS).map(|w| w as u64) {
        return Err(damaged("its length is wrong"));
    }
    let (payload, mut checksum) = rest.split_at(rest.len() - CHECKSUM_WORDS);
    let checked = &part[..part.len() - CHECKSUM_WORDS * size_of::<u32>()];
    if take64(&mut checksum) != Some(XxHash3_64::oneshot(checked)) {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(payload.to_vec())
}
