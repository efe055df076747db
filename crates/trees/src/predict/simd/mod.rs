//! The parts of a block in AVX-512: the only part of this engine with instructions of its own.
//!
//! Bit `i % 8` of byte `i / 8` of a row of bits is row `i` of the batch. Sums stand in the order in which
//! leaves come out of the bytes they are assembled from; see `place`.

#![expect(
    unsafe_code,
    reason = "loads and stores of vectors take pointers, and functions compiled for instructions may \
              only be called where the CPU has them"
)]

mod isa;
mod leaves;
mod load;
#[cfg(miri)]
mod miri;
mod ranks;
mod walks;
