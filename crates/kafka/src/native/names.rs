//! The names of librdkafka's properties.

use std::ffi::{CStr, c_char};

use rdkafka::bindings as sys;

/// Names that librdkafka knows as another property's alias only and does not list.
const ALIASES: [&str; 7] = [
    "acks",
    "bootstrap.servers",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "max.in.flight",
    "retries",
];

/// Every name that a client may be configured with.
pub(crate) fn property_names() -> Vec<String> {
    let mut names: Vec<String> = ALIASES.map(str::to_owned).into();
    let mut count = 0;
    // SAFETY: a configuration is made, read and destroyed here; the list is read before it is freed, with
    // the count that came with it.
    unsafe {
        let conf = sys::rd_kafka_conf_new();
        let list = sys::rd_kafka_conf_dump(conf, &mut count);
        collect(list, count, &mut names);
        sys::rd_kafka_conf_dump_free(list, count);
        sys::rd_kafka_conf_destroy(conf);
    }
    // SAFETY: as above, for the properties of topics, which a client's configuration accepts as well.
    unsafe {
        let conf = sys::rd_kafka_topic_conf_new();
        let list = sys::rd_kafka_topic_conf_dump(conf, &mut count);
        collect(list, count, &mut names);
        sys::rd_kafka_conf_dump_free(list, count);
        sys::rd_kafka_topic_conf_destroy(conf);
    }
    names
}

/// # Safety
/// `list` points to `count` pointers, each null or a C string: names and values in turn.
unsafe fn collect(list: *mut *const c_char, count: usize, names: &mut Vec<String>) {
    for index in (0..count).step_by(2) {
        // SAFETY: what the caller promises.
        let name = unsafe { *list.add(index) };
        if !name.is_null() {
            // SAFETY: as above.
            names.push(
                unsafe { CStr::from_ptr(name) }
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
}
