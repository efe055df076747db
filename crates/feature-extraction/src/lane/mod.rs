//! One lane: the features of one partition, folded record by record.

mod batch;
#[cfg(test)]
mod budget_tests;
mod cut;
#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod damage_tests;
mod derived;
#[cfg(test)]
mod edit_tests;
mod edited;
mod feature_lane;
#[cfg(test)]
mod id_tests;
mod join;
mod judge;
mod key_head;
#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod missed_tests;
mod origin;
#[cfg(test)]
mod overflow_tests;
mod own;
#[cfg(test)]
mod pane_tests;
mod process;
mod restore;
#[cfg(test)]
mod scored_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod warming_tests;
mod workspace;

pub use edited::{Edited, Rebuilt};
pub use feature_lane::{FeatureLane, LaneStats};
pub use key_head::KeyHead;
pub use workspace::Workspace;
