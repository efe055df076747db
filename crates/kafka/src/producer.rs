//! A client that writes, with delivery reports served by a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as BindingError;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig,
};

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::log;
use crate::native::{self, BulkMessage, NotTaken, TopicHandle};
use crate::notices::Notices;
use crate::trouble::ErrorCode;

/// How long the reporting thread waits for a delivery report before it looks whether to stop.
const REPORT_WAIT: Duration = Duration::from_millis(100);

/// Is told how records end, on the reporting thread.
///
/// Every record that a producer took ends in one call, of `delivered` or of `given_up`; a record that was
/// not taken in none. Neither may block: the reports behind it wait, and with them the room that they
/// free.
pub trait Deliveries: Send + Sync + 'static {
    /// What a record owes somebody; records that were handed over together share it.
    type Owed: Send + Sync + 'static;

    /// A record of `bytes` (key and value) was acknowledged. `owed` is its share.
    fn delivered(&self, owed: Arc<Self::Owed>, bytes: usize);

    /// The client gave a record up: it does not try again by itself.
    fn given_up(&self, record: &Undelivered<'_>, owed: Arc<Self::Owed>);

    /// Trouble of the client as a whole, which goes on trying.
    fn trouble(&self, code: ErrorCode, reason: &str);
}

/// A record that was given up, with its bytes: whoever wants to keep it must copy them.
pub struct Undelivered<'a> {
    message: &'a BorrowedMessage<'a>,
    code: ErrorCode,
}

/// A writing client. Dropping it gives up what is still on its way: each such record is reported.
pub struct Producer<D: Deliveries> {
    client: Arc<BaseProducer<Context<D>>>,
    reporter: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// A topic known to a [`Producer`].
pub struct Topic<D: Deliveries>(TopicHandle<Context<D>>);

/// A record to write.
#[derive(Debug, Clone, Copy)]
pub struct OutRecord<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; `None` leaves it to the key and the client's partitioner.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Milliseconds since 1970; `None` for the time of sending.
    pub timestamp_ms: Option<i64>,
}

/// Receives the client's callbacks.
pub(crate) struct Context<D> {
    deliveries: Arc<D>,
    notices: Notices,
}

impl<D: Deliveries> Producer<D> {
    /// A client with its reporting thread. Does not need a broker.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when librdkafka refuses, [`KafkaError::Thread`] when the system does.
    pub fn start(config: &ClientConfig, deliveries: Arc<D>) -> Result<Self, KafkaError> {
        let context = Context {
            deliveries,
            notices: Notices::default(),
        };
        let client: BaseProducer<Context<D>> = config
            .inner()
            .create_with_context(context)
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let reporter = std::thread::Builder::new()
            .name("kafka-reports".to_owned())
            .spawn({
                let (client, stop) = (Arc::clone(&client), Arc::clone(&stop));
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        client.poll(REPORT_WAIT);
                    }
                }
            })
            .map_err(|error| KafkaError::Thread(error.to_string()))?;
        Ok(Self {
            client,
            reporter: Some(reporter),
            stop,
        })
    }

    /// The topic called `name`, for [`Topic::produce`]. It keeps the client alive.
    ///
    /// # Errors
    /// [`KafkaError::TopicName`].
    pub fn topic(&self, name: &str) -> Result<Topic<D>, KafkaError> {
        TopicHandle::new(&self.client, name).map(Topic)
    }

    /// Hands one record over, with `headers` as (name, value) in order.
    ///
    /// # Errors
    /// Why it was not taken; [`crate::Trouble::of`] says whether to try again.
    pub fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[(&str, Option<&[u8]>)],
        owed: &Arc<D::Owed>,
    ) -> Result<(), ErrorCode> {
        let headers = (!headers.is_empty()).then(|| {
            let all = OwnedHeaders::new_with_capacity(headers.len());
            headers.iter().fold(all, |all, (key, value)| {
                all.insert(Header { key, value: *value })
            })
        });
        let record: BaseRecord<'_, [u8], [u8], Arc<D::Owed>> = BaseRecord {
            topic: record.topic,
            partition: record.partition,
            payload: record.payload,
            key: record.key,
            timestamp: record.timestamp_ms,
            headers,
            delivery_opaque: Arc::clone(owed),
        };
        self.client.send(record).map_err(|(error, _)| {
            // Only a topic name with a zero byte has no code.
            error
                .rdkafka_error_code()
                .unwrap_or(ErrorCode::InvalidArgument)
        })
    }

    /// Sends at once what is still collected, and waits until nothing is left or `timeout` is over.
    pub fn flush(&self, timeout: Duration) {
        native::flush(&self.client, timeout);
    }

    pub(crate) fn client(&self) -> &BaseProducer<Context<D>> {
        &self.client
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.client.in_flight_count() == 0
    }

    /// Gives everything up that is on its way: each record is reported, though a broker may have written it.
    pub fn give_up_all(&self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
    }

    /// Why the client cannot go on, in librdkafka's words; `None` while it can.
    pub fn fatal_error(&self) -> Option<(ErrorCode, String)> {
        self.client.client().fatal_error()
    }

    /// Asks the brokers about `topic` and waits for the answer at most `timeout`. The client then knows of a
    /// topic that was made, or opened to us, since it last looked.
    ///
    /// # Errors
    /// What the brokers say of the topic, or why there was no answer.
    pub fn look_up(&self, topic: &str, timeout: Duration) -> Result<(), ErrorCode> {
        self.partitions(topic, timeout).map(|_| ())
    }

    /// As [`Producer::look_up`]; gives how many partitions the topic has.
    ///
    /// # Errors
    /// As [`Producer::look_up`].
    pub fn partitions(&self, topic: &str, timeout: Duration) -> Result<usize, ErrorCode> {
        let client = self.client.client();
        let answer = client.fetch_metadata(Some(topic), timeout);
        let answer = answer.map_err(|error| code_of(&error))?;
        let found = answer.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| (found.error(), found.partitions().len())) {
            Some((Some(error), _)) => Err(error.into()),
            Some((None, 0)) | None => Err(ErrorCode::UnknownTopicOrPartition),
            Some((None, partitions)) => Ok(partitions),
        }
    }
}

impl<D: Deliveries> Topic<D> {
    /// The name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Hands `messages` over, each with a share in `owed`. Gives those that were not taken, in order;
    /// after one that was refused because the queue is full, all later ones are refused too, so that
    /// sending these again keeps the order.
    pub fn produce(&self, messages: &[BulkMessage<'_>], owed: &Arc<D::Owed>) -> Vec<NotTaken> {
        self.0.produce(messages, owed)
    }
}

impl Undelivered<'_> {
    /// The topic that it was for.
    pub fn topic(&self) -> &str {
        self.message.topic()
    }

    /// Why it was given up.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Key.
    pub fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    /// Value.
    pub fn payload(&self) -> Option<&[u8]> {
        self.message.payload()
    }

    /// Headers as (name, value), in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let headers = self.message.headers().into_iter();
        headers.flat_map(|headers| headers.iter().map(|header| (header.key, header.value)))
    }

    /// Bytes of key and value.
    pub fn bytes_len(&self) -> usize {
        self.message.key_len() + self.message.payload_len()
    }
}

impl OutRecord<'_> {
    /// Bytes of key and value.
    pub fn bytes_len(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len)
    }
}

impl<D: Deliveries> Drop for Producer<D> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reporter) = self.reporter.take() {
            // A panic of the reporting thread has already been reported by its own hook.
            let _ = reporter.join();
        }
    }
}

impl<D: Deliveries> ProducerContext for Context<D> {
    type DeliveryOpaque = Arc<D::Owed>;

    fn delivery(&self, result: &DeliveryResult<'_>, owed: Arc<D::Owed>) {
        match result {
            Ok(message) => {
                let bytes = message.key_len() + message.payload_len();
                self.deliveries.delivered(owed, bytes);
            }
            Err((error, message)) => {
                let code = code_of(error);
                self.deliveries
                    .given_up(&Undelivered { message, code }, owed);
            }
        }
    }
}

impl<D: Deliveries> ClientContext for Context<D> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log::relay(&self.notices, level, facility, message);
    }

    fn error(&self, error: BindingError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.deliveries.trouble(code, reason);
        }
    }
}

fn code_of(error: &BindingError) -> ErrorCode {
    error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown)
}
