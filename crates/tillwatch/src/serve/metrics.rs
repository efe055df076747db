//! Everything that `/metrics` says, as plain atomics that lanes write and a scrape reads.

mod counts;
mod cut;
mod export;
mod format;
mod kept;
mod outcome;
mod passed_over;
mod shadows;
mod step;

pub use counts::{LaneGauges, Metrics};
pub use cut::Cut;
pub use export::Exporter;
pub use format::{Format, encode};
pub use kept::{Change, CutGauges, Origin, StateCounts};
pub use outcome::Outcome;
pub use passed_over::PassedOver;
pub use step::Step;
