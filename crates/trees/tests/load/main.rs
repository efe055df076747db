//! Model files: read exactly, or refused.

mod exact;
#[path = "../support/mod.rs"]
mod support;
