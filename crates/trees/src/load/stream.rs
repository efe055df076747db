//! What JSON and UBJSON have in common: a stream of values, read one by one, nothing kept.

use std::borrow::Cow;

use crate::error::TreeError;

/// Arrays and objects within one another; XGBoost's models have 7. Nothing recurses, this bounds the
/// stack of what is open.
pub(super) const DEPTH_MAX: usize = 64;

/// Characters of a text from a file that an error repeats.
const QUOTE_CHARACTERS_MAX: usize = 40;

/// The start of a value, or all of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// [`Stream::key`] gives what is in it.
    Object,
    /// [`Stream::item`] says whether a value follows.
    Array,
    Text(Cow<'a, str>),
    Number(Number<'a>),
    Null,
}

/// A number as it is written. True is 1, false is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number<'a> {
    Text(&'a str),
    Integer(i64),
    Single(f32),
    Double(f64),
}

/// What a number is wanted as.
pub(super) trait FromNumber: Sized {
    /// In words, for errors.
    const KIND: &'static str;

    /// The number, if it is one of this type; decimals are rounded once.
    fn from_number(number: Number<'_>) -> Option<Self>;
}

/// A stream of values. After [`Token::Object`] ask for keys until there is none, reading one value per
/// key; after [`Token::Array`] ask for items likewise.
pub(super) trait Stream<'a> {
    /// Reads a value, or the start of one.
    fn value(&mut self) -> Result<Token<'a>, TreeError>;

    /// The next key of the object that was entered last; none at its end, which leaves it.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>, TreeError>;

    /// Whether the array that was entered last has another item; if not, it is left.
    fn item(&mut self) -> Result<bool, TreeError>;

    /// Fails if anything follows the first value.
    fn end(&mut self) -> Result<(), TreeError>;

    /// Reads an object, giving every key to `field`, which reads or skips the value.
    fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &str) -> Result<(), TreeError>,
    ) -> Result<(), TreeError>
    where
        Self: Sized,
    {
        match self.value()? {
            Token::Object => {}
            _ => return Err(fault("is not an object")),
        }
        while let Some(key) = self.key()? {
            field(self, &key).map_err(|error| error.within(&format!("`{}`", quote(&key))))?;
        }
        Ok(())
    }

    /// Reads an array, calling `item` for each position.
    fn array(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), TreeError>,
    ) -> Result<(), TreeError>
    where
        Self: Sized,
    {
        match self.value()? {
            Token::Array => {}
            _ => return Err(fault("is not an array")),
        }
        let mut position = 0;
        while self.item()? {
            item(self, position)?;
            position += 1;
        }
        Ok(())
    }

    /// Reads an array of at most `max` numbers.
    fn numbers<T: FromNumber>(&mut self, max: usize) -> Result<Vec<T>, TreeError>
    where
        Self: Sized,
    {
        let mut numbers = Vec::new();
        self.array(|stream, position| {
            if position == max {
                return Err(TreeError::TooLarge {
                    what: "items".to_owned(),
                    found: position + 1,
                    max,
                });
            }
            let number = match stream.value()? {
                Token::Number(number) => T::from_number(number),
                _ => None,
            };
            numbers
                .push(number.ok_or_else(|| fault(&format!("item {position} is not {}", T::KIND)))?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Reads a text; numbers become their text, which formats vary in.
    fn text(&mut self) -> Result<String, TreeError> {
        match self.value()? {
            Token::Text(text) => Ok(text.into_owned()),
            Token::Number(Number::Text(number)) => Ok(number.to_owned()),
            Token::Number(Number::Integer(number)) => Ok(number.to_string()),
            Token::Number(Number::Single(number)) => Ok(number.to_string()),
            Token::Number(Number::Double(number)) => Ok(number.to_string()),
            _ => Err(fault("is not a text")),
        }
    }

    /// Reads a number.
    fn number<T: FromNumber>(&mut self) -> Result<T, TreeError> {
        match self.value()? {
            Token::Number(number) => T::from_number(number),
            _ => None,
        }
        .ok_or_else(|| fault(&format!("is not {}", T::KIND)))
    }

    /// Reads a value and forgets it.
    fn skip(&mut self) -> Result<(), TreeError> {
        let mut open = Vec::new();
        loop {
            match self.value()? {
                Token::Object => open.push(true),
                Token::Array => open.push(false),
                _ => {}
            }
            loop {
                let more = match open.last() {
                    None => return Ok(()),
                    Some(true) => self.key()?.is_some(),
                    Some(false) => self.item()?,
                };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }
}

/// A malformed file.
pub(super) fn fault(message: &str) -> TreeError {
    TreeError::Format(message.to_owned())
}

/// The beginning of `text`, for an error.
pub(super) fn quote(text: &str) -> String {
    text.chars()
        .take(QUOTE_CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect()
}

impl Number<'_> {
    fn integer(self) -> Option<i64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Integer(integer) => Some(integer),
            Self::Single(_) | Self::Double(_) => None,
        }
    }
}

impl FromNumber for f32 {
    const KIND: &'static str = "a 32-bit number";

    fn from_number(number: Number<'_>) -> Option<Self> {
        match number {
            Number::Text(text) => text.parse().ok(),
            Number::Integer(integer) => Some(integer as Self),
            Number::Single(single) => Some(single),
            // XGBoost has no doubles: whoever wrote one had a single.
            Number::Double(double) => Some(double as Self),
        }
    }
}

impl FromNumber for f64 {
    const KIND: &'static str = "a number";

    fn from_number(number: Number<'_>) -> Option<Self> {
        match number {
            Number::Text(text) => text.parse().ok(),
            Number::Integer(integer) => Some(integer as Self),
            Number::Single(single) => Some(single.into()),
            Number::Double(double) => Some(double),
        }
    }
}

impl FromNumber for i64 {
    const KIND: &'static str = "an integer";

    fn from_number(number: Number<'_>) -> Option<Self> {
        number.integer()
    }
}

impl FromNumber for i32 {
    const KIND: &'static str = "a 32-bit integer";

    fn from_number(number: Number<'_>) -> Option<Self> {
        number.integer()?.try_into().ok()
    }
}

impl FromNumber for u8 {
    const KIND: &'static str = "an integer from 0 to 255";

    fn from_number(number: Number<'_>) -> Option<Self> {
        number.integer()?.try_into().ok()
    }
}
