//! ScoreBatch to bytes: JSON objects for topics and lines, columns for tables.

mod columns;
mod dead_letter;
pub(crate) mod json;
mod score;
#[cfg(test)]
mod tests;

pub use columns::scores_to_record_batch;
pub use dead_letter::dead_letter_json;
pub use score::ScoreEncoder;
