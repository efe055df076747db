//! Who is told from which record on a lane scores with what.

use std::fmt;

use tillwatch_records::TopicPartition;

use crate::lineup_name::LineupName;

/// Is told which models score which records, so that a score can be derived again later.
///
/// Lanes call it from their own threads, at the first batch that they score with a line-up; it should
/// return soon.
pub trait Audit: fmt::Debug + Send + Sync {
    /// The lane of `source` scores with `models` from the record at `offset` on.
    fn begun(&self, source: &TopicPartition, offset: i64, models: &LineupName);
}
