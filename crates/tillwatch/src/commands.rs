//! What a user asks for: one module per command, and what several of them share.

pub mod check;
pub mod demo;
pub mod dlq;
pub mod health;
pub mod models;
mod pace;
mod progress;
pub mod publish;
mod rows;
mod rows_in;
pub mod run;
pub mod score;
pub mod simulate;
pub mod snapshot;
mod truth;
