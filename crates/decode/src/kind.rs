//! Which kind of record it is.

use std::collections::BTreeMap;

use tillwatch_records::{RawRecord, RecordKind};

use crate::refusal::{Fault, RefusalReason};
use crate::row::word;
use crate::settings::RecordType;
use crate::token::{Coding, Fields, Token};

/// How the kind of a record is told.
#[derive(Debug)]
pub(crate) struct KindRule {
    /// Slot of the field that holds it.
    pub(crate) slot: Option<u16>,
    pub(crate) header: Option<String>,
    /// The site's words, then ours.
    pub(crate) words: Vec<(Box<[u8]>, RecordType)>,
    pub(crate) topics: BTreeMap<String, RecordType>,
    pub(crate) default: RecordType,
    pub(crate) ignores_tombstones: bool,
    /// Whether some record may be ignored.
    pub(crate) ignores: bool,
}

impl KindRule {
    /// The type that the record itself tells, if it tells any.
    pub(crate) fn of<C: Coding>(
        &self,
        record: &RawRecord<'_>,
        fields: Fields<'_>,
    ) -> Result<Option<RecordType>, Fault> {
        if let Some(slot) = self.slot {
            return self.of_token::<C>(fields.tokens[usize::from(slot)], fields.bytes);
        }
        match self.header.as_deref().and_then(|name| record.header(name)) {
            Some(word) => self.of_word(word).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the record is ignored before anybody looks at its payload, which may then be anything.
    /// `of_topic` is the type of records that do not tell it themselves.
    #[inline]
    pub(crate) fn ignores_unread(&self, record: &RawRecord<'_>, of_topic: RecordType) -> bool {
        self.ignores && self.is_told_unread(record, of_topic)
    }

    #[cold]
    fn is_told_unread(&self, record: &RawRecord<'_>, of_topic: RecordType) -> bool {
        if record.payload.is_none() && self.ignores_tombstones {
            return true;
        }
        if self.slot.is_some() {
            return false;
        }
        let told = self.header.as_deref().and_then(|name| record.header(name));
        let told = told.map_or(Ok(of_topic), |word| self.of_word(word));
        told == Ok(RecordType::Ignored)
    }

    /// The type of records of `topic` that do not tell it themselves.
    pub(crate) fn of_topic(&self, topic: &str) -> RecordType {
        self.topics.get(topic).copied().unwrap_or(self.default)
    }

    /// Whether some record may be of `kind`.
    pub(crate) fn may_be(&self, kind: RecordKind) -> bool {
        self.slot.is_some()
            || self.header.is_some()
            || self.default.kind() == Some(kind)
            || self
                .topics
                .values()
                .any(|of_topic| of_topic.kind() == Some(kind))
    }

    fn of_token<C: Coding>(&self, token: Token, bytes: &[u8]) -> Result<Option<RecordType>, Fault> {
        let mut written = Vec::new();
        let word = match token {
            Token::Absent | Token::Null => return Ok(None),
            Token::Composite | Token::Bytes(_) => return Err(unknown()),
            Token::Text(span) | Token::Decimal(span) => span.of(bytes),
            Token::Boolean(value) => word(value),
            Token::Coded(span) => {
                C::decode(span.of(bytes), &mut written).map_err(|_| unknown())?;
                &written
            }
            Token::Integer(_) | Token::Float(_) | Token::TimeMs(_) => {
                token.write_digits(&mut written);
                &written
            }
        };
        self.of_word(word).map(Some)
    }

    fn of_word(&self, word: &[u8]) -> Result<RecordType, Fault> {
        let found = self.words.iter().find(|(known, _)| **known == *word);
        found.map(|(_, kind)| *kind).ok_or_else(unknown)
    }
}

fn unknown() -> Fault {
    let what = "the record type is not a mapped word";
    Fault::new(RefusalReason::UNKNOWN_RECORD_TYPE, what)
}
