//! Reading TOML and JSON files with errors that help.

use serde::de::DeserializeOwned;
use tillwatch_records::limits::CONFIG_BYTES_MAX;
use tillwatch_records::suggest::did_you_mean;

use crate::error::ScoringError;

/// Reads the TOML text of `file`; an unknown key is refused with the nearest known one.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ScoringError> {
    if text.len() > CONFIG_BYTES_MAX {
        let message = format!(
            "has {} bytes, at most {CONFIG_BYTES_MAX} are read",
            text.len()
        );
        return Err(ScoringError::file(file, message));
    }
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.bytes().filter(|byte| *byte == b'\n').count() + 1
        });
        let hint = unknown_field_hint(error.message());
        ScoringError::file(file, format!("line {line}: {}{hint}", error.message()))
    })
}

/// As [`read_toml`], of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ScoringError> {
    if text.len() > CONFIG_BYTES_MAX {
        let message = format!(
            "has {} bytes, at most {CONFIG_BYTES_MAX} are read",
            text.len()
        );
        return Err(ScoringError::file(file, message));
    }
    serde_json::from_str(text).map_err(|error| {
        // It ends with line and column.
        let message = error.to_string();
        let hint = unknown_field_hint(&message);
        ScoringError::file(file, format!("{message}{hint}"))
    })
}

/// The bytes of `file` as text.
pub(crate) fn utf8<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, ScoringError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("is not UTF-8 text from byte {} on", error.valid_up_to());
        ScoringError::file(file, message)
    })
}

/// serde lists the fields it knows in backticks, the unknown one first.
fn unknown_field_hint(message: &str) -> String {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return String::new();
    }
    let mut names = message.split('`').skip(1).step_by(2);
    match names.next() {
        Some(given) => did_you_mean(given, names),
        None => String::new(),
    }
}
