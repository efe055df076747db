//! Detectors of the unusual that learn from the stream they watch.
//!
//! A detector is a fold: it scores a row by what it has seen before, then learns from it. It is seeded, so
//! the same rows give the same scores on every machine, and its state is written to bytes and read back.
//! Nothing here does I/O, reads a clock or draws a random number.
