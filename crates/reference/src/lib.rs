//! The reference table: what is known of entities outside the stream (for terminals: what is registered of
//! each), joined to records as columns that features and rules may read.
//!
//! # Columns
//! A [`ReferenceTable`] has one row per entity. It gives each of its columns `<name>` as
//! `registry_<name>`, null where the record's key is not in the table, and derives
//! - `registry_known`: 1 where the key is in the table, else 0; never null;
//! - `registry_utc_offset_minutes`, if there is a column `time_zone` of IANA names: how far the
//!   entity's clock was ahead of UTC at the record's event time, in whole minutes (rounded down, for
//!   the local mean times of long ago);
//! - `registry_open`, if there is a column `opening_hours` beside `time_zone`: 1 where the record's
//!   event time lies in the [opening hours](crate::OpeningHours) by the entity's own clock, else 0;
//!   null where zone or hours are null.
//!
//! # Types
//! Text stays text, every integer becomes Int64, booleans Int64 0 or 1, decimals and floats Float64,
//! dates and times Timestamp(ms, UTC). A column of another type is refused by name.
//!
//! # Cost
//! Joining takes one hash and one comparison of keys per record, then one `take` per column that
//! somebody reads. A table holds its rows as columns, 8 bytes per row for the index and 4 for each of
//! zone and opening hours.
//!
//! Nothing here does I/O, reads a clock or draws a random number. The rules of time zones are
//! compiled in (jiff's bundled copy of the IANA database), so they are those of the build and not
//! those of the machine.

mod column;
mod content;
mod error;
mod faults;
mod hours;
mod index;
mod table;
mod zone;

pub use error::ReferenceError;
pub use hours::OpeningHours;
pub use table::{PREFIX, ROWS_MAX, ReferenceTable};
