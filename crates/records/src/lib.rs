//! What travels between the steps of the flow, in their order:
//! [`RawBatch`] (consumer) → [`EventBatch`] (decode) → [`FeatureBatch`] (feature-extraction) →
//! [`ScoreBatch`] (scoring) → sink.
//!
//! Nothing here does I/O, reads a clock or draws a random number.

pub mod ack;
pub mod blanks;
pub mod card_key;
pub mod card_number;
pub mod code;
pub mod column;
pub mod cut;
pub mod emission;
pub mod error;
pub mod event;
pub mod feature;
pub mod field_counts;
pub mod flags;
pub mod key;
pub mod kind;
pub mod limits;
pub mod misspelt;
pub mod money;
pub mod position;
pub mod raw;
pub mod score;
pub mod secret;
pub mod suggest;
pub mod typology;
pub mod units;

pub use ack::{Batch, Settled, Ticket};
pub use code::{CodeForm, UnknownCodes};
pub use column::{Column, Projection};
pub use cut::{Entries, Entry, Part, Space};
pub use emission::{Cause, Emissions};
pub use event::EventBatch;
pub use feature::FeatureBatch;
pub use field_counts::FieldCounts;
pub use flags::Flags;
pub use key::KeySpec;
pub use kind::{RecordKind, RecordKinds};
pub use position::{TopicId, TopicPartition};
pub use raw::{RawBatch, RawRecord};
pub use score::{
    Alert, Attribution, Band, Challenge, Reason, ReasonDefinition, ScoreBatch, Severity,
    ShadowScores, Versions,
};
pub use typology::Typology;
