//! Conversions of one value, each a pure function of its text.

pub(crate) mod number;
pub(crate) mod time;
