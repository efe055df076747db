//! Whether a row is fraud, read without looking at the rest of it.

use std::borrow::Cow;
use std::fmt;

use anyhow::{Context as _, Result, bail};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

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

    /// Whether the row, a JSON object, is fraud; `None` where nobody knows: the field is absent or
    /// null.
    pub fn of(&self, row: &[u8]) -> Result<Option<bool>> {
        let mut json = serde_json::Deserializer::from_slice(row);
        let found = json
            .deserialize_map(Field(&self.column))
            .context("it is not a JSON object")?;
        match found {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(is_fraud)) => Ok(Some(is_fraud)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(other) => bail!(
                "column `{}` holds {other}, which is no 0/1 or true/false",
                self.column
            ),
        }
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
