//! Times to milliseconds since 1970, UTC.
//!
//! What a site writes is resolved once, into a [`TimeRule`]; values are read without a look at the settings.
//! Units since 1970 and RFC 3339 are the fast ones; everything else goes through `forms` or a `pattern`.

mod civil;
mod error;
mod forms;
mod offset;
mod pattern;
mod rfc3339;
mod rule;
#[cfg(test)]
mod tests;
mod write;
mod year;
mod zone;

pub(crate) use error::{TimeError, accepted};
pub(crate) use rule::TimeRule;
pub(crate) use write::written;
