//! What aggregates are made of: an aggregate asks for parts, and equal parts are made once.
//!
//! The mechanisms are few, and several aggregates share each:
//! - differences of running totals at the two ends of a window (`totals`), which labels may change,
//! - the first and last counted row of a window, and the times between its rows (`rows`),
//! - the values of a window, in a queue or held in a structure (`values`),
//! - what a key remembers in a fixed size, whatever the windows (`memories`).

mod fields;
mod memories;
mod request;
mod rows;
mod totals;
mod values;

pub(crate) use fields::column;
pub(crate) use request::{Cost, Parts};
