//! Lanes from texts, with records in memory.

mod edited;
mod failure;
mod learner;
mod models;
mod place;
mod reference;
mod same;
mod snapshot;
mod stored;
