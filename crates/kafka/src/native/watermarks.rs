//! Watermarks without a question to the broker.

use std::ffi::CString;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use tillwatch_records::TopicPartition;

/// (first offset held, one past the last) of a partition as the client last saw them, without asking
/// the broker.
pub(crate) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    source: &TopicPartition,
) -> Option<(i64, i64)> {
    let topic = CString::new(&*source.topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is alive, `topic` is a C string, both numbers are ours.
    let result = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            source.partition,
            &mut low,
            &mut high,
        )
    };
    (result == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some((low, high))
}
