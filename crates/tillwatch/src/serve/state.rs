//! State that outlives the process: `docs/rfc/0005-state.md`.
//!
//! A lane that is assigned is brought back by [`restore()`]. While it scores, its [`Cutter`] lets a cut of it
//! leave in short slices. One thread, [`uploads`], writes them to the store, another one, [`upkeep`], keeps
//! that in order.

mod backoff;
mod cutter;
mod keeping;
mod lane_cuts;
mod look_back;
mod restore;
mod silence;
mod upkeep;
mod uploads;

pub use backoff::Backoff;
pub use cutter::{Advance, Cutter, Slice};
pub use keeping::Keeping;
pub use lane_cuts::LaneCuts;
pub use look_back::{Log, LookBack, newest_before, reaches_back};
pub use restore::{Attempt, RestoreFailure, pass_over, restore, say_unusable};
pub use silence::StoreSilence;

#[cfg(test)]
mod tests;
