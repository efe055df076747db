//! The names of librdkafka's properties.

use std::ffi::{CStr, c_char};

use rdkafka::bindings as sys;

/// Names that librdkafka does not list: another property's alias, or a text that is not set.
const UNLISTED: [&str; 51] = [
    "acks",
    "bootstrap.servers",
    "compression.type",
    "delivery.timeout.ms",
    "group.instance.id",
    "group.remote.assignor",
    "https.ca.location",
    "https.ca.pem",
    "linger.ms",
    "max.in.flight",
    "max.partition.fetch.bytes",
    "metadata.broker.list",
    "plugin.library.paths",
    "retries",
    "sasl.kerberos.keytab",
    "sasl.mechanism",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.providers",
    "ssl.sigalgs.list",
    "topic.blacklist",
    "transactional.id",
];

/// Every name that a client may be configured with.
pub(crate) fn property_names() -> Vec<String> {
    let mut names: Vec<String> = UNLISTED.map(str::to_owned).into();
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
