//! A seeded fleet of terminals, cards and fraudsters with ground truth, and an embedded broker.
//!
//! [`Fleet`] turns [`SimulatorSettings`] into an endless stream of JSON records in the order of their
//! arrival. What is fraud is told beside the data, by [`Emitted::fraud`] and [`Fleet::truth`], and
//! never inside it. The same settings give the same bytes: no clock is read, and every random draw
//! comes from one seeded generator. (Logarithms and exponentials are the platform's, so another
//! platform may differ in a last digit and from there on.)
//!
//! [`broker`] is a Kafka cluster inside the process for demonstrations and tests, with the [`Pacer`]
//! that its small partitions need.

pub mod broker;
mod card;
mod error;
mod fleet;
mod fraud;
mod json;
mod label;
mod merchant;
mod pacer;
mod partition;
mod reference;
mod rng;
mod settings;
mod terminal;
mod transaction;
mod world;

pub use error::SimulatorError;
pub use fleet::{Emitted, Fleet};
pub use fraud::{Scenario, TruthRecord};
pub use pacer::Pacer;
pub use partition::partition_of;
pub use reference::ReferenceRow;
pub use settings::{FieldSet, SimulatorSettings};
pub use transaction::{EVENT_ID_BYTES, KEY_BYTES};

#[cfg(test)]
mod tests;
