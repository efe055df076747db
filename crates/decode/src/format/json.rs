//! JSON objects (RFC 8259).

pub(crate) mod escape;
pub(crate) mod extract;
pub(crate) mod scan;
