//! Evaluation, one block of up to 64 rows at a time: truth values are bits of one word, numbers and
//! texts lie in arrays on the stack, so nothing is allocated and a tree costs the same few
//! nanoseconds per node whether a batch has one row or thousands.

mod arena;
mod bits;
mod block;
mod choose;
pub(crate) mod code;
mod compare;
mod lanes;
mod memo;
mod number;
mod shared;
mod text;
mod truth;

pub(crate) use self::arena::Arena;
pub(crate) use self::block::{Block, Evaluate};
pub(crate) use self::compare::compare_exact;
pub(crate) use self::lanes::{LANES, empty_lanes};
pub(crate) use self::memo::{Memo, Slots};
