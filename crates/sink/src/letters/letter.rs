//! A dead letter as it is read again.

use tillwatch_kafka::TopicRecord;
use tillwatch_records::TopicPartition;

use super::sender::Header;
use crate::digest::sha256;
use crate::headers;

/// Longest origin that is believed, in bytes: the longest topic name with two numbers.
const ORIGIN_BYTES_MAX: usize = 300;

/// Partition and offset of a record in the dead-letter topic.
pub type Place = (i32, i64);

/// A record of the dead-letter topic.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A dead letter.
    Letter(Box<Letter>),
    /// A note of which letters of this partition are done with.
    Note {
        /// What became of them.
        fate: Fate,
        /// Their offsets.
        offsets: String,
    },
    /// Something that tillwatch has not written.
    Other,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its record was sent again.
    Sent,
    /// Somebody decided that it is not to be sent again.
    Discarded,
}

/// A refused record with what is known of it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Partition and offset of the letter itself.
    pub place: Place,
    /// When it was written, in milliseconds since 1970.
    pub written_ms: Option<i64>,
    /// The partition that its record came from.
    pub source: TopicPartition,
    /// The record's offset there.
    pub offset: i64,
    /// The record's own timestamp in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Why it was refused: a short code.
    pub reason: String,
    /// Why it was refused, in words.
    pub detail: String,
    /// The record's key, or what is left of it.
    pub key: Option<Vec<u8>>,
    /// The record's payload, or what is left of it.
    pub payload: Option<Vec<u8>>,
    /// The record's headers, or what is left of them, without those that sending it again has added.
    pub headers: Vec<Header>,
    /// How often the record was sent again before it was refused this time.
    pub attempts: u32,
    /// Where it was at first, as `topic/partition/offset`, where it was sent again.
    pub origin: Option<String>,
    /// What is known of the record where the letter is reduced or masked.
    pub reduced: Option<Reduced>,
}

/// What is known of the record of a letter that has not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduced {
    /// Why the whole letter was not taken; empty where it was.
    pub why: String,
    /// What of it holds card numbers whose digits are hidden: `payload`, `key`, `headers`.
    pub masked: Option<String>,
    /// Bytes of its payload.
    pub payload_bytes: Option<u64>,
    /// SHA-256 of its payload, in hexadecimal digits.
    pub payload_sha256: Option<String>,
    /// The letter has not all of its payload.
    pub lacks_payload: bool,
    /// The letter has not all of its key, or not all of its headers.
    pub lacks_more: bool,
}

impl Fate {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Discarded => "discarded",
        }
    }

    fn of(text: &str) -> Option<Self> {
        let all = [Self::Sent, Self::Discarded];
        all.into_iter().find(|fate| fate.as_str() == text)
    }
}

impl Entry {
    /// What `record` of a dead-letter topic is.
    pub(super) fn of(record: &TopicRecord<'_>) -> Self {
        let copy = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let all = record.headers();
        let mut all: Vec<Header> = all
            .map(|(name, value)| (name.to_owned(), copy(value)))
            .collect();
        // A record may have had headers that are called like ours: ours come last.
        let first = all.iter().rposition(|(name, _)| name == headers::REASON);
        let Some(first) = first else {
            return Self::note(record, &all).unwrap_or(Self::Other);
        };
        let ours = all.split_off(first);
        match Letter::of(record, all, &Ours(&ours)) {
            Some(letter) => Self::Letter(Box::new(letter)),
            None => Self::Other,
        }
    }

    fn note(record: &TopicRecord<'_>, all: &[Header]) -> Option<Self> {
        let fate = Fate::of(Ours(all).text(headers::DONE)?)?;
        let offsets = str::from_utf8(record.payload()?).ok()?.to_owned();
        Some(Self::Note { fate, offsets })
    }
}

impl Letter {
    /// Where its record was, as logs write it: `topic/partition/offset`.
    pub fn position(&self) -> String {
        format!("{}/{}", self.source, self.offset)
    }

    /// When its record was made, as far as that is known, in milliseconds since 1970.
    pub fn time_ms(&self) -> Option<i64> {
        self.timestamp_ms.or(self.written_ms)
    }

    /// Whether the record can be sent as it is here.
    pub fn is_whole(&self) -> bool {
        let lacks = |reduced: &Reduced| reduced.lacks_payload || reduced.lacks_more;
        !self.reduced.as_ref().is_some_and(lacks)
    }

    /// The headers that its record gets when it is sent again: first ours, so that they stay where a letter
    /// must be reduced, then its own.
    pub fn headers_again(&self) -> Vec<Header> {
        let attempts = self.attempts.saturating_add(1).to_string();
        let origin = self.origin.clone().unwrap_or_else(|| self.position());
        let ours = [(headers::ATTEMPTS, attempts), (headers::ORIGIN, origin)];
        let ours = ours
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())));
        ours.chain(self.headers.iter().cloned()).collect()
    }

    fn of(record: &TopicRecord<'_>, own: Vec<Header>, ours: &Ours<'_>) -> Option<Self> {
        let topic = ours.text(headers::TOPIC)?;
        tillwatch_kafka::check_topic_name(topic).ok()?;
        let redriven = Ours(&own);
        let attempts = redriven.number(headers::ATTEMPTS).unwrap_or(0);
        let origin = redriven.text(headers::ORIGIN);
        let origin = origin.filter(|origin| origin.len() <= ORIGIN_BYTES_MAX);
        let origin = origin.map(str::to_owned);
        let reduced = ours.reduced(record, own.len());
        // A reduced letter has a key in any case.
        let is_reduced = ours.text(headers::REDUCED).is_some();
        let had_key = !is_reduced || ours.number(headers::KEY_BYTES).is_some();
        let key = record.key().filter(|_| had_key);
        let mut headers = own;
        headers.retain(|(name, _)| name != headers::ATTEMPTS && name != headers::ORIGIN);
        Some(Self {
            place: (record.partition(), record.offset()),
            written_ms: record.timestamp_ms(),
            source: TopicPartition::new(topic, ours.text(headers::PARTITION)?.parse().ok()?),
            offset: ours.text(headers::OFFSET)?.parse().ok()?,
            timestamp_ms: ours.text(headers::TIMESTAMP).and_then(|ms| ms.parse().ok()),
            reason: ours.text(headers::REASON)?.to_owned(),
            detail: ours.text(headers::DETAIL).unwrap_or_default().to_owned(),
            key: key.map(<[u8]>::to_vec),
            payload: record.payload().map(<[u8]>::to_vec),
            headers,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            origin,
            reduced,
        })
    }
}

/// Headers that are looked up by name.
struct Ours<'a>(&'a [Header]);

impl Ours<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(found, _)| found == name)?;
        str::from_utf8(value.as_deref()?).ok()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// What is known where `record` is a reduced letter that has `headers` of the record's own.
    fn reduced(&self, record: &TopicRecord<'_>, headers: usize) -> Option<Reduced> {
        let masked = self.text(headers::MASKED).map(str::to_owned);
        let why = self.text(headers::REDUCED).map(str::to_owned);
        if why.is_none() && masked.is_none() {
            return None;
        }
        let is_reduced = why.is_some();
        let hides = |part: &str| {
            let parts = masked.iter().flat_map(|parts| parts.split(','));
            parts.into_iter().any(|hidden| hidden == part)
        };
        let payload_bytes = self.number(headers::PAYLOAD_BYTES);
        let payload_sha256 = self.text(headers::PAYLOAD_SHA256).map(str::to_owned);
        let has_payload = match (record.payload(), payload_bytes) {
            (Some(payload), Some(bytes)) => {
                payload.len() as u64 == bytes
                    && payload_sha256.as_deref() == Some(sha256(payload).as_str())
            }
            (_, None) => true,
            (None, Some(_)) => false,
        } && !hides("payload");
        let key = record.key().map(|key| key.len() as u64);
        let key_bytes = self.number(headers::KEY_BYTES);
        let has_key = (key_bytes.is_none() || key == key_bytes) && !hides("key");
        let has_headers = !is_reduced || self.number(headers::HEADERS) == Some(headers as u64);
        let has_headers = has_headers && !hides("headers");
        Some(Reduced {
            why: why.unwrap_or_default(),
            payload_bytes,
            payload_sha256,
            lacks_payload: !has_payload,
            lacks_more: !(has_key && has_headers),
            masked,
        })
    }
}
