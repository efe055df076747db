//! What tests and benches of this crate share.
#![allow(
    dead_code,
    reason = "each test binary and bench uses a part of it, and another part"
)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; the lint only knows functions marked as tests"
)]

pub mod golden;
pub mod random;
