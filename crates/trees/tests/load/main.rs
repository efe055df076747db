//! Model files: read exactly, or refused.

mod exact;
mod hostile;
mod refused;
#[path = "../support/mod.rs"]
mod support;
