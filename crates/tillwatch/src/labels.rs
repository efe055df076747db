//! A column of a file that holds outcomes, as labels that follow their transactions.
//!
//! A label takes effect a fixed delay after its transaction, and before every record of that time or
//! later. Labels take effect in the order of their rows: of rows that do not come in time order, a later
//! one waits for those before it.

mod merge;
mod outcome;
mod records;
mod refused;
#[cfg(test)]
mod tests;
mod words;

pub use merge::LabelMerge;
pub use records::{Label, LabelRecords};
pub use refused::RefusedLabels;
