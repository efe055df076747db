//! Topics scored until somebody says stop: the flow, its lanes, and what is seen of them from outside.

mod beginning;
pub mod deadline;
pub mod health;
mod histogram;
pub mod http;
mod lanes;
pub mod metrics;
mod outputs;
pub mod pipeline;
pub mod signals;
mod standing;
mod state;
mod transactions;
mod usage;
mod workspaces;
