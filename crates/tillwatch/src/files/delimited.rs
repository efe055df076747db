//! Which byte stands between the cells of a table in text, and whether its first line names columns.

/// What may stand between cells, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Longest name of a column that is taken for one, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What stands between the cells of `text`: what its first line has most of outside of quotes. A first line
/// `sep=;`, which Excel writes and reads, says it. A comma where there is a single column.
pub fn delimiter(text: &[u8]) -> u8 {
    if let Some((delimiter, _)) = told(text) {
        return delimiter;
    }
    let line = first_line(text);
    let count = |delimiter: u8| cells(line, delimiter).count();
    // The first of several with the same number.
    let mut best = DELIMITERS[0];
    for other in &DELIMITERS[1..] {
        if count(*other) > count(best) {
            best = *other;
        }
    }
    best
}

/// The delimiter of a first line `sep=;`, and the length of that line.
pub fn told(text: &[u8]) -> Option<(u8, usize)> {
    let rest = text.strip_prefix(b"sep=")?;
    let (delimiter, after) = rest.split_first()?;
    let end = match after {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return None,
    };
    Some((*delimiter, b"sep=".len() + 1 + end))
}

/// Whether `line` names two columns or more: words, each once.
pub fn is_header(line: &[u8]) -> bool {
    let delimiter = delimiter(line);
    let mut names: Vec<&[u8]> = Vec::new();
    for (position, cell) in cells(line, delimiter).enumerate() {
        let name = cell.trim_ascii();
        let name = name.strip_prefix(b"\"").unwrap_or(name);
        let name = name.strip_suffix(b"\"").unwrap_or(name);
        // The index of pandas has no name.
        if name.is_empty() && position == 0 {
            continue;
        }
        if !is_name(name) || names.contains(&name) {
            return false;
        }
        names.push(name);
    }
    names.len() >= 2
}

/// The first line of `text`, without its end.
pub fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    text[..end].trim_ascii_end()
}

fn is_name(name: &[u8]) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || *byte >= 0x80;
    name.first().is_some_and(begins)
        && name.len() <= NAME_BYTES_MAX
        && std::str::from_utf8(name).is_ok()
        && !name.iter().any(|byte| b"{}<>\"".contains(byte))
}

/// The cells of a line; a delimiter in quotes is no end of one.
fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |byte| {
        is_quoted ^= *byte == b'"';
        !is_quoted && *byte == delimiter
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_the_header_has_most_of() {
        for (text, expected) in [
            ("a,b,c\n1,2,3\n", b','),
            ("a;b;c\n1,5;2;3\n", b';'),
            ("a\tb\r\n", b'\t'),
            ("a|b|c,d\n", b'|'),
            ("\"a;x\",b\n", b','),
            ("alone\n", b','),
            ("sep=|\r\na,b,c\n", b'|'),
        ] {
            assert_eq!(delimiter(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_header_is_words() {
        for (line, expected) in [
            ("event_id,event_time", true),
            (",id,amount", true),
            ("\"id\";\"Händler\"", true),
            ("id", false),
            ("id,id", false),
            ("e1,1767600064966", false),
            ("{\"a\":1,\"b\":2}", false),
            ("2026-01-01 12:00:00,123 started", false),
            ("a,,b", false),
        ] {
            assert_eq!(is_header(line.as_bytes()), expected, "{line}");
        }
    }
}
