//! Dead letters as Kafka records: the whole one, and what is sent where that is refused.

use tillwatch_kafka::ErrorCode;
use tillwatch_records::limits::KEY_BYTES_MAX;
use tillwatch_records::{RawRecord, TopicId, TopicPartition};

use crate::digest::sha256;
use crate::headers;
use crate::masked::MaskMark;
use crate::sink::DeadLetter;

/// Sizes that a reduced dead letter is made for, each an eighth of the one before: below Kafka's default
/// limit of 1 MiB, then below any that somebody has a reason to set. The last holds what must be known and
/// little more.
pub(crate) const SIZES: [usize; 4] = [768 * 1024, 96 * 1024, 12 * 1024, 1536];

/// Share of its size that a reduced letter spends on headers of its record, and on the detail.
const SHARE: usize = 8;

/// What Kafka needs for a header beside name and value, and for a record beside its parts: lengths, at most.
const HEADER_OVERHEAD: usize = 10;
const RECORD_OVERHEAD: usize = 100;

/// A header: name and value.
pub(crate) type Header<'a> = (&'a str, Option<&'a [u8]>);

/// What a dead letter says beside the bytes of its record.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    source: TopicPartition,
    topic_id: Option<TopicId>,
    offset: i64,
    timestamp_ms: Option<i64>,
    reason: String,
    detail: String,
    /// What was hidden of the record.
    mask: Option<MaskMark>,
    /// What the record was like, once the letter is reduced.
    whole: Option<Whole>,
}

/// A record before it was reduced.
#[derive(Debug, Clone)]
struct Whole {
    /// Why it was not taken.
    why: String,
    key_bytes: Option<usize>,
    payload_bytes: Option<usize>,
    /// Of the payload, in hexadecimal digits. Where it was masked, what its mask says stands for this.
    sha256: Option<String>,
    headers: usize,
    headers_bytes: usize,
}

/// A record as it is sent again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Option<Vec<u8>>,
    /// All headers, ours last.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Note {
    pub(crate) fn of(letter: &DeadLetter<'_>) -> Self {
        Self {
            source: letter.source.clone(),
            topic_id: letter.topic_id.cloned(),
            offset: letter.record.offset,
            timestamp_ms: letter.record.timestamp_ms,
            reason: letter.reason.to_owned(),
            detail: letter.detail.to_owned(),
            mask: letter.mask.cloned(),
            whole: None,
        }
    }

    /// Where the record is in the input.
    pub(crate) fn position(&self) -> String {
        format!("{}/{}", self.source, self.offset)
    }

    /// What no other record is called, even if its topic was made again.
    fn record_id(&self) -> String {
        let prefix = self.source.id_prefix(self.topic_id.as_ref());
        format!("{prefix}{}", self.offset)
    }

    /// Our headers.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (headers::REASON, self.reason.clone()),
            (headers::DETAIL, self.detail.clone()),
            (headers::TOPIC, self.source.topic.to_string()),
            (headers::PARTITION, self.source.partition.to_string()),
            (headers::OFFSET, self.offset.to_string()),
        ];
        let mut add = |name, value: Option<String>| {
            headers.extend(value.map(|value| (name, value)));
        };
        add(
            headers::TIMESTAMP,
            self.timestamp_ms.map(|time| time.to_string()),
        );
        let mask = self.mask.as_ref();
        add(headers::MASKED, mask.map(|mask| mask.parts.clone()));
        let masked = mask.and_then(|mask| mask.payload.as_ref());
        if let Some(payload) = masked {
            let name = match payload.is_keyed {
                true => headers::PAYLOAD_HMAC,
                false => headers::PAYLOAD_SHA256,
            };
            add(headers::PAYLOAD_BYTES, Some(payload.bytes.to_string()));
            add(name, Some(payload.digest.clone()));
        }
        if let Some(whole) = &self.whole {
            let bytes = |bytes: Option<usize>| bytes.map(|bytes| bytes.to_string());
            add(headers::REDUCED, Some(whole.why.clone()));
            add(headers::KEY_BYTES, bytes(whole.key_bytes));
            if masked.is_none() {
                add(headers::PAYLOAD_BYTES, bytes(whole.payload_bytes));
                add(headers::PAYLOAD_SHA256, whole.sha256.clone());
            }
            add(headers::HEADERS, bytes(Some(whole.headers)));
            add(headers::HEADERS_BYTES, bytes(Some(whole.headers_bytes)));
        }
        headers
    }

    /// A smaller form of a letter with this note, whose last form was `refused`: at most about `size` bytes
    /// of wire.
    pub(crate) fn reduce(&self, refused: &Parts, size: usize, why: ErrorCode) -> (Self, Parts) {
        let own = refused.headers.len() - self.headers().len();
        let of_record = &refused.headers[..own];
        let whole = self.whole.clone().unwrap_or_else(|| Whole {
            why: format!("{why:?}"),
            key_bytes: refused.key.as_ref().map(Vec::len),
            payload_bytes: refused.payload.as_ref().map(Vec::len),
            sha256: refused.payload.as_deref().map(sha256),
            headers: own,
            headers_bytes: of_record.iter().map(header_bytes).sum(),
        });
        let note = Self {
            detail: cut(&self.detail, size / SHARE).to_owned(),
            whole: Some(whole),
            ..self.clone()
        };
        // A compacted topic takes no record without a key, and keeps one of each key.
        let key = match &refused.key {
            Some(key) => key[..key.len().min(KEY_BYTES_MAX)].to_vec(),
            None => note.record_id().into_bytes(),
        };
        let mut headers = Vec::new();
        let mut room = size / SHARE;
        for header in of_record {
            let bytes = header_bytes(header);
            if bytes <= room {
                room -= bytes;
                headers.push(header.clone());
            }
        }
        let ours = note.headers().into_iter();
        headers.extend(ours.map(|(name, value)| (name.to_owned(), Some(value.into_bytes()))));
        let spent: usize = headers.iter().map(header_bytes).sum();
        let room = size.saturating_sub(RECORD_OVERHEAD + key.len() + spent);
        let payload = refused.payload.as_ref();
        let payload = payload.map(|payload| payload[..payload.len().min(room)].to_vec());
        let parts = Parts {
            key: Some(key),
            payload,
            headers,
        };
        (note, parts)
    }
}

impl Parts {
    /// Bytes of key and value.
    pub(crate) fn bytes_len(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len)
    }

    /// Bytes that the record takes in a batch, at most.
    pub(crate) fn wire_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(header_bytes).sum();
        RECORD_OVERHEAD + self.bytes_len() + headers
    }

    /// The headers, to be sent.
    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect()
    }
}

/// Bytes that a whole dead letter takes, at most.
pub(crate) fn wire_bytes(record: &RawRecord<'_>, headers: &[Header<'_>]) -> usize {
    let headers = headers.iter();
    let headers = headers
        .map(|(name, value)| HEADER_OVERHEAD + name.len() + value.map_or(0, <[u8]>::len))
        .sum::<usize>();
    let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    RECORD_OVERHEAD + len(record.key) + len(record.payload) + headers
}

fn header_bytes((name, value): &(String, Option<Vec<u8>>)) -> usize {
    HEADER_OVERHEAD + name.len() + value.as_ref().map_or(0, Vec::len)
}

/// The first whole characters of `text` in at most `bytes`.
fn cut(text: &str, bytes: usize) -> &str {
    let ends = (0..=bytes.min(text.len())).rev();
    let mut whole = ends.filter(|end| text.is_char_boundary(*end));
    &text[..whole.next().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use tillwatch_records::RawBatch;

    use super::*;

    fn note(detail: &str) -> Note {
        let source = TopicPartition::new("payments", 2);
        let mut raw = RawBatch::new(source.clone());
        raw.push(41, Some(1234), None, Some(b"x"), []);
        Note::of(&DeadLetter {
            source: &source,
            topic_id: None,
            record: raw.get(0),
            mask: None,
            reason: "not_json",
            detail,
        })
    }

    /// A letter of `note` as it came back whole.
    fn whole(note: &Note, key: Option<&[u8]>, payload: &[u8], headers: &[(&str, usize)]) -> Parts {
        let of_record = headers.iter();
        let of_record = of_record.map(|(name, bytes)| ((*name).to_owned(), Some(vec![7; *bytes])));
        let ours = note.headers().into_iter();
        let ours = ours.map(|(name, value)| (name.to_owned(), Some(value.into_bytes())));
        Parts {
            key: key.map(<[u8]>::to_vec),
            payload: Some(payload.to_vec()),
            headers: of_record.chain(ours).collect(),
        }
    }

    fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
        let found = parts.headers.iter().find(|(found, _)| found == name)?;
        found
            .1
            .as_deref()
            .and_then(|value| str::from_utf8(value).ok())
    }

    #[test]
    fn a_reduced_letter_fits_whatever_was_large() {
        for (key, payload, headers) in [
            (9, 3_000_000, vec![("trace", 16)]),
            (2_000_000, 10, vec![]),
            (0, 0, vec![("big", 1_500_000), ("trace", 16)]),
            (300, 1_000_000, vec![("big", 900_000), ("trace", 16)]),
        ] {
            let note = note(&"ä".repeat(5_000));
            let refused = whole(
                &note,
                Some(&vec![b'k'; key]),
                &vec![b'p'; payload],
                &headers,
            );
            for size in SIZES {
                let (_, parts) = note.reduce(&refused, size, ErrorCode::MessageSizeTooLarge);
                assert!(
                    parts.wire_bytes() <= size,
                    "{} of {size}",
                    parts.wire_bytes()
                );
                let text = |name| header(&parts, name).map(str::to_owned);
                assert_eq!(text("tillwatch.offset").as_deref(), Some("41"));
                assert_eq!(text("tillwatch.timestamp").as_deref(), Some("1234"));
                assert_eq!(
                    text("tillwatch.reduced").as_deref(),
                    Some("MessageSizeTooLarge")
                );
                assert_eq!(text("tillwatch.key.bytes"), Some(key.to_string()));
                assert_eq!(text("tillwatch.payload.bytes"), Some(payload.to_string()));
                assert_eq!(text("tillwatch.headers"), Some(headers.len().to_string()));
                let small = headers.iter().any(|(name, _)| *name == "trace");
                assert_eq!(header(&parts, "trace").is_some(), small);
                assert!(header(&parts, "big").is_none());
                // What is left of the room is spent on the payload.
                let left = parts.payload.as_ref().map_or(0, Vec::len);
                assert!(left == payload || parts.wire_bytes() + 64 > size, "{left}");
            }
        }
    }

    #[test]
    fn records_of_a_topic_that_was_made_again_have_other_keys() {
        let mut note = note("d");
        let refused = whole(&note, None, b"x", &[]);
        let key_of = |id: Option<&str>, note: &mut Note| {
            note.topic_id = id.and_then(TopicId::new);
            let (_, parts) = note.reduce(&refused, SIZES[0], ErrorCode::MessageSizeTooLarge);
            String::from_utf8(parts.key.unwrap()).unwrap()
        };
        assert_eq!(key_of(None, &mut note), "payments/2/41");
        let first = key_of(Some("o5uEbV1kT9mJ1tKFqfTzkQ"), &mut note);
        assert_eq!(first, "payments@o5uEbV1k/2/41");
        let second = key_of(Some("5Zk3x9QRs2vAbCdEfGhIjK"), &mut note);
        assert_eq!(second, "payments@5Zk3x9QR/2/41");
    }

    #[test]
    fn a_letter_that_is_reduced_twice_still_tells_of_the_whole_record() {
        let note = note("d");
        let refused = whole(&note, None, &vec![b'p'; 2_000_000], &[("h", 10)]);
        let (note, parts) = note.reduce(&refused, SIZES[0], ErrorCode::MessageSizeTooLarge);
        let (_, parts) = note.reduce(&parts, SIZES[3], ErrorCode::MessageSizeTooLarge);
        assert_eq!(header(&parts, "tillwatch.payload.bytes"), Some("2000000"));
        let expected = sha256(&vec![b'p'; 2_000_000]);
        assert_eq!(
            header(&parts, "tillwatch.payload.sha256"),
            Some(expected.as_str())
        );
        assert_eq!(header(&parts, "tillwatch.key.bytes"), None);
        assert_eq!(parts.key.as_deref(), Some(&b"payments/2/41"[..]));
        // Each of our headers is there once.
        let ours = parts.headers.iter();
        let mut names: Vec<_> = ours.map(|(name, _)| name.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
