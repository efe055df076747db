//! A cursor over JSON text (RFC 8259) that checks every byte it passes.
//!
//! Hand-written rather than taken from a parser library, for two reasons: number text must survive
//! exactly (decimal amounts, codes sent as numbers), and skipping what is not mapped while
//! predicting the field order costs a fraction of a general parse.

use tillwatch_records::limits::JSON_DEPTH_MAX;

use super::reason::{BAD_JSON, TOO_DEEP};
use crate::refusal::Fault;

/// A string without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct StringSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// A position in a payload that is known to be UTF-8.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    /// Never beyond the end.
    pub(super) at: usize,
    /// Whether [`NO_NUMBERS`] are values.
    takes_nan: bool,
}

/// Words that Python and others write in place of numbers, and JSON does not have.
const NO_NUMBERS: [&[u8]; 2] = [b"NaN", b"Infinity"];

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// High bits set at quotes, backslashes and control characters among eight bytes. Only the lowest
/// set bit is exact: the subtractions may borrow into higher bytes.
fn special_bytes(word: u64) -> u64 {
    let quotes = word ^ (ONES * u64::from(b'"'));
    let backslashes = word ^ (ONES * u64::from(b'\\'));
    let is_quote = quotes.wrapping_sub(ONES) & !quotes;
    let is_backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGHS
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], takes_nan: bool) -> Self {
        Self {
            bytes,
            at: 0,
            takes_nan,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[cold]
    pub(super) fn fault(&self, what: &'static str) -> Fault {
        Fault::at_byte(BAD_JSON, what, self.at)
    }

    /// Passes `byte` or faults.
    pub(super) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fault(what))
        }
    }

    /// The rest of a string, its opening quote passed.
    pub(super) fn string(&mut self) -> Result<StringSpan, Fault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            while let Some(chunk) = self.rest().first_chunk::<8>() {
                let special = special_bytes(u64::from_le_bytes(*chunk));
                if special != 0 {
                    self.at += special.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.peek() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(StringSpan {
                        start,
                        end,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.fault("control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("string without an end")),
            }
        }
    }

    /// The rest of an escape, its backslash passed.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5);
                if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    self.at += 5;
                    Ok(())
                } else {
                    Err(self.fault("a `u` escape needs four hexadecimal digits"))
                }
            }
            _ => Err(self.fault("unknown escape in a string")),
        }
    }

    /// A number, of which the first character is known to be a digit or a minus sign.
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            other => return self.no_digits(other),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("number without digits after its point")?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("number without digits in its exponent")?;
        }
        Ok(())
    }

    /// What follows a minus sign and is no digit: infinity, where it is taken.
    #[cold]
    fn no_digits(&mut self, first: Option<u8>) -> Result<(), Fault> {
        match first {
            Some(b'I') => self.no_number(),
            _ => Err(self.fault("number without digits")),
        }
    }

    fn digits(&mut self, what: &'static str) -> Result<(), Fault> {
        let start = self.at;
        self.skip_digits();
        if self.at == start {
            return Err(self.fault(what));
        }
        Ok(())
    }

    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    pub(super) fn literal(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.fault("expected a value"))
        }
    }

    /// A value of which nothing is kept. `depth` is the number of objects and arrays around it.
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(drop)
            }
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'{' | b'[') => self.skip_composite(depth),
            _ => self.no_number(),
        }
    }

    /// Whether a minus sign, which is next, belongs to an infinity.
    pub(super) fn is_infinity(&self) -> bool {
        self.takes_nan && self.rest().starts_with(b"-I")
    }

    /// One of [`NO_NUMBERS`], where they are taken; nothing else that is next can be a value.
    #[cold]
    fn no_number(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let word = NO_NUMBERS.iter().find(|word| rest.starts_with(word));
        match word {
            Some(word) if self.takes_nan => {
                self.at += word.len();
                Ok(())
            }
            Some(_) => Err(self.fault(
                "NaN and Infinity are no JSON; send null, or take them for it with [decode] nan = \"null\"",
            )),
            None => Err(self.fault("expected a value")),
        }
    }

    /// An object or array of which nothing is kept. Recursion ends at [`JSON_DEPTH_MAX`].
    fn skip_composite(&mut self, depth: usize) -> Result<(), Fault> {
        self.check_depth(depth)?;
        let is_object = self.peek() == Some(b'{');
        let close = if is_object { b'}' } else { b']' };
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if is_object {
                self.expect(b'"', "expected a field name")?;
                self.string()?;
                self.skip_blanks();
                self.expect(b':', "expected a colon")?;
                self.skip_blanks();
            }
            self.skip_value(depth + 1)?;
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("expected a comma or an end")),
            }
            self.skip_blanks();
        }
    }

    /// Faults where one more object or array inside `depth` others is too many.
    pub(super) fn check_depth(&self, depth: usize) -> Result<(), Fault> {
        if depth >= JSON_DEPTH_MAX {
            return Err(Fault::at_byte(TOO_DEEP, "nested too deep", self.at));
        }
        Ok(())
    }
}
