//! From feature declarations to shared fields and operations.

mod memory;
mod rounds;
mod windowed;
