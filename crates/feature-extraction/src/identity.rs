//! How event ids, and what records say, become the numbers that are kept of them.
//!
//! Ids are chosen by terminals. Whoever can compute the hash of an id can look for another id with the same
//! hash, or for many that fall onto one place of a table. So ids are hashed by SipHash-1-3, which is made for
//! that, under a key that is made of the site's secret. A site without a secret has a key that everybody can
//! compute.

use std::fmt;
use std::hash::Hasher;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher13;
use tillwatch_records::RecordKind;

/// Least length of a secret in bytes: shorter ones can be found by trying.
pub const ID_SECRET_BYTES_MIN: usize = 16;

/// Most bytes of a secret: longer ones protect no better.
pub const ID_SECRET_BYTES_MAX: usize = 1024;

/// Bytes of a key of SipHash.
const KEY_BYTES: usize = 16;

/// What the key is made for, so that the same secret elsewhere gives another key.
const PURPOSE: &[u8] = b"tillwatch event ids\0";

/// What the public part of a fingerprint is made for.
const FINGERPRINT: &[u8] = b"tillwatch state under a secret\0";

/// A secret of the site that event ids are hashed with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct IdSecret(Box<[u8]>);

/// Why a text is no secret. It does not say what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret has {ID_SECRET_BYTES_MIN} to {ID_SECRET_BYTES_MAX} bytes; make one with \
     `openssl rand -hex 32`"
)]
pub struct IdSecretError;

impl IdSecret {
    /// A secret of [`ID_SECRET_BYTES_MIN`] to [`ID_SECRET_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// The text is shorter or longer.
    pub fn new(text: &str) -> Result<Self, IdSecretError> {
        let lengths = ID_SECRET_BYTES_MIN..=ID_SECRET_BYTES_MAX;
        match lengths.contains(&text.len()) {
            true => Ok(Self(text.as_bytes().into())),
            false => Err(IdSecretError),
        }
    }
}

impl fmt::Debug for IdSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSecret(hidden)")
    }
}

/// What a record says besides its id and its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) amount: Option<i64>,
    pub(crate) texts: [Option<&'a str>; 2],
}

/// Hashes ids and contents under one secret.
#[derive(Clone)]
pub(crate) struct IdHasher {
    ids: SipHasher13,
    contents: SipHasher13,
    fingerprint: u64,
}

impl IdHasher {
    /// Under the key of `secret`; without one, under a key that is no secret.
    pub(crate) fn new(secret: Option<&IdSecret>) -> Self {
        let digest = |purpose: &[u8]| {
            let mut digest = Sha256::new();
            digest.update(purpose);
            // A site without a secret and one whose secret is empty text would be the same; there is none.
            digest.update(secret.map_or(&[][..], |secret| &secret.0));
            digest.finalize()
        };
        let keys = digest(PURPOSE);
        let word = |bytes: &[u8]| {
            let mut word = [0; size_of::<u64>()];
            word.copy_from_slice(&bytes[..size_of::<u64>()]);
            u64::from_le_bytes(word)
        };
        let hasher =
            |at: usize| SipHasher13::new_with_keys(word(&keys[at..]), word(&keys[at + 8..]));
        Self {
            ids: hasher(0),
            contents: hasher(KEY_BYTES),
            fingerprint: word(&digest(FINGERPRINT)),
        }
    }

    /// Hash of an event id; never 0.
    #[inline]
    pub(crate) fn id(&self, id: &[u8]) -> u64 {
        self.ids.hash(id).max(1)
    }

    /// Hash of what a record says. Two that differ are taken for the same once in four billion.
    #[inline]
    pub(crate) fn content(&self, content: &Content<'_>) -> u32 {
        let [first, second] = content.texts;
        // The length of the first text says where the second begins; where that ends, all ends.
        let length = first.map_or(0, |text| text.len() as u64 + 1);
        let present = u64::from(content.amount.is_some()) | u64::from(second.is_some()) << 1;
        let mut hasher = self.contents;
        hasher.write_u64(content.kind as u64 | present << 8 | length << 16);
        hasher.write_u64(content.amount.unwrap_or(0).cast_unsigned());
        for text in [first, second].into_iter().flatten() {
            hasher.write(text.as_bytes());
        }
        hasher.finish() as u32
    }

    /// What one content of an id in one second is kept under; never 0.
    pub(crate) fn of_content(&self, id: u64, second: i64, content: u32) -> u64 {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&id.to_le_bytes());
        bytes[8..16].copy_from_slice(&second.to_le_bytes());
        bytes[16..].copy_from_slice(&content.to_le_bytes());
        self.ids.hash(&bytes).max(1)
    }

    /// Differs where the secret does, and does not tell it.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl fmt::Debug for IdHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys.
        f.write_str("IdHasher(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    #[test]
    fn a_secret_changes_every_hash_and_is_not_shown() {
        let secret = IdSecret::new(SECRET).unwrap();
        let (open, closed) = (IdHasher::new(None), IdHasher::new(Some(&secret)));
        assert_ne!(open.id(b"e1"), closed.id(b"e1"));
        let content = Content {
            kind: RecordKind::Transaction,
            amount: None,
            texts: [None, Some("c")],
        };
        assert_ne!(open.content(&content), closed.content(&content));
        assert_ne!(open.of_content(1, 2, 3), closed.of_content(1, 2, 3));
        assert_ne!(open.fingerprint(), closed.fingerprint());
        let again = IdHasher::new(Some(&IdSecret::new(SECRET).unwrap()));
        assert_eq!(again.id(b"e1"), closed.id(b"e1"));
        assert_eq!(again.fingerprint(), closed.fingerprint());
        let keys = [closed.ids.keys(), closed.contents.keys()];
        assert_ne!(keys[0], keys[1]);
        for shown in [format!("{secret:?}"), format!("{closed:?}")] {
            assert!(!shown.contains(SECRET), "{shown}");
            for key in keys.iter().flat_map(|(low, high)| [low, high]) {
                assert!(!shown.contains(&key.to_string()), "{shown}");
            }
        }
    }

    #[test]
    fn contents_that_differ_in_one_part_have_different_hashes() {
        let kinds = [
            RecordKind::Transaction,
            RecordKind::TerminalEvent,
            RecordKind::Label,
        ];
        let amounts = [None, Some(0), Some(1), Some(-1)];
        let texts = ["", "E", "EUR", "EURc", "c", "EUREURcard-000000000000000042"];
        let texts = || std::iter::once(None).chain(texts.map(Some));
        let mut contents = Vec::new();
        for kind in kinds {
            for amount in amounts {
                for first in texts() {
                    contents.extend(texts().map(|second| Content {
                        kind,
                        amount,
                        texts: [first, second],
                    }));
                }
            }
        }
        let hasher = IdHasher::new(None);
        let mut hashes: Vec<u32> = contents.iter().map(|c| hasher.content(c)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), contents.len());
    }

    #[test]
    fn a_secret_that_can_be_found_by_trying_is_refused_without_being_shown() {
        for text in ["", "short-secret", &"x".repeat(1025)] {
            let error = IdSecret::new(text).unwrap_err().to_string();
            assert!(error.contains("16 to 1024 bytes"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
