//! Development only: naive oracle, seeded streams, real broker helper

pub mod broker;
pub mod forward;
pub mod load;
pub mod oracle;
pub mod steady;
pub mod stream;
