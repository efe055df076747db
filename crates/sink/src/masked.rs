//! Refused records without the card numbers that they hold.

mod hidden;

use tillwatch_records::card_key::CardKey;
use tillwatch_records::{RawBatch, RawRecord, TopicPartition};

use self::hidden::{all_that_may_be_one, card_numbers};
use crate::digest::sha256;

/// Hides card numbers in dead letters: their digits become `*`, so that every length stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterMask {
    /// What the digest of a payload is keyed with. Without a key it is a plain SHA-256, by which who has the
    /// letter can try out the hidden digits.
    pub key: Option<CardKey>,
}

/// A record in which card numbers are hidden.
#[derive(Debug)]
pub struct MaskedRecord {
    /// The record alone.
    batch: RawBatch,
    mark: MaskMark,
}

/// What a letter says of the record that it shows without card numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskMark {
    /// What holds hidden digits: `payload`, `key`, `headers`, with commas between them.
    pub parts: String,
    /// Of the payload as it was, where digits of it are hidden.
    pub payload: Option<MaskedPayload>,
}

/// A payload before digits of it were hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedPayload {
    /// Its length, which is that of the masked one.
    pub bytes: usize,
    /// Its digest in hexadecimal digits.
    pub digest: String,
    /// Whether the digest is an HMAC-SHA-256 with the site's key, rather than a SHA-256.
    pub is_keyed: bool,
}

impl LetterMask {
    /// A copy of `record` with its card numbers hidden; `None` where there are none. Where one was refused
    /// (`holds_one`) and none is found, as it is dressed up, all of the payload is hidden that may be it.
    pub fn of(
        &self,
        source: &TopicPartition,
        record: &RawRecord<'_>,
        holds_one: bool,
    ) -> Option<MaskedRecord> {
        let payload = record.payload.and_then(card_numbers);
        let payload = payload.or_else(|| {
            let original = record.payload.filter(|_| holds_one);
            original.map(all_that_may_be_one)
        });
        let key = record.key.and_then(card_numbers);
        let headers = record.headers();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name, value, value.and_then(card_numbers)))
            .collect();
        let has_header = headers.iter().any(|(_, _, hidden)| hidden.is_some());
        let parts = [
            ("payload", payload.is_some()),
            ("key", key.is_some()),
            ("headers", has_header),
        ];
        let parts = parts
            .into_iter()
            .filter_map(|(name, is_hidden)| is_hidden.then_some(name));
        let parts = parts.collect::<Vec<_>>().join(",");
        if parts.is_empty() {
            return None;
        }
        let original = record.payload.filter(|_| payload.is_some());
        let mark = MaskMark {
            parts,
            payload: original.map(|original| self.digest(original)),
        };
        let mut batch = RawBatch::new(source.clone());
        let headers = headers.iter();
        batch.push(
            record.offset,
            record.timestamp_ms,
            key.as_deref().or(record.key),
            payload.as_deref().or(record.payload),
            headers.map(|(name, value, hidden)| (*name, hidden.as_deref().or(*value))),
        );
        Some(MaskedRecord { batch, mark })
    }

    fn digest(&self, payload: &[u8]) -> MaskedPayload {
        let keyed = self.key.as_ref().map(|key| key.hash(payload));
        let keyed = keyed.map(|hash| hash.iter().copied().map(char::from).collect());
        MaskedPayload {
            bytes: payload.len(),
            is_keyed: keyed.is_some(),
            digest: keyed.unwrap_or_else(|| sha256(payload)),
        }
    }
}

impl MaskedRecord {
    /// The record, with `*` for digits.
    pub fn record(&self) -> RawRecord<'_> {
        self.batch.get(0)
    }

    /// What its letter says of that.
    pub fn mark(&self) -> &MaskMark {
        &self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = br#"{"card":"4111111111111111","n":1}"#;

    fn raw(key: &[u8], payload: &[u8], header: &[u8]) -> RawBatch {
        let mut raw = RawBatch::new(TopicPartition::new("in", 0));
        raw.push(
            7,
            Some(5),
            Some(key),
            Some(payload),
            [("h", Some(header)), ("n", None)],
        );
        raw
    }

    #[test]
    fn digits_are_hidden_wherever_they_are_and_the_letter_says_so() {
        let raw = raw(b"4111111111111111", PAYLOAD, b"5500000000000004");
        let masked = LetterMask::default()
            .of(raw.source(), &raw.get(0), false)
            .unwrap();
        let record = masked.record();
        assert_eq!(
            record.payload,
            Some(&br#"{"card":"****************","n":1}"#[..])
        );
        assert_eq!(record.key, Some(&b"****************"[..]));
        assert_eq!(record.header("h"), Some(&b"****************"[..]));
        assert_eq!(record.headers().count(), 2);
        assert_eq!((record.offset, record.timestamp_ms), (7, Some(5)));
        assert_eq!(masked.mark().parts, "payload,key,headers");
        let payload = masked.mark().payload.clone().unwrap();
        assert_eq!(payload.bytes, PAYLOAD.len());
        assert_eq!((payload.digest, payload.is_keyed), (sha256(PAYLOAD), false));
    }

    #[test]
    fn a_site_with_a_key_has_keyed_digests() {
        let raw = raw(b"k", PAYLOAD, b"v");
        let key = CardKey::new("0123456789abcdef0123456789abcdef").unwrap();
        let mask = LetterMask {
            key: Some(key.clone()),
        };
        let masked = mask.of(raw.source(), &raw.get(0), false).unwrap();
        assert_eq!(masked.mark().parts, "payload");
        let payload = masked.mark().payload.clone().unwrap();
        assert_eq!(payload.digest.as_bytes(), key.hash(PAYLOAD));
        assert!(payload.is_keyed);
    }

    #[test]
    fn one_that_was_refused_in_disguise_is_hidden_with_all_that_may_be_it() {
        let raw = raw(b"k", br#"{"card":"4.111111111111111e15","n":1}"#, b"v");
        let masked = LetterMask::default().of(raw.source(), &raw.get(0), true);
        let masked = masked.unwrap();
        let payload = masked.record().payload.unwrap();
        assert_eq!(payload, br#"{"card":"*.******************","n":*}"#);
        assert_eq!(masked.mark().parts, "payload");
    }

    #[test]
    fn a_record_without_card_numbers_is_left_as_it_is() {
        let raw = raw(b"k", br#"{"event_time":1767600064966}"#, b"v");
        assert!(
            LetterMask::default()
                .of(raw.source(), &raw.get(0), false)
                .is_none()
        );
    }
}
