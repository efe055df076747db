//! How far the application has read, as the client counts.

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

/// One past the last offset that was given out since reading began; control records of transactions, which
/// are not given out, count where they were passed over. `None` before the first. Asks no broker.
///
/// This is why a partition's end is not asked for by `enable.partition.eof`: the client takes such an event
/// for a record, puts the position one past it, and goes on there after a rebalance.
pub(crate) fn position<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    source: &TopicPartition,
) -> Option<i64> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(&source.topic, source.partition);
    // SAFETY: client and list are alive; the call fills in the list's one offset.
    let result = unsafe { sys::rd_kafka_position(consumer.client().native_ptr(), list.ptr()) };
    if result != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    match list.elements().first()?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}
