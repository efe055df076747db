//! String escapes.

use super::reason::BAD_JSON;
use crate::refusal::Fault;
use crate::token::Coding;

/// Strings, whose escapes stand for other characters.
#[derive(Debug)]
pub(super) struct Escapes;

/// Half a surrogate pair: text that UTF-8 cannot hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

impl Coding for Escapes {
    // A payload is looked at as a whole, and a string ends at its quotes.
    const IS_UTF8: bool = true;

    fn decode(written: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let what = "an escape that is half a surrogate pair";
        unescape(written, out).map_err(|LoneSurrogate| Fault::new(BAD_JSON, what))
    }
}

/// Appends the text of `written`, whose escapes are known to be well formed, to `out`. On an error
/// `out` holds a part of it.
pub(super) fn unescape(written: &[u8], out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let mut rest = written;
    while let Some(position) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(position);
        out.extend_from_slice(plain);
        let character = match escape.get(1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let (character, length) = code_point(escape).ok_or(LoneSurrogate)?;
                push(out, character);
                rest = escape.get(length..).unwrap_or_default();
                continue;
            }
            Some(other) => char::from(*other),
            None => return Err(LoneSurrogate),
        };
        push(out, character);
        rest = escape.get(2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The character of one `\u` escape or of a surrogate pair of them, and how long that is.
fn code_point(escape: &[u8]) -> Option<(char, usize)> {
    let first = unit(escape)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(escape.get(6..)?)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((character, 12))
}

/// The number in `\uXXXX`.
fn unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |number, byte| {
        Some(number * 16 + char::from(*byte).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_escape() {
        let read = |written: &str| {
            let mut out = Vec::new();
            unescape(written.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(
            read(r#"a\"\\\/\b\f\n\r\tz"#),
            Ok("a\"\\/\u{8}\u{c}\n\r\tz".to_owned())
        );
        assert_eq!(read(r"\u00e9\u20AC\ud83d\ude00"), Ok("é€😀".to_owned()));
        for lone in [
            r"\ud83d",
            r"\ude00",
            r"\ud83dx",
            r"\ud83d\n",
            r"\ud83d\u0041",
        ] {
            assert_eq!(read(lone), Err(LoneSurrogate), "{lone}");
        }
    }
}
