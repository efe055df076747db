//! Tests of the project as a whole that need neither a broker nor data: one binary, so that they link
//! once.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers as well"
)]

mod architecture;
