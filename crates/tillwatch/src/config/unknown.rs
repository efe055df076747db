//! Names in a configuration that mean nothing, with the nearest that means something.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use tillwatch_records::suggest::did_you_mean;
use toml::{Table, Value};

/// The nearest known name, in words, where `table` is no `T` for a name that is not known: of a
/// key, or of one of the values that a key may have. Empty where it is no `T` for another reason.
pub fn hint<T: DeserializeOwned>(table: &Table) -> String {
    let read = T::deserialize(entries(table));
    match read.err() {
        Some(Problem::Unknown { given, known }) => did_you_mean(&given, known.iter().copied()),
        _ => String::new(),
    }
}

/// Why a value cannot be read.
#[derive(Debug)]
enum Problem {
    Unknown {
        given: String,
        known: &'static [&'static str],
    },
    Other,
}

impl Error for Problem {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_field(given: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown {
            given: given.to_owned(),
            known,
        }
    }

    fn unknown_variant(given: &str, known: &'static [&'static str]) -> Self {
        Self::unknown_field(given, known)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value cannot be read")
    }
}

/// A value that is read to see what is wrong with it.
#[derive(Clone, Copy)]
struct Probe<'a>(&'a Value);

impl<'de> IntoDeserializer<'de, Problem> for Probe<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Probe<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Boolean(value) => visitor.visit_bool(*value),
            // No key of a configuration takes a date.
            Value::Datetime(_) => Err(Problem::Other),
            Value::Array(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.iter().map(Probe)))
            }
            Value::Table(table) => visitor.visit_map(entries(table)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Table(table) => visitor.visit_enum(MapAccessDeserializer::new(entries(table))),
            _ => Err(Problem::Other),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The entries of a table.
type Entries<'a> =
    MapDeserializer<'a, Box<dyn Iterator<Item = (&'a str, Probe<'a>)> + 'a>, Problem>;

fn entries(table: &Table) -> Entries<'_> {
    let entries = table
        .iter()
        .map(|(key, value)| (key.as_str(), Probe(value)));
    MapDeserializer::new(Box::new(entries))
}
