//! The `[decode.tokenise]` table.

use std::path::PathBuf;

use serde::Deserialize;
use tillwatch_records::card_key::CardKey;
use tillwatch_records::secret::WrittenSecret;

/// Where card numbers in clear are, and what makes tokens of them. For sites that have no tokens: where there
/// are some, map them to `card_token` instead.
///
/// ```toml
/// [decode.tokenise]
/// field = "cc_num"                     # any field, also one that may not be mapped elsewhere
/// secret_file = "card-key"             # or `secret`, or TILLWATCH__DECODE__TOKENISE__SECRET
///
/// [decode.tokenise.previous]           # for records from before the key was changed
/// secret_file = "card-key-2025"
/// until = "2026-07-01T00:00:00Z"
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokeniseSettings {
    /// The field that holds card numbers, by name or path as under `fields`.
    pub field: String,
    /// The key, of 32 to 1024 bytes. One of `secret` and `secret_file` is given.
    pub secret: Option<WrittenSecret>,
    /// A file that holds the key, whose white space at both ends does not count.
    pub secret_file: Option<PathBuf>,
    /// The key that was used before. Default: none.
    pub previous: Option<PreviousKeySettings>,
    /// The keys, which whoever reads the configuration gets from there: the current one, then the previous
    /// one. Without any, no plan is made.
    #[serde(skip)]
    pub keys: Vec<CardKey>,
}

/// The `[decode.tokenise.previous]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousKeySettings {
    /// As in `[decode.tokenise]`.
    pub secret: Option<WrittenSecret>,
    /// As in `[decode.tokenise]`.
    pub secret_file: Option<PathBuf>,
    /// The event time, as RFC 3339, from which on records have tokens of the current key.
    pub until: String,
}
