//! What a lane keeps besides its keys and cohorts, as bytes.
//!
//! ```text
//! magic "TWST" | format | ground (2) | meaning (2) | words (2) | payload | checksum (2)
//! ```
//!
//! The payload begins with how the state is made up, after its length in words, so that a lane of another
//! catalog finds what it has as well. All in 32-bit words, little-endian. The format is also that of the
//! images of keys and cohorts, which have no header of their own: they are of the cut that the part is of.

use tillwatch_records::KeySpec;
use twox_hash::XxHash3_64;

use crate::error::{SNAPSHOT_FORMAT, SnapshotError, damaged};
use crate::plan::{Origins, Plan, Shape};
use crate::state::key_hash;
use crate::words::{push64, take, take_run, take64};

#[cfg(not(target_endian = "little"))]
compile_error!("state is copied to and from bytes as it lies in memory: little-endian only");

/// "TWST".
const MAGIC: u32 = u32::from_le_bytes(*b"TWST");

/// Words before the payload: magic, format, ground, meaning and length.
const HEADER_WORDS: usize = 8;

/// Words of the checksum at the end.
const CHECKSUM_WORDS: usize = 2;

/// What state says, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// What decides which records a lane takes, which keys it has and how they are hashed: the format, what a
    /// key is, the kinds of record that features read, how late a record may be, for how long event ids are
    /// kept, and the secret of event ids.
    pub(crate) ground: u64,
    /// That, the catalog, what the columns mean that earlier stages make, and where rows and fixed words are.
    pub(crate) whole: u64,
}

/// What is in a part.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How the state is made up, where it is that of another catalog.
    pub(crate) other: Option<Shape>,
    /// What the lane keeps besides its keys.
    pub(crate) own: Vec<u32>,
}

impl Meaning {
    /// Of a lane that runs `plan`.
    pub(crate) fn of(plan: &Plan, key: &KeySpec, origins: &Origins) -> Self {
        let columns: Vec<&str> = key.columns().iter().map(|column| column.name()).collect();
        let mut kinds = plan.kinds.clone();
        kinds.sort_unstable();
        let ground = format!(
            "{SNAPSHOT_FORMAT} {columns:?} {kinds:?} {} {} {} {}",
            plan.lateness_ms(),
            plan.settings.time.dedup_horizon.as_ms(),
            key_hash(b"tillwatch"),
            plan.ids.fingerprint(),
        );
        let whole = format!(
            "{ground} {} {} {} {} {origins:?}",
            plan.version(),
            plan.layout.places.stride,
            plan.fixed_words,
            plan.retention_ms(),
        );
        Self {
            ground: XxHash3_64::oneshot(ground.as_bytes()),
            whole: XxHash3_64::oneshot(whole.as_bytes()),
        }
    }
}

/// Appends a part to `out`, of state that is made up as `shape` says; `payload` appends what is in it.
pub(crate) fn write(
    out: &mut Vec<u8>,
    meaning: Meaning,
    shape: &Shape,
    payload: impl FnOnce(&mut Vec<u32>),
) {
    let mut words = vec![MAGIC, SNAPSHOT_FORMAT];
    push64(&mut words, meaning.ground);
    push64(&mut words, meaning.whole);
    push64(&mut words, 0);
    words.push(0);
    shape.write(&mut words);
    words[HEADER_WORDS] = (words.len() - HEADER_WORDS - 1) as u32;
    payload(&mut words);
    let length = (words.len() - HEADER_WORDS) as u64;
    words[HEADER_WORDS - 2] = length as u32;
    words[HEADER_WORDS - 1] = (length >> 32) as u32;
    let checksum = XxHash3_64::oneshot(bytemuck::cast_slice(&words));
    push64(&mut words, checksum);
    out.extend_from_slice(bytemuck::cast_slice(&words));
}

/// What is in a part, once everything about it is as it should be.
pub(crate) fn open(part: &[u8], meaning: Meaning) -> Result<Opened, SnapshotError> {
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
    if take64(&mut header) != Some(meaning.ground) {
        return Err(SnapshotError::Plan);
    }
    let is_ours = take64(&mut header) == Some(meaning.whole);
    let length = take64(&mut header).unwrap_or(0);
    if Some(length) != rest.len().checked_sub(CHECKSUM_WORDS).map(|w| w as u64) {
        return Err(damaged("its length is wrong"));
    }
    let (payload, mut checksum) = rest.split_at(rest.len() - CHECKSUM_WORDS);
    let checked = &part[..part.len() - CHECKSUM_WORDS * size_of::<u32>()];
    if take64(&mut checksum) != Some(XxHash3_64::oneshot(checked)) {
        return Err(damaged("its checksum is wrong"));
    }
    let mut own = payload;
    let shape = take(&mut own).and_then(|length| take_run(&mut own, length as usize));
    let mut shape = shape.ok_or(damaged("how its state is made up"))?;
    let other = match is_ours {
        true => None,
        false => {
            let read = Shape::read_from(&mut shape).filter(|_| shape.is_empty());
            Some(read.ok_or(damaged("how its state is made up"))?)
        }
    };
    Ok(Opened {
        other,
        own: own.to_vec(),
    })
}
