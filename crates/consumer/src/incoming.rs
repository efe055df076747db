//! A record on its way into an inlet.

use tillwatch_kafka::BurstMessage;
use tillwatch_records::RawBatch;

/// A record of one partition, wherever it is held.
pub(crate) trait Incoming {
    /// Its offset.
    fn offset(&self) -> i64;

    /// When it was appended to the log, in milliseconds since 1970, where brokers stamp its topic's records:
    /// no record before it has a later time.
    fn appended_ms(&self) -> Option<i64> {
        None
    }

    /// Copies it to the end of `batch`.
    fn append_to(&self, batch: &mut RawBatch);
}

impl Incoming for BurstMessage<'_> {
    #[inline]
    fn offset(&self) -> i64 {
        BurstMessage::offset(*self)
    }

    fn appended_ms(&self) -> Option<i64> {
        BurstMessage::appended_ms(*self)
    }

    #[inline]
    fn append_to(&self, batch: &mut RawBatch) {
        batch.push(
            BurstMessage::offset(*self),
            self.timestamp_ms(),
            self.key(),
            self.payload(),
            self.headers(),
        );
    }
}
