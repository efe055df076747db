//! Questions about topics that nobody waits for.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::answers::AnswerQueue;
use super::described;
use super::options::Options;
use crate::facts::{Asked, ByTopic, TopicIdentity};
use crate::waker::Waker;

/// Asks which topics there are at present, by a client that does something else besides, and takes the
/// answers when they come.
pub struct TopicQuestions(AnswerQueue);

impl TopicQuestions {
    /// A queue of its own for `consumer`'s answers; an answer wakes `waker`.
    pub(crate) fn open<C: ConsumerContext + 'static>(
        consumer: &Arc<BaseConsumer<C>>,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        AnswerQueue::open(consumer, waker).map(Self)
    }

    /// Asks the broker of this number about `topics`; there is an answer, or a refusal, within `timeout`.
    /// Asking creates no topic.
    pub fn ask(&self, topics: &[String], broker: i32, timeout: Duration) {
        let names = topics.iter().map(|name| CString::new(name.as_str()));
        // Names that no topic can have are refused long before.
        let names: Vec<CString> = names.filter_map(Result::ok).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Options::new(self.0.client(), operation, timeout).to(broker);
        // SAFETY: `pointers` holds as many C strings as is said, and they are copied; the collection is
        // freed once, after the call that reads it; client, options and queue are alive.
        unsafe {
            let collection =
                sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(
                self.0.client().native(),
                collection,
                options.pointer(),
                self.0.pointer(),
            );
            sys::rd_kafka_TopicCollection_destroy(collection);
        }
    }

    /// The next answer that has come, by topic, or why there is none.
    pub fn next(&self) -> Option<Asked<ByTopic<TopicIdentity>>> {
        if !self.0.has_news() {
            return None;
        }
        let event = self.0.next(Duration::ZERO)?;
        self.0.look_again();
        Some(described::identities(&event))
    }
}
