//! Development only: naive oracle, seeded streams, real broker helper

pub mod broker;
