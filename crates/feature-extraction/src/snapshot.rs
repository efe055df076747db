//! State as bytes: of one bucket of keys, and of what the lane keeps besides them.
//!
//! ```text
//! magic "TWST" | format | kind (bucket number, or the lane) | fingerprint (2) | words (2) | payload |
//! checksum (2)
//! ```
//!
//! All in 32-bit words, little-endian. State is written as it lies in a process, in few long runs of
//! words, so both ways cost little more than copying. Capacities are written as well: what is restored
//! takes as many bytes as what was written, so that both reach their budget at the same record.

use tillwatch_records::KeySpec;
use twox_hash::XxHash3_64;

use crate::error::{SNAPSHOT_FORMAT, SnapshotError, damaged};
use crate::plan::Plan;
use crate::state::{BUCKETS, key_hash};
use crate::words::{push64, take, take64};

#[cfg(not(target_endian = "little"))]
compile_error!("state is copied to and from bytes as it lies in memory: little-endian only");

/// "TWST".
const MAGIC: u32 = u32::from_le_bytes(*b"TWST");

/// Kind of the lane's own state; a bucket's is its number.
pub(crate) const LANE: u32 = u32::MAX;

/// Words before the payload: magic, format, kind, fingerprint and length.
const HEADER_WORDS: usize = 7;

/// Words of the checksum at the end.
const CHECKSUM_WORDS: usize = 2;

/// What decides the meaning of state: the catalog, where rows and fixed words are, for how long records
/// and event ids are kept, what a key is, and how keys, values and event ids are hashed.
pub(crate) fn fingerprint(plan: &Plan, key: &KeySpec) -> u64 {
    let columns: Vec<&str> = key.columns().iter().map(|column| column.name()).collect();
    let meaning = format!(
        "{} {} {} {} {} {columns:?} {} {}",
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

/// Appends a snapshot to `out`; `payload` appends what is in it.
pub(crate) fn write(
    out: &mut Vec<u32>,
    kind: u32,
    fingerprint: u64,
    payload: impl FnOnce(&mut Vec<u32>),
) {
    let start = out.len();
    out.extend([MAGIC, SNAPSHOT_FORMAT, kind]);
    push64(out, fingerprint);
    push64(out, 0);
    payload(out);
    let words = (out.len() - start - HEADER_WORDS) as u64;
    out[start + HEADER_WORDS - 2] = words as u32;
    out[start + HEADER_WORDS - 1] = (words >> 32) as u32;
    let checksum = XxHash3_64::oneshot(bytemuck::cast_slice(&out[start..]));
    push64(out, checksum);
}

/// The payload of a snapshot, once everything about it is as it should be.
pub(crate) fn open(snapshot: &[u32], kind: u32, fingerprint: u64) -> Result<&[u32], SnapshotError> {
    let (header, rest) = snapshot
        .split_at_checked(HEADER_WORDS)
        .ok_or(SnapshotError::Foreign)?;
    let mut fields = header;
    let mut next = || take(&mut fields).unwrap_or(0);
    if next() != MAGIC {
        return Err(SnapshotError::Foreign);
    }
    let found = next();
    if found != SNAPSHOT_FORMAT {
        return Err(SnapshotError::Format { found });
    }
    let found = next();
    if take64(&mut fields) != Some(fingerprint) {
        return Err(SnapshotError::Plan);
    }
    if found != kind {
        return Err(SnapshotError::Part {
            found,
            wanted: kind,
        });
    }
    let words = take64(&mut fields).unwrap_or(0);
    if Some(words) != rest.len().checked_sub(CHECKSUM_WORDS).map(|w| w as u64) {
        return Err(damaged("its length is wrong"));
    }
    let (checked, mut checksum) = snapshot.split_at(snapshot.len() - CHECKSUM_WORDS);
    if take64(&mut checksum) != Some(XxHash3_64::oneshot(bytemuck::cast_slice(checked))) {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(&checked[HEADER_WORDS..])
}

/// The words of a snapshot; copied only where `bytes` do not lie as words do.
pub(crate) fn words_of(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u32]>, SnapshotError> {
    if !bytes.len().is_multiple_of(size_of::<u32>()) {
        return Err(SnapshotError::Foreign);
    }
    Ok(match bytemuck::try_cast_slice(bytes) {
        Ok(words) => words.into(),
        Err(_) => bytemuck::pod_collect_to_vec(bytes).into(),
    })
}

const _: () = assert!(BUCKETS < LANE as usize);
