//! Blanks that fixed-width fields are filled up with.

/// `text` without what is around it: blanks, line ends, control characters (fixed-width fields of some
/// systems are filled up with zero bytes) and marks of no width. Bytes that are no UTF-8 are left as they
/// are.
#[inline]
pub fn trimmed(text: &[u8]) -> &[u8] {
    let is_inner = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    if is_inner(text.first()) && is_inner(text.last()) {
        return text;
    }
    trimmed_by_character(text)
}

#[cold]
fn trimmed_by_character(text: &[u8]) -> &[u8] {
    let is_blank = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
    };
    std::str::from_utf8(text).map_or(text, |text| text.trim_matches(is_blank).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_around_goes() {
        for (text, expected) in [
            ("T0003343", "T0003343"),
            ("T0003343        ", "T0003343"),
            ("  T 1\t", "T 1"),
            ("T1\0\0", "T1"),
            ("T1\r\n", "T1"),
            ("\u{feff}T1\u{a0}", "T1"),
            ("\u{3000}é\u{3000}", "é"),
            ("é", "é"),
            ("   ", ""),
            ("", ""),
        ] {
            let found = trimmed(text.as_bytes());
            assert_eq!(found, expected.as_bytes(), "{text:?}");
        }
        assert_eq!(trimmed(b" \xff "), b" \xff ");
    }
}
