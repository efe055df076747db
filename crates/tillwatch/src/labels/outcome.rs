//! Whether a row is fraud, read without looking at the rest of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// A row says something else than an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the label is none of 0, 1, false, true and null")]
pub struct NoOutcome;

/// Reads the outcome of rows from one of their fields.
#[derive(Debug)]
pub struct Outcome {
    column: String,
}

impl Outcome {
    /// Reads it from `column`.
    pub fn new(column: &str) -> Self {
        Self {
            column: column.to_owned(),
        }
    }

    /// The column that it is read from.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// Whether the row, a JSON object, is fraud; `None` where nobody knows: the field is absent, null,
    /// empty or not a number.
    ///
    /// # Errors
    /// A row that is no JSON object, or holds something else than 0 and 1, false and true. It is not said
    /// what, as the column may be the wrong one.
    pub fn of(&self, row: &[u8]) -> Result<Option<bool>, NoOutcome> {
        let mut json = serde_json::Deserializer::from_slice(row);
        let found = json.deserialize_map(Field(&self.column));
        match found.map_err(|_| NoOutcome)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(is_fraud)) => Ok(Some(is_fraud)),
            Some(Value::Number(number)) => match number.as_f64() {
                Some(0.0) => Ok(Some(false)),
                Some(1.0) => Ok(Some(true)),
                _ => Err(NoOutcome),
            },
            Some(Value::String(text)) => spelt(&text),
            Some(Value::Array(_) | Value::Object(_)) => Err(NoOutcome),
        }
    }
}

/// A text as it comes from CSV, a data frame or a database.
fn spelt(text: &str) -> Result<Option<bool>, NoOutcome> {
    let text = text.trim();
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["", "null", "nan", "none", "<na>", "\\n"]) {
        return Ok(None);
    }
    if is(&["true", "t"]) {
        return Ok(Some(true));
    }
    if is(&["false", "f"]) {
        return Ok(Some(false));
    }
    // `1.0`, `01`, `+1`, `1e0`: but not what only rounds to it.
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Some(false)),
        Ok(1.0) => Ok(Some(true)),
        _ => Err(NoOutcome),
    }
}

/// Picks the value of one field out of an object; the last one where it is there twice.
struct Field<'a>(&'a str);

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_one_are_read_in_all_their_spellings() {
        let of =
            |value: &str| Outcome::new("y").of(format!("{{\"x\":2,\"y\":{value}}}").as_bytes());
        for value in [
            "1", "1.0", "true", "\"1\"", "\"1.0\"", "\"True\"", "\"TRUE\"", "\" 1 \"", "\"t\"",
            "1e0",
        ] {
            assert_eq!(of(value), Ok(Some(true)), "{value}");
        }
        for value in [
            "0",
            "0.0",
            "-0.0",
            "false",
            "\"0\"",
            "\"0.0\"",
            "\"False\"",
            "\"f\"",
            "\"00\"",
        ] {
            assert_eq!(of(value), Ok(Some(false)), "{value}");
        }
        for value in [
            "null",
            "\"\"",
            "\"NaN\"",
            "\"None\"",
            "\"<NA>\"",
            "\"NULL\"",
            "\"\\\\N\"",
        ] {
            assert_eq!(of(value), Ok(None), "{value}");
        }
        for value in [
            "2",
            "0.2",
            "-1",
            "\"yes\"",
            "\"4111111111111111\"",
            "[1]",
            "{}",
            "\"1.0000000001\"",
        ] {
            assert_eq!(of(value), Err(NoOutcome), "{value}");
        }
        assert_eq!(Outcome::new("y").of(b"{}"), Ok(None));
        assert_eq!(Outcome::new("y").of(b"not json"), Err(NoOutcome));
    }
}
