//! RawBatch to EventBatch: JSON decoding with typed refusals.
//!
//! [`DecodeSettings`] (the `[decode]` table) is validated once into a [`DecodePlan`]; a [`Decoder`]
//! per lane then turns each [`RawBatch`](tillwatch_records::RawBatch) into a [`Decoded`]: the rows
//! that could be read and a [`Refusal`] for every record that could not. A refused record leaves
//! nothing behind, so its neighbours decode as if it had never been there.
//!
//! A record is read in two passes. The first walks the JSON text once, checks all of it, and notes
//! where the values of the mapped fields are; everything else is only checked. The second converts
//! the noted values, column by column, into plain buffers that become Arrow arrays at the end of
//! the batch.
//!
//! Nothing here does I/O, reads a clock or draws a random number. No record value is ever quoted in
//! a refusal, so no card number can leak through one.

mod buffer;
mod decoder;
mod error;
mod format;
mod plan;
mod refusal;
mod row;
mod sensitive;
mod settings;
mod tree;
mod value;

pub use decoder::{Decoded, Decoder};
pub use error::DecodeError;
pub use plan::DecodePlan;
pub use refusal::{Refusal, RefusalReason};
pub use settings::{
    AmountUnit, Constant, ConstantSource, DecodeSettings, DerivedSource, FieldSource,
    RecordTypeSettings, TimeFormat, UnitSettings,
};

#[cfg(test)]
mod tests;
