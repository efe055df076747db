//! What can go wrong on the way out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::KafkaError;
use tillwatch_records::error::Remedy;

/// Why output was not taken, or not kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SinkError {
    /// A setting that the kind of sink does not know, lacks, or cannot use.
    #[error("sink `{kind}`: {problem}")]
    Settings {
        /// The kind of sink, as in the configuration.
        kind: &'static str,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The client could not be made of its `properties`, or brokers did not answer a question.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The client refused a record at once; the same record would be refused again.
    #[error(
        "a record of {bytes} bytes for topic `{topic}` cannot be sent ({detail}); if it is too \
         large, raise `message.max.bytes` in the sink's `properties` and on the broker"
    )]
    Refused {
        /// The topic.
        topic: String,
        /// Length of its key and value.
        bytes: usize,
        /// librdkafka's words.
        detail: String,
    },
    /// A file or directory cannot be used.
    #[error(
        "cannot {action} `{path}` ({source}); check the directory, its permissions and free space"
    )]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        source: Arc<io::Error>,
    },
    /// A table could not be built or encoded.
    #[error("cannot encode scores as a table ({detail})")]
    Table {
        /// Arrow's or Parquet's words.
        detail: String,
    },
    /// Letters that are done with and letters that are not take turns too often.
    #[error(
        "the dead-letter topic says of more than {ranges_max} ranges of letters that they are done \
         with; send the letters between them, or discard them, one reason after another"
    )]
    Letters {
        /// Ranges that there is room for.
        ranges_max: usize,
    },
    /// The reader of standard output went away.
    #[error("standard output was closed by its reader; nothing more can be written there")]
    OutputClosed,
    /// The sink was closed, or gave up after an earlier error that it has already reported.
    #[error("the sink is closed; start again to write more")]
    Closed,
    /// Another process writes in transactions with our id.
    #[error(
        "the transactional id `{id}` is used by another process; give each instance its own \
         [sink.kafka] transactional_id and start again"
    )]
    Fenced {
        /// The transactional id.
        id: String,
    },
    /// Output was still on its way when the time for flushing was over.
    #[error(
        "{in_flight} records were not acknowledged within {waited:?}; they will be made again \
         after a restart"
    )]
    FlushTimeout {
        /// Records on their way.
        in_flight: u64,
        /// How long was waited.
        waited: Duration,
    },
}

impl SinkError {
    /// What a caller may do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Kafka(error) => error.remedy(),
            Self::FlushTimeout { .. } => Remedy::Retry,
            Self::Settings { .. }
            | Self::Refused { .. }
            | Self::File { .. }
            | Self::Table { .. }
            | Self::Letters { .. }
            | Self::OutputClosed
            | Self::Fenced { .. }
            | Self::Closed => Remedy::Fatal,
        }
    }

    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            action,
            path: path.into(),
            source: Arc::new(source),
        }
    }
}
