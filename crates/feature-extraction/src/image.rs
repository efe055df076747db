//! State as bytes: of one bucket of keys, and of what the lane keeps besides them.
//!
//! ```text
//! magic "TWST" | format | kind (bucket number, or the lane) | fingerprint (2) | words (2) | payload | checksum (2)
//! ```
//!
//! All in 32-bit words, little-endian. State lies in memory as it is written, in few long runs of
//! words, so both ways cost little more than copying. Capacities are written as well: what is restored
//! takes as much memory as what was written, so that both reach their budget at the same record.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use tillwatch_records::KeySpec;
use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};
use twox_hash::XxHash3_64;

use crate::bucket::{Bucket, Slot};
use crate::feature::decayed::Decayed;
use crate::feature::extreme::Queue;
use crate::feature::holding::Held;
use crate::history::History;
use crate::keys::{self, BUCKETS};
use crate::lane::KEY_SEED;
use crate::plan::Plan;

#[cfg(not(target_endian = "little"))]
compile_error!("state is copied to and from bytes as it lies in memory: little-endian only");

/// "TWST".
const MAGIC: u32 = u32::from_le_bytes(*b"TWST");

/// Changes whenever the meaning of a word does.
const FORMAT: u32 = 1;

/// Kind of the lane's own state; a bucket's is its number.
pub(crate) const LANE: u32 = u32::MAX;

/// Words before the payload: magic, format, kind, fingerprint and length.
const HEADER_WORDS: usize = 7;

/// Words of the checksum at the end.
const CHECKSUM_WORDS: usize = 2;

/// Why bytes are not taken for state. Nothing was changed; the state can be made again from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not something that was written here.
    #[error("these bytes are no state image; replay the log instead")]
    Foreign,
    /// Of another format.
    #[error("state image of format {found}, this version reads {FORMAT}; replay the log instead")]
    Format {
        /// Format of the image.
        found: u32,
    },
    /// Of another bucket, or of the lane.
    #[error("state image of part {found}, not of part {wanted}; look for the right one")]
    Part {
        /// Number of the bucket; `u32::MAX` for the lane's own state.
        found: u32,
        /// As `found`.
        wanted: u32,
    },
    /// Made by another catalog, key or lateness.
    #[error(
        "state image of another catalog, entity key or allowed lateness; replay the log instead"
    )]
    Plan,
    /// Cut short, changed, or inconsistent.
    #[error("state image is damaged ({reason}); replay the log instead")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
}

/// What decides the meaning of state: the catalog, where rows and fixed words are, for how long records
/// are kept, what a key is, and how keys and values are hashed.
pub(crate) fn fingerprint(plan: &Plan, key: &KeySpec) -> u64 {
    let columns: Vec<&str> = key.columns().iter().map(|column| column.name()).collect();
    let meaning = format!(
        "{} {} {} {} {columns:?} {}",
        plan.version(),
        plan.layout.stride,
        plan.fixed_words,
        plan.retention_ms(),
        FixedState::with_seed(KEY_SEED).hash_one(b"tillwatch".as_slice()),
    );
    XxHash3_64::oneshot(meaning.as_bytes())
}

/// Appends an image to `out`; `payload` appends what is in it.
pub(crate) fn write(
    out: &mut Vec<u32>,
    kind: u32,
    fingerprint: u64,
    payload: impl FnOnce(&mut Vec<u32>),
) {
    let start = out.len();
    out.extend([MAGIC, FORMAT, kind]);
    push64(out, fingerprint);
    push64(out, 0);
    payload(out);
    let words = (out.len() - start - HEADER_WORDS) as u64;
    out[start + HEADER_WORDS - 2] = words as u32;
    out[start + HEADER_WORDS - 1] = (words >> 32) as u32;
    let checksum = XxHash3_64::oneshot(bytemuck::cast_slice(&out[start..]));
    push64(out, checksum);
}

/// The payload of an image, once everything about it is as it should be.
pub(crate) fn open(image: &[u32], kind: u32, fingerprint: u64) -> Result<&[u32], ImageError> {
    let (header, rest) = image
        .split_at_checked(HEADER_WORDS)
        .ok_or(ImageError::Foreign)?;
    let mut fields = header;
    let mut next = || take(&mut fields).unwrap_or(0);
    if next() != MAGIC {
        return Err(ImageError::Foreign);
    }
    let found = next();
    if found != FORMAT {
        return Err(ImageError::Format { found });
    }
    let found = next();
    if take64(&mut fields) != Some(fingerprint) {
        return Err(ImageError::Plan);
    }
    if found != kind {
        return Err(ImageError::Part {
            found,
            wanted: kind,
        });
    }
    let words = take64(&mut fields).unwrap_or(0);
    if Some(words) != rest.len().checked_sub(CHECKSUM_WORDS).map(|w| w as u64) {
        return Err(damaged("its length is wrong"));
    }
    let (checked, mut checksum) = image.split_at(image.len() - CHECKSUM_WORDS);
    if take64(&mut checksum) != Some(XxHash3_64::oneshot(bytemuck::cast_slice(checked))) {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(&checked[HEADER_WORDS..])
}

pub(crate) fn damaged(reason: &'static str) -> ImageError {
    ImageError::Damaged { reason }
}

/// Whether records are folded at this time: differences of such times are far from overflow.
#[inline]
pub(crate) fn is_event_time(time_ms: i64) -> bool {
    (EVENT_TIME_MS_MIN..=EVENT_TIME_MS_MAX).contains(&time_ms)
}

#[inline]
pub(crate) fn push64(out: &mut Vec<u32>, value: u64) {
    out.extend([value as u32, (value >> 32) as u32]);
}

#[inline]
pub(crate) fn take(words: &mut &[u32]) -> Option<u32> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}

#[inline]
pub(crate) fn take64(words: &mut &[u32]) -> Option<u64> {
    let low = take(words)?;
    let high = take(words)?;
    Some(u64::from(low) | (u64::from(high) << 32))
}

#[inline]
pub(crate) fn take_run<'a>(words: &mut &'a [u32], length: usize) -> Option<&'a [u32]> {
    let (run, rest) = words.split_at_checked(length)?;
    *words = rest;
    Some(run)
}

impl Bucket {
    /// Appends the keys and their state.
    pub(crate) fn write(&self, plan: &Plan, out: &mut Vec<u32>) {
        out.reserve(self.bytes() / size_of::<u32>());
        out.extend([
            self.slots.len() as u32,
            self.slots.capacity() as u32,
            self.free.len() as u32,
        ]);
        out.extend_from_slice(&self.free);
        for (number, slot) in self.slots.iter().enumerate() {
            if slot.seen == 0 {
                continue;
            }
            out.push(number as u32);
            push64(out, slot.suspect_until_ms.cast_unsigned());
            push64(out, slot.seen);
            slot.history.write(out);
            let at = number * plan.extremes.len();
            for queue in &self.queues[at..at + plan.extremes.len()] {
                queue.write(out);
            }
            let at = number * plan.holdings.len();
            for held in &self.holdings[at..at + plan.holdings.len()] {
                out.push(u32::from(held.is_some()));
                if let Some(held) = held {
                    held.write(out);
                }
            }
            let at = number * plan.decayed.len();
            for decayed in &self.decayed[at..at + plan.decayed.len()] {
                decayed.write(out);
            }
        }
    }

    /// What was written of the bucket with this number.
    pub(crate) fn read_from(
        plan: &Plan,
        number: usize,
        mut words: &[u32],
    ) -> Result<Self, ImageError> {
        let words = &mut words;
        let mut bucket = Self::default();
        let slots = take(words).ok_or(damaged("no slots"))? as usize;
        let capacity = take(words).ok_or(damaged("no capacity"))? as usize;
        let free = take(words).ok_or(damaged("no free slots"))? as usize;
        let free = take_run(words, free).ok_or(damaged("free slots are cut short"))?;
        // Slots are free or take so much at least, and grow by an eighth.
        let parts = plan.extremes.len() + plan.holdings.len() + plan.decayed.len();
        let keys_max = words.len() / (plan.fixed_words + plan.layout.stride + parts);
        let keys = slots.checked_sub(free.len());
        let keys = keys.filter(|keys| *keys <= keys_max);
        let keys = keys.ok_or(damaged("more slots than it can have"))?;
        if !(slots..=slots + (slots / 8).max(4)).contains(&capacity) {
            return Err(damaged("room for more slots than it can have"));
        }
        let mut is_free = vec![false; slots];
        for number in free {
            let seen = is_free.get_mut(*number as usize);
            let seen = seen.ok_or(damaged("a free slot that does not exist"))?;
            if std::mem::replace(seen, true) {
                return Err(damaged("a slot that is free twice"));
            }
        }
        bucket.reserve(plan, capacity);
        bucket.reserve_index(keys);
        bucket.free.extend_from_slice(free);
        for (slot, is_free) in is_free.into_iter().enumerate() {
            bucket.push(plan, Slot::vacant());
            if is_free {
                continue;
            }
            if take(words) != Some(slot as u32) {
                return Err(damaged("a key is missing"));
            }
            bucket
                .read_slot(plan, slot, words)
                .ok_or(damaged("the state of a key"))?;
            let slot = slot as u32;
            let hash = FixedState::with_seed(KEY_SEED).hash_one(bucket.slot(slot).history.key());
            if keys::bucket_of(hash) != number {
                return Err(damaged("a key of another bucket"));
            }
            bucket.enter_index(hash, slot);
            bucket.count_slot(plan, slot);
        }
        if words.is_empty() {
            Ok(bucket)
        } else {
            Err(damaged("more than its keys"))
        }
    }

    fn read_slot(&mut self, plan: &Plan, slot: usize, words: &mut &[u32]) -> Option<()> {
        let suspect_until_ms = take64(words)?.cast_signed();
        let seen = take64(words)?;
        let history = History::read_from(plan, words)?;
        self.slots[slot] = Slot {
            history,
            suspect_until_ms,
            seen: (seen != 0).then_some(seen)?,
        };
        let at = slot * plan.extremes.len();
        for queue in &mut self.queues[at..at + plan.extremes.len()] {
            *queue = Queue::read_from(words)?;
        }
        let at = slot * plan.holdings.len();
        for (spec, held) in plan.holdings.iter().zip(&mut self.holdings[at..]) {
            *held = match take(words)? {
                0 => None,
                1 if spec.is_kept => Some(Box::new(Held::read_from(spec.holding, words)?)),
                _ => return None,
            };
        }
        let at = slot * plan.decayed.len();
        for decayed in &mut self.decayed[at..at + plan.decayed.len()] {
            *decayed = Decayed::read_from(words)?;
        }
        Some(())
    }
}

/// The words of an image; copied only where `bytes` do not lie as words do.
pub(crate) fn words_of(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u32]>, ImageError> {
    if !bytes.len().is_multiple_of(size_of::<u32>()) {
        return Err(ImageError::Foreign);
    }
    Ok(match bytemuck::try_cast_slice(bytes) {
        Ok(words) => words.into(),
        Err(_) => bytemuck::pod_collect_to_vec(bytes).into(),
    })
}

const _: () = assert!(BUCKETS < LANE as usize);
