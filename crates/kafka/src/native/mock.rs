//! What the binding cannot set of the mock cluster.

use rdkafka::bindings as sys;
use rdkafka::producer::{BaseProducer, Producer as _};

/// Sets how long a new consumer group of `owner`'s mock cluster waits for further members; whether there
/// is a cluster.
pub(crate) fn lower_rebalance_delay(owner: &BaseProducer, delay_ms: i32) -> bool {
    // SAFETY: the client lives for the whole call, and its handle is valid as long as it lives.
    let cluster = unsafe { sys::rd_kafka_handle_mock_cluster(owner.client().native_ptr()) };
    if cluster.is_null() {
        return false;
    }
    // SAFETY: the cluster is not null and belongs to the client above, which outlives this call; the
    // function takes the cluster's lock for its single store.
    unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, delay_ms) };
    true
}
