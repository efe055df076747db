//! RawBatch to EventBatch: decoding with typed refusals.
//!
//! [`DecodeSettings`] (the `[decode]` table) is validated once into a [`DecodePlan`]; a [`Decoder`]
//! per lane then turns each [`RawBatch`](tillwatch_records::RawBatch) into a [`Decoded`]: the rows
//! that could be read and a [`Refusal`] for every record that could not. A refused record leaves
//! nothing behind, so its neighbours decode as if it had never been there.
//!
//! A record is read in two passes. The first is its format's (`format/<name>`): it goes over the payload
//! once, checks all of it, and notes the values of the mapped fields as typed tokens. The second is the
//! same for every format: it converts the tokens, column by column, into plain buffers that become Arrow
//! arrays at the end of the batch, and refuses what must not be kept.
//!
//! Columns of the site's own (`[decode.columns]`) are converted like canonical ones, and are joined to the
//! batch by name.
//!
//! A value of an optional column that its column cannot hold is null there; that is noted, and becomes a
//! mark of the row (`row/notes.rs`). Where the column is required, or `[decode.invalid]` says so, the record
//! is refused.
//!
//! Nothing here does I/O, reads a clock or draws a random number. No record value is ever quoted in
//! a refusal, so no card number can leak through one.

mod buffer;
mod decoder;
mod error;
mod format;
mod kind;
mod mask;
mod own;
mod path;
mod plan;
mod refusal;
mod row;
mod sensitive;
mod settings;
mod times;
mod token;
mod tokeniser;
mod tree;
mod value;

pub use decoder::{Decoded, Decoder};
pub use error::DecodeError;
pub use format::refusal_reasons;
pub use mask::masked;
pub use own::OwnColumn;
pub use path::field_path;
pub use plan::{DecodePlan, Wanted};
pub use refusal::{Refusal, RefusalReason};
pub use settings::{
    AmountUnit, Constant, ConstantOrigin, DecodeSettings, DerivedOrigin, FieldOrigin, HeaderOrigin,
    JoinedOrigin, KafkaOrigin, KafkaPart, NumberBase, OnInvalid, OwnColumnSettings, OwnColumnType,
    PreviousKeySettings, RecordType, RecordTypeSettings, TimeFormat, TimeSettings, TimeTable,
    TimeUnit, TokeniseSettings, Tombstones, UnitSettings,
};
pub use times::EventTimeWriter;

#[cfg(test)]
mod tests;
