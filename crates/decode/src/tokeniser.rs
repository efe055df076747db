//! Card numbers to tokens: keyed hashes of the whole number.

use tillwatch_records::card_key::{CardKey, KEYED_HASH_DIGITS};

/// Makes tokens. The same number gives the same token as long as the key is the same.
#[derive(Debug)]
pub(crate) struct Tokeniser {
    current: CardKey,
    /// For records before this time, in milliseconds since 1970.
    previous: Option<(CardKey, i64)>,
}

impl Tokeniser {
    /// With `current`, and for records whose event time is before the given one with `previous`.
    pub(crate) fn new(current: CardKey, previous: Option<(CardKey, i64)>) -> Self {
        Self { current, previous }
    }

    /// The token of a record of this event time. One without a time is of the current key.
    pub(crate) fn token(
        &self,
        digits: &[u8],
        event_time_ms: Option<i64>,
    ) -> [u8; KEYED_HASH_DIGITS] {
        let is_before = |until_ms: i64| event_time_ms.is_some_and(|time_ms| time_ms < until_ms);
        let previous = self.previous.as_ref();
        let previous = previous.filter(|(_, until_ms)| is_before(*until_ms));
        previous.map_or(&self.current, |(key, _)| key).hash(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_before_the_change_have_tokens_of_the_key_before() {
        let new = CardKey::new("0123456789abcdef0123456789abcdef").unwrap();
        let old = CardKey::new("fedcba9876543210fedcba9876543210").unwrap();
        let number = b"4111111111111111";
        let both = Tokeniser::new(new.clone(), Some((old.clone(), 1_000)));
        assert_eq!(both.token(number, Some(999)), old.hash(number));
        assert_eq!(both.token(number, Some(1_000)), new.hash(number));
        assert_eq!(both.token(number, None), new.hash(number));
        assert_ne!(new.hash(number), old.hash(number));
    }
}
