//! What a text may lack to be a time.

use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// Not in the format.
    BadFormat,
    /// Outside what is accepted.
    OutOfRange,
    /// It has no year, and nothing says which one is meant.
    NoYear,
    /// Ten digits that are seconds as well as DE7.
    Ambiguous,
}

/// `ms` where it lies in the years that are accepted.
pub(crate) fn accepted(ms: i64) -> Result<i64, TimeError> {
    if (EVENT_TIME_MS_MIN..EVENT_TIME_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(TimeError::OutOfRange)
    }
}
