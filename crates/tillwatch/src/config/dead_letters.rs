//! `[dead_letters]`: what dead letters show of their records.

use serde::Deserialize;
use tillwatch_decode::DecodeSettings;
use tillwatch_sink::LetterMask;

/// `[dead_letters]` as written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLettersTable {
    /// Whether the digits of card numbers are hidden in them. Default: `"masked"`.
    payload: LetterPayload,
}

/// What a dead letter holds of its record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LetterPayload {
    /// Its bytes, with `*` for the digits of card numbers.
    #[default]
    Masked,
    /// Its bytes.
    Raw,
}

impl DeadLettersTable {
    /// What hides card numbers, unless nobody shall. Digests are keyed as tokens are, where there are some.
    pub fn mask(self, decode: &DecodeSettings) -> Option<LetterMask> {
        let keys = decode.tokenise.iter().flat_map(|tokenise| &tokenise.keys);
        let key = keys.into_iter().next().cloned();
        match self.payload {
            LetterPayload::Masked => Some(LetterMask { key }),
            LetterPayload::Raw => None,
        }
    }
}
