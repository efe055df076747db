//! What answers a feature besides differences of totals, over the rows of a key. Each file states its cost
//! and its space, and answers twice: from the key's state for a record in order, and from the kept records
//! alone for any other.

mod compact;
mod extreme;
mod holding;
mod labelled;
mod needed;
mod since;

pub(crate) use compact::make_room;
pub(crate) use holding::{HELD_MIN, SCAN_MAX};
pub(crate) use labelled::relabel;
