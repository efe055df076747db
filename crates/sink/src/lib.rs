//! The last step: [`ScoreBatch`](tillwatch_records::ScoreBatch) → Kafka, Parquet, JSON lines, stdout; dead
//! letters; and the acknowledgements that let the consumer commit.
//!
//! A [`Ticket`](tillwatch_records::Ticket) is dropped only when what was made under it is durable:
//! acknowledged by all in-sync replicas, or synced to disk; or when a broker refuses it in every form, which
//! is counted and said. What is given up for another reason fails its ticket first. A sink that is full
//! blocks its callers.

mod counters;
mod digest;
mod encode;
mod error;
mod fan_out;
mod file;
mod headers;
mod kafka;
mod letters;
mod lines;
mod masked;
mod memory;
mod open;
mod settings;
mod sink;
mod status;
mod stdout;
mod surroundings;
#[cfg(test)]
mod test_support;
mod transactions;
mod worker;

pub use counters::{
    AbortCause, Counters, CountersSnapshot, REASONS_COUNTED_MAX, TransactionCounts,
};
pub use encode::{ScoreEncoder, dead_letter_json, scores_to_record_batch};
pub use error::SinkError;
pub use fan_out::FanOut;
pub use file::ParquetSink;
pub use kafka::{KafkaFindings, KafkaSink, OnceSink, RecordWriter};
pub use letters::{
    DoneLetters, Entry, Fate, Found, Header, Letter, LetterReader, LetterSender, Outcome, Place,
    Reduced, Resent,
};
pub use lines::LineSink;
pub use masked::{LetterMask, MaskMark, MaskedPayload, MaskedRecord};
pub use memory::MemorySink;
pub use open::{check, open, probe};
pub use settings::{
    Compression, Delivering, FileSettings, KafkaSettings, Output, SinkKind, SinkSettings,
    SinksSettings, Topics,
};
pub use sink::{DeadLetter, Delivery, Sink};
pub use status::{Cause, SinkStatus, Waiting};
pub use surroundings::{Clock, Surroundings};
pub use tillwatch_kafka::{OutRecord, Properties};
pub use transactions::Transactions;
