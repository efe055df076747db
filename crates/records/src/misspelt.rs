//! Misspelt names in files that people write.
//!
//! A format tells of an unknown name in words alone. So a text that was refused is read once more, as a tree,
//! by a deserializer whose errors keep the name.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use crate::suggest::did_you_mean;

/// What to say beside the error of a text that is no `T`: the known name that is nearest to the unknown field
/// or variant, where that is what is wrong with it and a name is near, else nothing. `written` is the text's
/// deserializer.
pub fn hint<'de, T: DeserializeOwned>(written: impl Deserializer<'de>) -> String {
    let Ok(tree) = Tree::deserialize(written) else {
        return String::new();
    };
    match T::deserialize(&tree) {
        Err(Fault::Unknown { given, known }) => did_you_mean(&given, known.iter().copied()),
        Err(Fault::Other) | Ok(_) => String::new(),
    }
}

/// What stands in a text, in its order.
#[derive(Debug)]
enum Tree {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

/// Why a tree is no value of a type.
#[derive(Debug)]
enum Fault {
    /// A field or variant that the type does not have.
    Unknown {
        given: String,
        known: &'static [&'static str],
    },
    Other,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = table.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Table(entries))
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Signed(value) => visitor.visit_i64(*value),
            Tree::Unsigned(value) => visitor.visit_u64(*value),
            Tree::Float(value) => visitor.visit_f64(*value),
            Tree::Text(value) => visitor.visit_borrowed_str(value),
            Tree::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Tree::Table(entries) => visitor.visit_map(fields(entries)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Tree::Text(name) => visitor.visit_enum(name.as_str().into_deserializer()),
            Tree::Table(entries) => visitor.visit_enum(MapAccessDeserializer::new(fields(entries))),
            _ => Err(Fault::Other),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for &'de Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Error for Fault {
    fn custom<M: fmt::Display>(_message: M) -> Self {
        Self::Other
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Unknown {
            given: field.to_owned(),
            known: expected,
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_field(variant, expected)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { given, .. } => write!(f, "unknown name `{given}`"),
            Self::Other => f.write_str("the value is of another type"),
        }
    }
}

fn fields(
    entries: &[(String, Tree)],
) -> MapDeserializer<'_, impl Iterator<Item = (&str, &Tree)>, Fault> {
    MapDeserializer::new(entries.iter().map(|(name, value)| (name.as_str(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Outer {
        count: u32,
        inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Inner {
        colour: Colour,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Green,
        Yellow,
    }

    fn text(text: &str) -> Tree {
        Tree::Text(text.to_owned())
    }

    fn table(entries: impl IntoIterator<Item = (&'static str, Tree)>) -> Tree {
        let entries = entries.into_iter();
        Tree::Table(
            entries
                .map(|(name, tree)| (name.to_owned(), tree))
                .collect(),
        )
    }

    fn inner(inner: Tree) -> Tree {
        let list = Tree::List(vec![table([("colour", text("green"))]), inner]);
        table([("count", Tree::Signed(1)), ("inner", list)])
    }

    #[test]
    fn a_misspelt_name_is_found_at_any_depth() {
        let hint = |tree: Tree| hint::<Outer>(&tree);
        assert_eq!(
            hint(table([("cuont", Tree::Unsigned(1))])),
            "; did you mean `count`?"
        );
        assert_eq!(
            hint(inner(table([("color", text("green"))]))),
            "; did you mean `colour`?"
        );
        assert_eq!(
            hint(inner(table([("colour", text("yelow"))]))),
            "; did you mean `yellow`?"
        );
    }

    #[test]
    fn what_is_wrong_in_another_way_has_no_hint() {
        let hint = |tree: Tree| hint::<Outer>(&tree);
        assert_eq!(hint(table([("zzz", Tree::Null)])), "");
        assert_eq!(
            hint(table([(
                "count",
                text("unknown field `cuont`, expected `count`")
            )])),
            ""
        );
        assert_eq!(hint(table([("count", Tree::Float(0.5))])), "");
        assert_eq!(hint(inner(table([("colour", text("green"))]))), "");
    }
}
