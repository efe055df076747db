//! The answers of the admin calls, read out of librdkafka's events.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use crate::facts::{
    Asked, ByTopic, ClusterFacts, Node, Operation, Operations, Refusal, TopicFacts, TopicIdentity,
    TopicSettings,
};
use crate::trouble::ErrorCode;

/// An event of librdkafka, destroyed when it is dropped. What is read of it is copied.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

impl Event {
    /// Takes over `event`; `None` for null.
    pub(super) fn of(event: *mut sys::rd_kafka_event_t) -> Option<Self> {
        NonNull::new(event).map(Self)
    }

    /// librdkafka's pointer to it, valid as long as it is borrowed.
    pub(super) fn pointer(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }

    /// One of `RD_KAFKA_EVENT_…`.
    pub(super) fn kind(&self) -> i32 {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_type(self.0.as_ptr()) }
    }

    /// The event's error.
    pub(super) fn code(&self) -> ErrorCode {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) }.into()
    }

    /// The words of the event's error.
    pub(super) fn words(&self) -> String {
        // SAFETY: the event is alive, and its words are a C string that lives as long.
        unsafe { owned(sys::rd_kafka_event_error_string(self.0.as_ptr())) }
    }

    /// Why the question as a whole was not answered, if it was not.
    fn answered(&self) -> Asked<()> {
        // SAFETY: the event is alive.
        let code = unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) };
        refusal(code, || self.words()).map_or(Ok(()), Err)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event is ours and is destroyed only here.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

/// (facility, line) of a log event.
pub(super) fn log(event: &Event) -> (String, String) {
    let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
    // SAFETY: the event is alive; the texts are null or C strings that live as long.
    unsafe {
        sys::rd_kafka_event_log(event.0.as_ptr(), &mut facility, &mut line, &mut level);
        (owned(facility), owned(line))
    }
}

/// The JSON of a statistics event.
pub(super) fn statistics(event: &Event) -> Vec<u8> {
    // SAFETY: the event is alive; its text is null or a C string that lives as long.
    unsafe { owned(sys::rd_kafka_event_stats(event.0.as_ptr())) }.into_bytes()
}

pub(super) fn cluster(event: &Event) -> Asked<ClusterFacts> {
    event.answered()?;
    // SAFETY: the event is alive and an answer of this kind; what is read of it lives as long as it does.
    unsafe {
        let result = sys::rd_kafka_event_DescribeCluster_result(event.0.as_ptr());
        let nodes = elements(|count| sys::rd_kafka_DescribeCluster_result_nodes(result, count));
        let node = |node: &*const sys::rd_kafka_Node_t| Node {
            id: sys::rd_kafka_Node_id(*node),
            address: format!(
                "{}:{}",
                owned(sys::rd_kafka_Node_host(*node)),
                sys::rd_kafka_Node_port(*node)
            ),
        };
        Ok(ClusterFacts {
            id: owned(sys::rd_kafka_DescribeCluster_result_cluster_id(result)),
            nodes: nodes.iter().map(node).collect(),
        })
    }
}

pub(super) fn topics(event: &Event) -> Asked<ByTopic<TopicFacts>> {
    event.answered()?;
    // SAFETY: the event is alive and an answer of this kind; what is read of it lives as long as it does.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        let topics = elements(|count| sys::rd_kafka_DescribeTopics_result_topics(result, count));
        Ok(topics.iter().map(|topic| topic_facts(*topic)).collect())
    }
}

pub(super) fn identities(event: &Event) -> Asked<ByTopic<TopicIdentity>> {
    event.answered()?;
    // SAFETY: the event is alive; the result is null for an answer of another kind, and what is read of it
    // lives as long as the event does.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        if result.is_null() {
            return Ok(Vec::new());
        }
        let topics = elements(|count| sys::rd_kafka_DescribeTopics_result_topics(result, count));
        Ok(topics.iter().map(|topic| topic_identity(*topic)).collect())
    }
}

pub(super) fn settings(event: &Event) -> Asked<ByTopic<TopicSettings>> {
    event.answered()?;
    // SAFETY: the event is alive and an answer of this kind; what is read of it lives as long as it does.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConfigs_result(event.0.as_ptr());
        let resources =
            elements(|count| sys::rd_kafka_DescribeConfigs_result_resources(result, count));
        let read = |resource: &*const sys::rd_kafka_ConfigResource_t| topic_settings(*resource);
        Ok(resources.iter().map(read).collect())
    }
}

pub(super) fn group(event: &Event) -> Asked<Option<Operations>> {
    event.answered()?;
    // SAFETY: the event is alive and an answer of this kind; what is read of it lives as long as it does.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.0.as_ptr());
        let groups =
            elements(|count| sys::rd_kafka_DescribeConsumerGroups_result_groups(result, count));
        let Some(group) = groups.first() else {
            return Ok(None);
        };
        object_error(sys::rd_kafka_ConsumerGroupDescription_error(*group))?;
        Ok(operations(|count| {
            sys::rd_kafka_ConsumerGroupDescription_authorized_operations(*group, count)
        }))
    }
}

/// # Safety
/// `topic` points to a description that is alive.
unsafe fn topic_facts(
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> (String, Asked<TopicFacts>) {
    // SAFETY: what the caller promises; partitions and their replicas live as long as their topic.
    unsafe {
        let name = owned(sys::rd_kafka_TopicDescription_name(topic));
        if let Err(refusal) = object_error(sys::rd_kafka_TopicDescription_error(topic)) {
            return (name, Err(refusal));
        }
        let partitions = elements(|count| sys::rd_kafka_TopicDescription_partitions(topic, count));
        let leaders = partitions
            .iter()
            .map(|p| sys::rd_kafka_TopicPartitionInfo_leader(*p));
        let replicas = partitions
            .iter()
            .map(|p| elements(|count| sys::rd_kafka_TopicPartitionInfo_replicas(*p, count)).len());
        let in_sync = partitions
            .iter()
            .map(|p| elements(|count| sys::rd_kafka_TopicPartitionInfo_isr(*p, count)).len());
        let facts = TopicFacts {
            partitions: partitions.len(),
            leaderless: leaders
                .filter(|leader| leader.is_null() || sys::rd_kafka_Node_id(*leader) < 0)
                .count(),
            replicas_min: replicas.min().unwrap_or(0),
            in_sync_min: in_sync.min().unwrap_or(0),
            operations: operations(|count| {
                sys::rd_kafka_TopicDescription_authorized_operations(topic, count)
            }),
        };
        (name, Ok(facts))
    }
}

/// # Safety
/// `topic` points to a description that is alive.
unsafe fn topic_identity(
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> (String, Asked<TopicIdentity>) {
    // SAFETY: what the caller promises; id and partitions live as long as their topic.
    unsafe {
        let name = owned(sys::rd_kafka_TopicDescription_name(topic));
        if let Err(refusal) = object_error(sys::rd_kafka_TopicDescription_error(topic)) {
            return (name, Err(refusal));
        }
        let partitions = elements(|count| sys::rd_kafka_TopicDescription_partitions(topic, count));
        let identity = TopicIdentity {
            partitions: partitions.len(),
            id: topic_id(sys::rd_kafka_TopicDescription_topic_id(topic)),
        };
        (name, Ok(identity))
    }
}

/// # Safety
/// `id` is null or points to an id that is alive.
unsafe fn topic_id(id: *const sys::rd_kafka_Uuid_t) -> Option<String> {
    if id.is_null() {
        return None;
    }
    // SAFETY: what the caller promises; the text lives as long as the id.
    unsafe {
        let is_zero = sys::rd_kafka_Uuid_most_significant_bits(id) == 0
            && sys::rd_kafka_Uuid_least_significant_bits(id) == 0;
        // Kafka's own tools use the alphabet that is safe in URLs and file names.
        let text = || owned(sys::rd_kafka_Uuid_base64str(id));
        (!is_zero).then(|| text().replace('+', "-").replace('/', "_"))
    }
}

/// # Safety
/// `resource` points to a description that is alive.
unsafe fn topic_settings(
    resource: *const sys::rd_kafka_ConfigResource_t,
) -> (String, Asked<TopicSettings>) {
    // SAFETY: what the caller promises; entries live as long as their resource.
    unsafe {
        let name = owned(sys::rd_kafka_ConfigResource_name(resource));
        let words = || owned(sys::rd_kafka_ConfigResource_error_string(resource));
        if let Some(refusal) = refusal(sys::rd_kafka_ConfigResource_error(resource), words) {
            return (name, Err(refusal));
        }
        let entries = elements(|count| sys::rd_kafka_ConfigResource_configs(resource, count));
        let settings = entries.iter().map(|entry| {
            (
                owned(sys::rd_kafka_ConfigEntry_name(*entry)),
                owned(sys::rd_kafka_ConfigEntry_value(*entry)),
            )
        });
        (name, Ok(TopicSettings(settings.collect())))
    }
}

/// The error that an answer holds about one thing.
///
/// # Safety
/// `error` is null or points to an error that is alive.
unsafe fn object_error(error: *const sys::rd_kafka_error_t) -> Asked<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: what the caller promises.
    unsafe {
        let words = || owned(sys::rd_kafka_error_string(error));
        refusal(sys::rd_kafka_error_code(error), words).map_or(Ok(()), Err)
    }
}

/// The array that a call of librdkafka gives together with its length.
///
/// # Safety
/// The array that `call` gives is null or holds as many elements as it says, for as long as the result
/// is used.
unsafe fn elements<'a, T>(call: impl FnOnce(*mut usize) -> *mut T) -> &'a [T] {
    let mut count = 0;
    let array = call(&mut count);
    if array.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: what the caller promises.
    unsafe { std::slice::from_raw_parts(array, count) }
}

/// The operations that a call of librdkafka gives; `None` where the broker did not say.
///
/// # Safety
/// As for [`elements`].
unsafe fn operations(
    call: impl FnOnce(*mut usize) -> *const sys::rd_kafka_AclOperation_t,
) -> Option<Operations> {
    let mut count = 0;
    // Read as numbers: a newer broker may know operations that the binding has no name for.
    let array: *const c_int = call(&mut count).cast();
    if array.is_null() {
        return None;
    }
    // SAFETY: what the caller promises; the enumeration is an `int` in C.
    let codes = unsafe { std::slice::from_raw_parts(array, count) };
    use sys::rd_kafka_AclOperation_t as Acl;
    let ours = [
        (Acl::RD_KAFKA_ACL_OPERATION_READ, Operation::Read),
        (Acl::RD_KAFKA_ACL_OPERATION_WRITE, Operation::Write),
        (Acl::RD_KAFKA_ACL_OPERATION_DESCRIBE, Operation::Describe),
        (
            Acl::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
            Operation::DescribeConfigs,
        ),
    ];
    let allowed = ours
        .into_iter()
        .filter(|(acl, _)| codes.contains(&(*acl as c_int)));
    Some(Operations::of(allowed.map(|(_, operation)| operation)))
}

fn refusal(code: RDKafkaRespErr, words: impl FnOnce() -> String) -> Option<Refusal> {
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    let refusal = Refusal::of(code.into());
    let said = words();
    // Some answers name the question and leave the words out.
    let words = match said.trim_end() {
        "" => refusal.words,
        unfinished if unfinished.ends_with(':') => format!("{unfinished} {}", refusal.words),
        _ => said,
    };
    Some(Refusal { words, ..refusal })
}

/// The text at `text`, empty for null.
///
/// # Safety
/// `text` is null or points to a C string.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: what the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}
