//! The clients that send: one for all, one for records that must go alone, each replaced when it breaks down.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tillwatch_kafka::{ClientConfig, ErrorCode, KafkaError, OutRecord, Producer, Topic};

use super::kept::OUTPUTS;
use super::letter::Header;
use super::owed::Owed;
use super::state::State;
use crate::SinkError;
use crate::settings::Output;

/// How long the brokers may take to say whether a topic is there. Other topics' records wait meanwhile.
const LOOK_UP_MAX: Duration = Duration::from_millis(500);

/// Names of the outputs' topics; `None` for what does not go there.
pub(crate) type TopicNames = [Option<String>; 3];

/// Records that go alone name their topic themselves.
pub(crate) const NO_TOPICS: TopicNames = [const { None }; 3];

/// A client with its topics.
pub(crate) struct Client {
    // Topics refer to the client and must go before it.
    topics: [Option<Topic<State>>; 3],
    producer: Producer<State>,
    /// Bytes of values that its queue holds: what alone is more will never fit.
    queue_bytes_max: usize,
}

/// Both clients.
pub(crate) struct Clients {
    bulk_config: ClientConfig,
    alone_config: ClientConfig,
    names: TopicNames,
    state: Arc<State>,
    bulk: RwLock<Arc<Client>>,
    /// Made when something must first be sent alone.
    alone: Mutex<Option<Arc<Client>>>,
}

/// Which client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lot {
    /// Records are sent in batches.
    Bulk,
    /// Each record is a batch.
    Alone,
}

impl Client {
    fn start(
        config: &ClientConfig,
        names: &TopicNames,
        state: &Arc<State>,
    ) -> Result<Self, KafkaError> {
        let producer = Producer::start(config, Arc::clone(state))?;
        let mut topics = [const { None }; 3];
        for (topic, name) in topics.iter_mut().zip(names) {
            *topic = name
                .as_deref()
                .map(|name| producer.topic(name))
                .transpose()?;
        }
        let kbytes = config.get("queue.buffering.max.kbytes");
        let kbytes: Option<usize> = kbytes.and_then(|kbytes| kbytes.parse().ok());
        Ok(Self {
            topics,
            producer,
            queue_bytes_max: kbytes.map_or(usize::MAX, |kbytes| kbytes.saturating_mul(1024)),
        })
    }

    /// The topic of an output that has one.
    pub(crate) fn topic(&self, output: Output) -> Option<&Topic<State>> {
        self.topics[output as usize].as_ref()
    }

    pub(crate) fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[Header<'_>],
        owed: &Arc<Owed>,
    ) -> Result<(), ErrorCode> {
        let result = self.producer.send(record, headers, owed);
        result.map_err(|code| self.explain(code, record.payload.map_or(0, <[u8]>::len)))
    }

    /// The code of a refusal of a value of `bytes`: a queue that will never hold it is not merely full.
    pub(crate) fn explain(&self, code: ErrorCode, bytes: usize) -> ErrorCode {
        match code {
            ErrorCode::QueueFull if bytes > self.queue_bytes_max => ErrorCode::MessageSizeTooLarge,
            code => code,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.producer.is_idle()
    }

    pub(crate) fn flush(&self, timeout: Duration) {
        self.producer.flush(timeout);
    }

    /// Why the client says that it cannot go on; `None` while it can.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        let fatal = self.producer.fatal_error();
        fatal.map(|(code, words)| format!("{code}: {words}"))
    }

    pub(crate) fn look_up(&self, topic: &str) -> Result<(), ErrorCode> {
        self.producer.look_up(topic, LOOK_UP_MAX)
    }
}

impl Clients {
    pub(crate) fn start(
        bulk_config: ClientConfig,
        alone_config: ClientConfig,
        names: TopicNames,
        state: Arc<State>,
    ) -> Result<Self, SinkError> {
        let bulk = Client::start(&bulk_config, &names, &state)?;
        Ok(Self {
            bulk_config,
            alone_config,
            names,
            state,
            bulk: RwLock::new(Arc::new(bulk)),
            alone: Mutex::new(None),
        })
    }

    /// The client for batches.
    pub(crate) fn bulk(&self) -> Arc<Client> {
        Arc::clone(&self.bulk.read())
    }

    /// A client of the lot.
    pub(crate) fn of(&self, lot: Lot) -> Result<Arc<Client>, KafkaError> {
        if lot == Lot::Bulk {
            return Ok(self.bulk());
        }
        let mut alone = self.alone.lock();
        if let Some(client) = &*alone {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::start(&self.alone_config, &NO_TOPICS, &self.state)?);
        *alone = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The client that sends records alone, when there is one.
    pub(crate) fn alone_if_any(&self) -> Option<Arc<Client>> {
        self.alone.lock().clone()
    }

    /// Replaces the clients that `fault` finds at fault. What they still held is reported as given up, so it
    /// is kept and sent by the new ones. Gives the faults.
    pub(crate) fn replace(
        &self,
        fault: impl Fn(&Client) -> Option<String>,
    ) -> Result<Vec<String>, KafkaError> {
        let mut faults = Vec::new();
        let bulk = self.bulk();
        if let Some(fault) = fault(&bulk) {
            let new = Client::start(&self.bulk_config, &self.names, &self.state)?;
            *self.bulk.write() = Arc::new(new);
            bulk.producer.give_up_all();
            faults.push(fault);
        }
        let alone = self.alone_if_any();
        if let Some((alone, fault)) = alone.and_then(|alone| fault(&alone).map(|f| (alone, f))) {
            *self.alone.lock() = None;
            alone.producer.give_up_all();
            faults.push(fault);
        }
        Ok(faults)
    }

    /// The name of an output's topic.
    pub(crate) fn name(&self, output: Output) -> Option<&str> {
        self.names[output as usize].as_deref()
    }

    /// A topic to ask about, when it is the brokers that matter.
    pub(crate) fn any_name(&self) -> Option<&str> {
        OUTPUTS.into_iter().find_map(|output| self.name(output))
    }
}
