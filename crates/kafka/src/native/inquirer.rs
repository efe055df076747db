//! A client that only asks, by the admin calls that the safe binding lacks.

use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::types::RDKafkaType;

use super::certificate;
use super::described::{self, Event};
use super::options::Options;
use crate::error::KafkaError;
use crate::facts::{Asked, ByTopic, ClusterFacts, Operations, TopicFacts, TopicSettings};
use crate::trouble::ErrorCode;

/// Something that the client has heard.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A log line, with the short name of what it is about.
    Log { facility: String, line: String },
    /// An error of a broker's connection, or of the client as a whole.
    Trouble { code: ErrorCode, reason: String },
    /// librdkafka's statistics, as JSON.
    Statistics(Vec<u8>),
    /// The answer to [`Inquirer::ask_cluster`].
    Cluster(Asked<ClusterFacts>),
    /// The answer to [`Inquirer::ask_topics`], by topic.
    Topics(Asked<ByTopic<TopicFacts>>),
    /// The answer to [`Inquirer::ask_settings`], by topic.
    Settings(Asked<ByTopic<TopicSettings>>),
    /// The answer to [`Inquirer::ask_group`]: what we may do with it, where the broker says so.
    Group(Asked<Option<Operations>>),
    /// Anything else.
    Other,
}

/// A client that neither reads nor writes records. Which broker to ask is the caller's choice, since
/// the controller, which librdkafka would ask, may be the one that cannot be reached. Questions are
/// sent at once; what it hears meanwhile, the answers among it, is taken one by one with
/// [`Inquirer::next`].
pub(crate) struct Inquirer {
    /// Everything that the client hears; destroyed before the client, once.
    queue: NonNull<sys::rd_kafka_queue_t>,
    client: Client<DefaultClientContext>,
}

// SAFETY: librdkafka's queues are reference-counted and locked inside (rdkafka.h: "librdkafka is completely
// thread-safe").
unsafe impl Send for Inquirer {}

impl Inquirer {
    /// A client of `config`, which begins to connect.
    pub(crate) fn open(config: &rdkafka::ClientConfig) -> Result<Self, KafkaError> {
        let refused = |error: BindingError| KafkaError::Client(error.to_string());
        let native = config.create_native_config().map_err(refused)?;
        // SAFETY: the configuration is ours until the client takes it; `judge` has no state and may be
        // called from any thread.
        unsafe {
            sys::rd_kafka_conf_set_events(
                native.ptr(),
                sys::RD_KAFKA_EVENT_ERROR | sys::RD_KAFKA_EVENT_STATS,
            );
            sys::rd_kafka_conf_set_ssl_cert_verify_cb(native.ptr(), Some(certificate::judge));
        }
        let kind = RDKafkaType::RD_KAFKA_PRODUCER;
        let client = Client::new(config, native, kind, DefaultClientContext).map_err(refused)?;
        // SAFETY: the client is alive; the reference to its queue is given back in `drop`.
        let queue = unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) };
        let queue = NonNull::new(queue).ok_or(KafkaError::Missing("queue for answers"))?;
        Ok(Self { queue, client })
    }

    /// Asks the cluster about itself.
    pub(crate) fn ask_cluster(&self, broker: i32, timeout: Duration) {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER;
        let options = Options::new(&self.client, operation, timeout).to(broker);
        // SAFETY: client, options and queue are alive; the call copies what it needs of the options.
        unsafe {
            sys::rd_kafka_DescribeCluster(
                self.client.native_ptr(),
                options.pointer(),
                self.queue.as_ptr(),
            );
        }
    }

    /// Asks about `topics`, no name twice, and what we may do with them. Asking creates none.
    pub(crate) fn ask_topics(&self, topics: &[CString], broker: i32, timeout: Duration) {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Options::new(&self.client, operation, timeout);
        let options = options.to(broker).with_operations();
        let mut names = pointers(topics);
        // SAFETY: `names` holds as many C strings as is said, and they are copied; the collection is
        // freed once, after the call that reads it; client, options and queue are alive.
        unsafe {
            let collection =
                sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            sys::rd_kafka_DescribeTopics(
                self.client.native_ptr(),
                collection,
                options.pointer(),
                self.queue.as_ptr(),
            );
            sys::rd_kafka_TopicCollection_destroy(collection);
        }
    }

    /// Asks for the settings of `topics`.
    pub(crate) fn ask_settings(&self, topics: &[CString], broker: i32, timeout: Duration) {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let options = Options::new(&self.client, operation, timeout).to(broker);
        let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: each name is a C string, which is copied.
        let resource =
            |name: &CString| unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
        let mut resources: Vec<_> = topics.iter().map(resource).collect();
        // SAFETY: `resources` holds as many as is said, made above and freed once, after the call that
        // copies them; client, options and queue are alive.
        unsafe {
            sys::rd_kafka_DescribeConfigs(
                self.client.native_ptr(),
                resources.as_mut_ptr(),
                resources.len(),
                options.pointer(),
                self.queue.as_ptr(),
            );
            sys::rd_kafka_ConfigResource_destroy_array(resources.as_mut_ptr(), resources.len());
        }
    }

    /// Asks what we may do with the consumer group `group`.
    pub(crate) fn ask_group(&self, group: &CString, timeout: Duration) {
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
        let options = Options::new(&self.client, operation, timeout).with_operations();
        let mut names = pointers(std::slice::from_ref(group));
        // SAFETY: as for topics.
        unsafe {
            sys::rd_kafka_DescribeConsumerGroups(
                self.client.native_ptr(),
                names.as_mut_ptr(),
                names.len(),
                options.pointer(),
                self.queue.as_ptr(),
            );
        }
    }

    /// What is heard next, waiting at most `wait` for it.
    pub(crate) fn next(&self, wait: Duration) -> Option<Heard> {
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is owned by `Event` from here on.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), wait_ms) };
        Some(heard(&Event::of(event)?))
    }
}

impl Drop for Inquirer {
    fn drop(&mut self) {
        // SAFETY: the queue came with a reference of its own, which is given back only here, before the
        // client goes.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

fn heard(event: &Event) -> Heard {
    match event.kind() {
        sys::RD_KAFKA_EVENT_LOG => {
            let (facility, line) = described::log(event);
            Heard::Log { facility, line }
        }
        sys::RD_KAFKA_EVENT_ERROR => Heard::Trouble {
            code: event.code(),
            reason: event.words(),
        },
        sys::RD_KAFKA_EVENT_STATS => Heard::Statistics(described::statistics(event)),
        sys::RD_KAFKA_EVENT_DESCRIBECLUSTER_RESULT => Heard::Cluster(described::cluster(event)),
        sys::RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT => Heard::Topics(described::topics(event)),
        sys::RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT => Heard::Settings(described::settings(event)),
        sys::RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT => Heard::Group(described::group(event)),
        _ => Heard::Other,
    }
}

fn pointers(names: &[CString]) -> Vec<*const c_char> {
    names.iter().map(|name| name.as_ptr()).collect()
}
