//! How much of one lane may be under way, and how long its sources wait for each other.

use std::time::Duration;

use crate::settings::ConsumerSettings;

/// When to stop reading from a source, and what an inlet does with what comes. Reading goes on below half of
/// each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) batch_records_max: usize,
    /// Of one source.
    pub(crate) pending_records_max: usize,
    /// Of one source.
    pub(crate) pending_bytes_max: usize,
    /// Of a lane, all its sources together.
    pub(crate) unsettled_records_max: usize,
    /// How long a record waits for a source that is at its end.
    pub(crate) merge_wait: Duration,
    /// How long records wait for a source that holds unread records and gives none.
    pub(crate) merge_unread_wait: Duration,
}

impl Limits {
    pub(crate) fn of(settings: &ConsumerSettings) -> Self {
        Self {
            batch_records_max: settings.batch_records_max,
            pending_records_max: settings.lane_queue_records_max,
            pending_bytes_max: settings.lane_queue_bytes(),
            unsettled_records_max: settings
                .lane_unsettled_records_max
                .saturating_add(settings.outputs_hold_records_max),
            merge_wait: settings.merge_wait.as_std(),
            merge_unread_wait: settings.merge_unread_wait.as_std(),
        }
    }
}
