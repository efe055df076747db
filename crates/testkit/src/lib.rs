//! Development only: naive oracle, seeded streams, real broker helper

pub mod broker;
pub mod forward;
pub mod load;
pub mod oracle;
mod plain;
mod seeds;
pub mod steady;
pub mod stream;

pub use seeds::seeds;
