//! A lane's state as bytes, bucket by bucket.

use super::feature_lane::FeatureLane;
use crate::error::{SnapshotError, damaged};
use crate::snapshot::{self, LANE};
use crate::state::{BUCKETS, Bucket, Cohorts};
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{push64, take, take64};

/// Most records or keys that are read back as counted, so that more can still come.
const COUNT_MAX: u64 = u64::MAX / 2;

impl FeatureLane {
    /// Number of buckets that the keys of every lane are spread over by their hash.
    pub const BUCKETS: usize = BUCKETS;

    /// Appends the state of the keys of one bucket to `snapshot`. With all [`FeatureLane::BUCKETS`] and
    /// [`FeatureLane::write_own`], a lane can be restored to where it stands now.
    pub fn write_bucket(&self, bucket: usize, snapshot: &mut Vec<u32>) {
        let fingerprint = snapshot::fingerprint(&self.plan, &self.key);
        snapshot::write(snapshot, bucket as u32, fingerprint, |out| {
            self.keys.bucket(bucket).write(&self.plan, out);
        });
    }

    /// Puts the keys of a snapshot made by [`FeatureLane::write_bucket`] in the place of the bucket's
    /// own, and leaves the other buckets alone.
    ///
    /// # Errors
    /// The bytes are not the snapshot of this bucket under the same catalog, key, allowed lateness, dedup
    /// horizon and secret of event ids, or are damaged. The bucket is then unchanged.
    pub fn read_bucket(&mut self, bucket: usize, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let words = snapshot::words_of(snapshot)?;
        let fingerprint = snapshot::fingerprint(&self.plan, &self.key);
        let payload = snapshot::open(&words, bucket as u32, fingerprint)?;
        let restored = Bucket::read_from(&self.plan, bucket, payload)?;
        self.keys.replace(bucket, restored);
        Ok(())
    }

    /// Appends what the lane keeps besides its keys to `snapshot`: watermark, cohorts, and how new
    /// what it lacks can be.
    pub fn write_own(&self, snapshot: &mut Vec<u32>) {
        let fingerprint = snapshot::fingerprint(&self.plan, &self.key);
        snapshot::write(snapshot, LANE, fingerprint, |out| {
            push64(out, self.watermark_ms.cast_unsigned());
            push64(out, self.keys.began_ms.cast_unsigned());
            push64(out, self.cohorts_end_ms.cast_unsigned());
            push64(out, self.clock);
            push64(out, self.keys.evicted_ms.cast_unsigned());
            push64(out, self.keys.evicted);
            out.push(self.cohorts.len() as u32);
            for cohorts in &self.cohorts {
                cohorts.write(out);
            }
        });
    }

    /// Takes over what [`FeatureLane::write_own`] wrote.
    ///
    /// # Errors
    /// As [`FeatureLane::read_bucket`]. The lane is then unchanged.
    pub fn read_own(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let words = snapshot::words_of(snapshot)?;
        let fingerprint = snapshot::fingerprint(&self.plan, &self.key);
        let payload = snapshot::open(&words, LANE, fingerprint)?;
        self.take_own(payload)
            .ok_or(damaged("the state of the lane"))
    }

    fn take_own(&mut self, mut words: &[u32]) -> Option<()> {
        let words = &mut words;
        let watermark_ms = take64(words)?.cast_signed();
        let began_ms = take64(words)?.cast_signed();
        let cohorts_end_ms = take64(words)?.cast_signed();
        let clock = take64(words)?;
        let evicted_ms = take64(words)?.cast_signed();
        let evicted = take64(words)?;
        let cohorts = take(words)? as usize;
        (cohorts == self.cohorts.len()).then_some(())?;
        let cohorts = (0..cohorts)
            .map(|_| Cohorts::read_from(words))
            .collect::<Option<Vec<_>>>()?;
        let is_time = |time_ms: i64| time_ms == NEVER_MS || is_event_time(time_ms);
        let is_sound = is_time(watermark_ms) && is_time(evicted_ms);
        let is_countable = clock.max(evicted) <= COUNT_MAX;
        (is_sound && is_countable && words.is_empty()).then_some(())?;
        self.watermark_ms = watermark_ms;
        self.keys.began_ms = began_ms;
        self.cohorts_end_ms = cohorts_end_ms;
        self.clock = clock;
        self.keys.evicted_ms = evicted_ms;
        self.keys.evicted = evicted;
        self.cohorts = cohorts;
        Some(())
    }
}
