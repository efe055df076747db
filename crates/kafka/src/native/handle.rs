//! A client of whatever context, kept alive by what belongs to it.

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

/// A client.
pub(super) trait Handle: Send + Sync {
    /// librdkafka's pointer to it, valid as long as it is borrowed.
    fn native(&self) -> *mut sys::rd_kafka_t;
}

impl<C: ConsumerContext + 'static> Handle for BaseConsumer<C> {
    fn native(&self) -> *mut sys::rd_kafka_t {
        self.client().native_ptr()
    }
}

impl<C: ClientContext> Handle for Client<C> {
    fn native(&self) -> *mut sys::rd_kafka_t {
        self.native_ptr()
    }
}
