//! The encodings that records come in.

pub(crate) mod json;
