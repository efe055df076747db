//! Reading TOML and JSON files with errors that help.

use serde::de::DeserializeOwned;
use tillwatch_records::limits::CONFIG_BYTES_MAX;
use tillwatch_records::misspelt;

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
        let written = toml::Deserializer::parse(text);
        let hint = written.map_or_else(|_| String::new(), misspelt::hint::<T>);
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
        let hint = misspelt::hint::<T>(&mut serde_json::Deserializer::from_str(text));
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
