//! Data structures of values: they know neither the plan nor a key. Each file states its cost and its space.

pub(crate) mod decay;
mod decayed;
mod held;
pub(crate) mod histogram;
pub(crate) mod inter_arrival;
mod queue;
pub(crate) mod table;

pub(crate) use decayed::Decayed;
pub(crate) use held::{Held, HeldSlot, Holding, HoldingRead, Own, Values};
pub(crate) use queue::{Queue, Walk};
pub(crate) use table::PodMap;
