//! librdkafka's log lines → our log.

use rdkafka::config::RDKafkaLogLevel;

use crate::notices::Notices;

/// Relays a line. `facility` is librdkafka's short name of what the line is about, such as `FAIL`: from
/// warnings upward it is said once per interval. librdkafka calls errors what it goes on to mend; what it
/// cannot mend comes as an error code, so nothing here is more than a warning.
pub(crate) fn relay(notices: &Notices, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
            tracing::info!(facility, message, "librdkafka");
        }
        _ => {
            if let Some(held_back) = notices.admit(facility) {
                tracing::warn!(facility, message, held_back, "librdkafka");
            }
        }
    }
}
