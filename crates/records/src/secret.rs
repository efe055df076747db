//! Secrets as settings hold them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A secret before it is checked: checked while the settings are read, an error would show the line that it
/// stands on. It is nowhere shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenSecret {
    /// `None` where it is no text.
    pub text: Option<String>,
}

impl fmt::Debug for WrittenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrittenSecret(hidden)")
    }
}

impl<'de> Deserialize<'de> for WrittenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

/// Takes whatever stands there, so that no error is made of it.
struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = WrittenSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WrittenSecret, E> {
        let text = Some(text.to_owned());
        Ok(WrittenSecret { text })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<WrittenSecret, E> {
        Ok(WrittenSecret { text: None })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WrittenSecret, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(WrittenSecret { text: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<WrittenSecret, A::Error> {
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(WrittenSecret { text: None })
    }
}
