//! The key of card tokens, and the keyed hash that it makes.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// A secret of the site that card numbers become tokens with (PCI DSS 4.0, 3.5.1.1). It is nowhere shown.
#[derive(Clone)]
pub struct CardKey {
    /// At least [`CARD_KEY_BYTES_MIN`], at most [`CARD_KEY_BYTES_MAX`].
    bytes: Box<[u8]>,
    /// With the key taken in, to be copied for each hash.
    mac: Hmac<Sha256>,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key has {CARD_KEY_BYTES_MIN} to {CARD_KEY_BYTES_MAX} bytes, and this one has {found}; make one with \
     `openssl rand -hex 32`"
)]
pub struct CardKeyError {
    found: usize,
}

/// A key that is shorter could be guessed: HMAC-SHA-256 is as strong as its key up to 32 bytes
/// (NIST SP 800-107, 5.3.4).
pub const CARD_KEY_BYTES_MIN: usize = 32;

/// Longer ones add nothing, and are most likely another file.
pub const CARD_KEY_BYTES_MAX: usize = 1024;

/// Hexadecimal digits of a keyed hash.
pub const KEYED_HASH_DIGITS: usize = 64;

impl CardKey {
    /// The key whose bytes are those of `text`, without the blanks around it.
    ///
    /// # Errors
    /// It is too short or too long.
    pub fn new(text: &str) -> Result<Self, CardKeyError> {
        let bytes = text.trim().as_bytes();
        let found = bytes.len();
        if !(CARD_KEY_BYTES_MIN..=CARD_KEY_BYTES_MAX).contains(&found) {
            return Err(CardKeyError { found });
        }
        Ok(Self {
            bytes: bytes.into(),
            mac: keyed(bytes),
        })
    }

    /// What tells the key from another one, and nothing more: 8 hexadecimal digits.
    pub fn check_value(&self) -> String {
        let hash = self.hash(b"tillwatch key check value");
        hash.iter().take(8).copied().map(char::from).collect()
    }

    /// The HMAC-SHA-256 of `bytes` (RFC 2104) in small hexadecimal digits, as `openssl dgst -sha256 -hmac`
    /// prints it.
    pub fn hash(&self, bytes: &[u8]) -> [u8; KEYED_HASH_DIGITS] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.mac.clone();
        mac.update(bytes);
        let mut hash = [0; KEYED_HASH_DIGITS];
        for (pair, byte) in hash.chunks_exact_mut(2).zip(mac.finalize().into_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hash
    }
}

/// A key longer than a block of SHA-256 is its hash, as RFC 2104 says.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    const BLOCK_BYTES: usize = 64;
    let mut block = [0; BLOCK_BYTES];
    if let Some(start) = block.get_mut(..key.len()) {
        start.copy_from_slice(key);
    } else {
        let hash = Sha256::digest(key);
        block[..hash.len()].copy_from_slice(&hash);
    }
    Hmac::new(&block.into())
}

impl PartialEq for CardKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for CardKey {}

impl fmt::Debug for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &str) -> String {
        let hash = CardKey::new(key).unwrap().hash(b"4111111111111111");
        String::from_utf8(hash.to_vec()).unwrap()
    }

    #[test]
    fn a_hash_is_the_hmac_of_the_digits() {
        // `printf 4111111111111111 | openssl dgst -sha256 -hmac KEY`
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(
            hash(key),
            "7b7e6cb2715c7b1c37110f035123abd3fe93c04fa302da2946c4bd9342d2fd2c"
        );
        assert_eq!(
            hash(&format!(" {key}\n")),
            "7b7e6cb2715c7b1c37110f035123abd3fe93c04fa302da2946c4bd9342d2fd2c"
        );
        // Longer than a block.
        let long: String = (1..=60).map(|number| number.to_string()).collect();
        assert_eq!(
            hash(&long),
            "0673b1967e44ef5eab1ab80f69ffdd8800709cfc1085428a5876ffb930ece286"
        );
    }

    #[test]
    fn a_key_is_long_enough_and_not_shown() {
        let error = CardKey::new("0123456789").unwrap_err().to_string();
        assert!(error.contains("this one has 10"), "{error}");
        assert!(!error.contains("0123456789"), "{error}");
        assert!(CardKey::new(&"k".repeat(1025)).is_err());
        let shown = format!("{:?}", CardKey::new(&"k".repeat(32)).unwrap());
        assert_eq!(shown, "CardKey(hidden)");
        let values = ["k", "l"].map(|key| CardKey::new(&key.repeat(32)).unwrap().check_value());
        assert!(values.iter().all(|value| value.len() == 8));
        assert_ne!(values[0], values[1]);
    }
}
