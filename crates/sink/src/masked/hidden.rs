//! Which bytes of a record are hidden.

use tillwatch_records::card_number::{find_all, hide_digits};

/// A copy of `bytes` in which the digits of card numbers are `*`, if there are any. Characters that JSON
/// escapes are seen through.
pub(super) fn card_numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    let view = View::of(bytes);
    let mut hidden: Option<Vec<u8>> = None;
    for found in find_all(view.text(bytes)) {
        let range = view.place(found.start)..view.place(found.end);
        let hidden = hidden.get_or_insert_with(|| bytes.to_vec());
        hide_digits(&mut hidden[range]);
    }
    hidden
}

/// A copy of `bytes` in which a card number cannot be, whatever it was dressed up as: all digits, all that is
/// not ASCII and all long words are `*`.
pub(super) fn all_that_may_be_one(bytes: &[u8]) -> Vec<u8> {
    /// Of letters and digits: the shortest base64 form of a card number has as many.
    const WORD_BYTES_MIN: usize = 18;
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let mut hidden = bytes.to_vec();
    for word in hidden.chunk_by_mut(|a, b| is_word(a) == is_word(b)) {
        let is_long = word.len() >= WORD_BYTES_MIN && word.first().is_some_and(is_word);
        let may_be_one = |byte: &&mut u8| is_long || byte.is_ascii_digit() || !byte.is_ascii();
        word.iter_mut()
            .filter(may_be_one)
            .for_each(|byte| *byte = b'*');
    }
    hidden
}

/// A text without the escapes of JSON, and where its bytes come from.
struct View {
    /// `None` where nothing is escaped.
    unescaped: Option<Unescaped>,
}

struct Unescaped {
    text: Vec<u8>,
    /// Where each byte of `text` is in the original; the length of that at the end.
    places: Vec<usize>,
}

impl View {
    fn of(bytes: &[u8]) -> Self {
        let is_escaped = bytes.contains(&b'\\');
        Self {
            unescaped: is_escaped.then(|| Unescaped::of(bytes)),
        }
    }

    fn text<'t>(&'t self, bytes: &'t [u8]) -> &'t [u8] {
        self.unescaped.as_ref().map_or(bytes, |found| &found.text)
    }

    /// Where the byte `at` of the text is in the original.
    fn place(&self, at: usize) -> usize {
        self.unescaped.as_ref().map_or(at, |found| found.places[at])
    }
}

impl Unescaped {
    fn of(bytes: &[u8]) -> Self {
        let mut text = Vec::with_capacity(bytes.len());
        let mut places = Vec::with_capacity(bytes.len() + 1);
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            places.push(at);
            let (byte, length) = match bytes.get(at..).and_then(escape) {
                Some(escape) if *byte == b'\\' => escape,
                _ => (*byte, 1),
            };
            text.push(byte);
            at += length;
        }
        places.push(bytes.len());
        Self { text, places }
    }
}

/// The ASCII character that an escape stands for, a blank for others, and the escape's length.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    const UNICODE_BYTES: usize = 6;
    match bytes {
        [b'\\', b'u', ..] => {
            let digits = str::from_utf8(bytes.get(2..UNICODE_BYTES)?).ok()?;
            let code = u8::try_from(u16::from_str_radix(digits, 16).ok()?);
            let byte = code.ok().filter(u8::is_ascii_graphic).unwrap_or(b' ');
            Some((byte, UNICODE_BYTES))
        }
        [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => Some((*byte, 2)),
        [b'\\', _, ..] => Some((b' ', 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let hidden = card_numbers(text.as_bytes())?;
        assert_eq!(hidden.len(), text.len());
        Some(String::from_utf8(hidden).unwrap())
    }

    #[test]
    fn escapes_hide_no_card_number() {
        for (text, expected) in [
            (r#"{"a":"4111111111111111"}"#, r#"{"a":"****************"}"#),
            (
                r#"{"a":"\t4111111111111111\n"}"#,
                r#"{"a":"\t****************\n"}"#,
            ),
            (
                r#"{"a":"\u0034111\u003111111111111"}"#,
                r#"{"a":"\u*******\u***************"}"#,
            ),
            (r"x\\4111111111111111", r"x\\****************"),
            // An escape that is none, at the end.
            (r"4111111111111111\u00", r"****************\u00"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", r#"{"a":"\t41111111"}"#, r"\", r"\u003"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn no_disguise_is_left() {
        for disguise in [
            "4.111111111111111e15",
            "\u{ff14}\u{ff11}\u{ff11}\u{ff11}",
            "NDExMTExMTExMTExMTExMQ==",
            "34313131313131313131313131313131",
        ] {
            let text = format!("{{\"card_token\":\"{disguise}\",\"mcc\":\"5411\"}}");
            let hidden = all_that_may_be_one(text.as_bytes());
            assert_eq!(hidden.len(), text.len());
            let hidden = String::from_utf8(hidden).unwrap();
            assert!(!hidden.contains(&disguise[..6]), "{hidden}");
            assert!(
                hidden.contains("card_token") && hidden.contains("\"****\""),
                "{hidden}"
            );
        }
    }
}
