//! How much of one partition may be under way.

use crate::settings::ConsumerSettings;

/// When to stop reading from the partition. Reading goes on below half of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) batch_records_max: usize,
    pub(crate) pending_records_max: usize,
    pub(crate) pending_bytes_max: usize,
    pub(crate) unsettled_records_max: usize,
}

impl Limits {
    pub(crate) fn of(settings: &ConsumerSettings) -> Self {
        Self {
            batch_records_max: settings.batch_records_max,
            pending_records_max: settings.lane_queue_records_max,
            pending_bytes_max: settings.lane_queue_bytes(),
            unsettled_records_max: settings.lane_unsettled_records_max,
        }
    }
}
