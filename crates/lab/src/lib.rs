//! The features of a catalog in batch, computed by polars: a second implementation, independent of the
//! stream's, to back-fill with and to check against.
//!
//! [`declared::Declared`] reads a catalog and says what polars can compute of it, [`rows::Rows`] are the
//! records, [`rolling::compute`] is the computation, and [`compare::compare`] says how two tables of
//! features differ.
//!
//! # What differs from the stream by nature
//! The stream gives a record what was known when it arrived; here a window is a range of event times, so
//! it also holds records that stand later in the file: those of exactly the same time, and late ones.
//! [`rows::Rows`] marks the records that this concerns, and keeps out those that the stream refuses as
//! late, when it is told how late that is. Duplicates and records ahead of the stream's clock count.

pub mod compare;
pub mod declared;
mod error;
pub mod rolling;
pub mod rows;
pub mod table;

pub use error::LabError;
