//! What is kept of one key: its records in event-time order with running totals.

mod late;
mod room;
mod rows;
mod search;
mod span;
mod written;

pub(crate) use rows::History;
pub(crate) use search::first_row;
pub(crate) use span::Span;
