//! Times of state: when something never was, what lies past every time, and which times are folded.

use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};

/// Time that stands for "never".
pub(crate) const NEVER_MS: i64 = i64::MIN;

/// Event time of the open row, past every real time, so that searches stop there.
pub(crate) const OPEN_MS: i64 = i64::MAX;

/// Whether records are folded at this time: differences of such times are far from overflow.
#[inline]
pub(crate) fn is_event_time(time_ms: i64) -> bool {
    (EVENT_TIME_MS_MIN..=EVENT_TIME_MS_MAX).contains(&time_ms)
}

/// Square of an integer, such as a time in milliseconds.
#[inline]
pub(crate) fn squared(value: i64) -> u128 {
    let magnitude = u128::from(value.unsigned_abs());
    magnitude * magnitude
}
