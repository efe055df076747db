//! A catalog compiled: filters, row fields, window bounds and accumulators, each once, and how features
//! are made of them.

pub(crate) mod column;
mod compiled;
mod edit;
mod identities;
pub(crate) mod ids;
mod layout;
mod reads;
mod shape;
mod spec;
mod uses;
mod whole;
mod words;

pub(crate) use column::{Chunk, Column, OVERFLOWN, is_overflown};
pub use compiled::{FeatureInfo, Plan};
pub(crate) use compiled::{LABELLED_WORDS, LABELS_MAX, Made, Number};
pub(crate) use edit::Edit;
pub(crate) use identities::{Identities, Origins};
pub(crate) use ids::{BitId, CountedBy, NumberId, Slot};
pub(crate) use layout::{
    CountField, FIXED_MAX, FIXED_UNIT, Factor, GapField, Layout, RawField, SQUARE_WORDS, SUM_WORDS,
    Term,
};
pub(crate) use reads::{Difference, Differences, Extremes, Labelled, Prior, Reads};
pub(crate) use shape::Shape;
pub(crate) use spec::{
    Bit, Bound, CohortSpec, DecayedSpec, End, EventKind, EventSpec, ExtremeSpec, ExtremeValue,
    HoldingSpec, LabelledSpec, Lasting, Memory, MemoryRead, MemorySpec, Needed, SinceSpec, Single,
    Window,
};
pub(crate) use uses::Uses;
pub(crate) use whole::{EWMA_HALF_LIVES, RANK_HALF_LIVES, Recalled, Remembered, Wholeness};
pub(crate) use words::{WORD_BYTES, bound_words, lasting_growth, tuple};
