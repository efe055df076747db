//! Everything that `/metrics` says, as plain atomics that lanes write and a scrape reads.

mod counts;
mod export;
mod outcome;
mod shadows;
mod step;

pub use counts::{LaneGauges, Metrics};
pub use export::Exporter;
pub use outcome::Outcome;
pub use step::Step;
