//! Which keys are the challenger's.

use arrow::array::StringArray;
use twox_hash::XxHash3_64;

/// Which rows are the challenger's: those of keys whose hash falls into its share.
pub(super) fn challenged(keys: &StringArray, share: f64) -> Vec<bool> {
    /// Doubles count whole numbers up to 2^53.
    const UNUSED_BITS: u32 = u64::BITS - f64::MANTISSA_DIGITS;
    let scale = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    keys.iter()
        .map(|key| {
            let hash = XxHash3_64::oneshot(key.unwrap_or_default().as_bytes());
            ((hash >> UNUSED_BITS) as f64) < share * scale
        })
        .collect()
}
