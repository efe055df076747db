//! What a file holds, told by its first bytes and, where these leave it open, by its name.

use std::path::Path;

use serde::de::IgnoredAny;

use super::delimited::{self, first_line};

/// Bytes at the beginning of a file that are looked at. A header of a thousand columns fits.
pub const PREFIX_BYTES: usize = 64 * 1024;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// No row.
    Empty,
    Parquet,
    JsonLines,
    Csv {
        /// What stands between two cells.
        delimiter: u8,
    },
}

/// How a file is packed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

/// What somebody says about a file instead of letting it be found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    pub kind: Option<SaidKind>,
    pub delimiter: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidKind {
    Parquet,
    JsonLines,
    Csv,
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Parquet,
    Json,
    Csv,
    Nothing,
}

const PARQUET: &[u8] = b"PAR1";
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Last three bytes of a zstd frame that a reader skips; parallel programs write one first.
const ZSTD_SKIPPED: &[u8] = b"\x2a\x4d\x18";
/// What some programs put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Beginnings of files of other kinds: where, with what, and the words for it.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"PARE",
        "Parquet with an encrypted footer, which is not read",
    ),
    (
        0,
        b"PK\x03\x04",
        "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    ),
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook: save the sheet as CSV",
    ),
    (
        0,
        b"BZh",
        "packed with bzip2: unpack it, or pack it with gzip or zstd",
    ),
    (
        0,
        b"\xfd7zXZ\0",
        "packed with xz: unpack it, or pack it with gzip or zstd",
    ),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (
        0,
        b"\x04\x22\x4d\x18",
        "packed with lz4: unpack it, or pack it with gzip or zstd",
    ),
    (
        0,
        b"\xff\x06\0\0sNaPpY",
        "packed with snappy: unpack it, or pack it with gzip or zstd",
    ),
    (
        257,
        b"ustar",
        "a tar archive: unpack it and name the files in it",
    ),
    (0, b"Obj\x01", "Avro: export it as Parquet or JSON lines"),
    (0, b"ORC", "ORC: export it as Parquet or JSON lines"),
    (
        0,
        b"ARROW1",
        "an Arrow (Feather) file: export it as Parquet",
    ),
    (0, b"FEA1", "a Feather file: export it as Parquet"),
    (
        0,
        b"SEQ\x06",
        "a Hadoop sequence file: export it as Parquet or JSON lines",
    ),
    (
        0,
        b"SQLite format 3\0",
        "a SQLite database: export the table as CSV",
    ),
    (0, b"\x89HDF", "HDF5: export it as Parquet"),
    (0, b"\x93NUMPY", "a NumPy array: export it as Parquet"),
    (0, b"%PDF", "a PDF document"),
    (
        0,
        b"-----BEGIN",
        "a key, a certificate or an encrypted message",
    ),
];

const UTF16: &str = "text in UTF-16 or UTF-32 (as PowerShell and Excel write it): save it as UTF-8";
const PRETTY: &str = "JSON over several lines (pretty-printed); JSON lines are needed, one record a line: \
     `jq -c . FILE`";
const JOINED: &str = "JSON objects in one line, one after the other; JSON lines are needed, one record a line: \
                      `jq -c . FILE`";
const ARRAY: &str = "a JSON array; JSON lines are needed, one record a line: `jq -c '.[]' FILE`, or in \
                     pandas to_json(orient=\"records\", lines=True)";
const UNKNOWN: &str = "neither Parquet, nor JSON lines, nor CSV with a header row; where it is one of \
                       them, say so with --input-format";

/// How the file that begins with `head` is packed.
pub fn packing(head: &[u8]) -> Packing {
    let is_skipped = head.first().is_some_and(|byte| byte & 0xf0 == 0x50)
        && head.get(1..4) == Some(ZSTD_SKIPPED);
    if head.starts_with(GZIP) {
        Packing::Gzip
    } else if head.starts_with(ZSTD) || is_skipped {
        Packing::Zstd
    } else {
        Packing::None
    }
}

/// Whether a file that begins with `head` is Parquet.
pub fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(PARQUET)
}

/// Length of what stands before a text and is no part of it.
pub fn mark_len(head: &[u8]) -> usize {
    match head.starts_with(BYTE_ORDER_MARK) {
        true => BYTE_ORDER_MARK.len(),
        false => 0,
    }
}

/// What a file called `path` holds that begins with `head`, which is all of it if `is_whole`. An error is in
/// words: what it is instead, and what to do.
pub fn of(path: &Path, head: &[u8], is_whole: bool, said: Said) -> Result<Content, String> {
    let named = named(path);
    if head.is_empty() {
        return Ok(Content::Empty);
    }
    if is_parquet(head) {
        return Ok(Content::Parquet);
    }
    if is_utf16(head) {
        return Err(UTF16.into());
    }
    let other = OTHERS
        .iter()
        .find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, words)) = other {
        return Err((*words).into());
    }
    if packing(head) != Packing::None {
        return Err("packed twice: unpack it once".into());
    }
    if said.kind == Some(SaidKind::Parquet) || (said.kind.is_none() && named == Named::Parquet) {
        return Err(
            "not Parquet, which begins with PAR1; a file of another kind must not be named \
                    .parquet"
                .into(),
        );
    }
    text(named, &head[mark_len(head)..], is_whole, said)
}

/// What a text holds.
fn text(named: Named, head: &[u8], is_whole: bool, said: Said) -> Result<Content, String> {
    let content = head.trim_ascii_start();
    if content.is_empty() && is_whole {
        return Ok(Content::Empty);
    }
    match said.kind {
        Some(SaidKind::JsonLines) => return Ok(Content::JsonLines),
        Some(_) => return Ok(csv(content, said)),
        None => {}
    }
    match content.first() {
        Some(b'{') if is_pretty(content) => return Err(PRETTY.into()),
        Some(b'{') if is_joined(content) => return Err(JOINED.into()),
        Some(b'[') if is_array(content, is_whole) => return Err(ARRAY.into()),
        Some(b'{' | b'[') => return Ok(Content::JsonLines),
        Some(b'<') if named != Named::Csv => {
            return Err("XML or HTML: a page that a server sent in place of the file?".into());
        }
        // Rows that a serializer of Confluent has framed are refused one by one, each with its reason.
        Some(0) if content.get(5) == Some(&b'{') => return Ok(Content::JsonLines),
        _ => {}
    }
    let has_json = content
        .split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii_start().starts_with(b"{"));
    let is_csv = !has_json && delimited::is_header(first_line(content));
    match named {
        _ if content.iter().take(512).any(|byte| is_control(*byte)) => Err(format!(
            "binary data of a kind that is not known: {UNKNOWN}"
        )),
        Named::Csv => Ok(csv(content, said)),
        Named::Json if is_csv => {
            Err("named as JSON, but looks like CSV: name it .csv, or say --input-format csv".into())
        }
        Named::Json => Ok(Content::JsonLines),
        _ if is_csv => Ok(csv(content, said)),
        _ if has_json => Ok(Content::JsonLines),
        _ => Err(UNKNOWN.into()),
    }
}

fn csv(content: &[u8], said: Said) -> Content {
    let found = || delimited::delimiter(content);
    Content::Csv {
        delimiter: said.delimiter.unwrap_or_else(found),
    }
}

fn named(path: &Path) -> Named {
    let path = unpacked_name(path);
    let path = Path::new(&path);
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("parquet" | "parq" | "pq") => Named::Parquet,
        Some("json" | "jsonl" | "ndjson" | "jsonlines") => Named::Json,
        Some("csv" | "tsv" | "psv" | "tab") => Named::Csv,
        _ => Named::Nothing,
    }
}

/// `path` without the ending that says how it is packed.
pub fn unpacked_name(path: &Path) -> std::path::PathBuf {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("gz" | "gzip" | "zst" | "zstd") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}

/// By the mark, else by the zero byte of every second character.
fn is_utf16(head: &[u8]) -> bool {
    let printable = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => true,
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] => printable(*a) && printable(*b),
        _ => false,
    }
}

/// Whether the first object goes on after its line.
fn is_pretty(content: &[u8]) -> bool {
    let first = first_line(content);
    let after = content[first.len()..].trim_ascii_start();
    if after.is_empty() {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => values.byte_offset() > first.len(),
        // All that was looked at belongs to it.
        Some(Err(error)) if error.is_eof() => true,
        _ => first == b"{" && after.starts_with(b"\""),
    }
}

/// Whether all that was looked at is one line of several objects.
fn is_joined(content: &[u8]) -> bool {
    let is_line = first_line(content).len() == content.trim_ascii_end().len();
    let mut values = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    is_line && matches!(values.next(), Some(Ok(_))) && {
        let rest = &content[values.byte_offset()..];
        rest.trim_ascii_start().starts_with(b"{")
    }
}

/// Whether it is one array, rather than a line for each of several.
fn is_array(content: &[u8], is_whole: bool) -> bool {
    let first = first_line(content);
    let after = content[first.len()..].trim_ascii_start();
    let is_line = serde_json::from_slice::<IgnoredAny>(first).is_ok();
    !is_line || (after.is_empty() && is_whole)
}

#[cfg(test)]
mod tests;
