//! Whether a group has taken us in.

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

/// The generation of the group that the client is in, of a group that the brokers assign the member's
/// epoch; 0 or less while it is in none. A session that has timed out takes the member's name away, and
/// leaves the generation until the next one begins.
pub(crate) fn generation<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> i32 {
    // SAFETY: the client is borrowed, so that it is alive; the object is ours and freed here, once,
    // after it was read.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return -1;
        }
        let name = sys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let is_named = !name.is_null() && *name != 0;
        let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        if is_named { generation } else { -1 }
    }
}
