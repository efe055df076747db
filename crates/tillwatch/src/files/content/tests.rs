use super::*;

fn found(name: &str, bytes: &[u8]) -> Result<Content, String> {
    of(Path::new(name), bytes, true, Said::default())
}

#[test]
fn content_decides_before_the_name() {
    let comma = Content::Csv { delimiter: b',' };
    for (name, bytes, expected) in [
        ("x.jsonl", &b""[..], Content::Empty),
        ("x.parquet", b"", Content::Empty),
        ("x", b"\xef\xbb\xbf\n \n", Content::Empty),
        ("part-00000", b"PAR1....", Content::Parquet),
        ("x.parq", b"PAR1....", Content::Parquet),
        ("x.jsonl", b"{\"a\":1}\n{\"a\":2}", Content::JsonLines),
        ("x.csv", b"{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"\xef\xbb\xbf{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"[1]\n[2]\n", Content::JsonLines),
        ("x.jsonl", b"not json\n{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"not json", Content::JsonLines),
        ("-", b"junk\n{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"\0\0\0\0\x07{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"{\"broken\n{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"{\"a\":1,\n{\"a\":1}\n", Content::JsonLines),
        ("x.jsonl", b"{\"cut short\":1", Content::JsonLines),
        ("x", b"id,amount\n1,2\n", comma),
        ("x.csv.gz", b"1,2\n", comma),
        ("x.tsv", b"id\tamount\n", Content::Csv { delimiter: b'\t' }),
    ] {
        assert_eq!(found(name, bytes), Ok(expected), "{name} {bytes:?}");
    }
}

#[test]
fn nonsense_is_named() {
    let le: Vec<u8> = "{\"a\":1}\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let be: Vec<u8> = "{\"a\":1}\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let marked = [b"\xff\xfe", le.as_slice()].concat();
    let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
    for (name, bytes, words) in [
        ("x.jsonl", le.as_slice(), "UTF-16"),
        ("x.csv", &be, "UTF-16"),
        ("x.jsonl", &marked, "UTF-16"),
        (
            "x.json",
            b"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n",
            "pretty-printed",
        ),
        ("x.json", b"{\"a\": 1,\n \"b\": 2}\n", "pretty-printed"),
        ("x.json", b"{\n  \"a\": NaN\n}\n", "pretty-printed"),
        (
            "x.json",
            b"{ \"records\": [\n  {\"a\": 1},\n",
            "pretty-printed",
        ),
        ("x.json", b"[{\"a\":1},{\"a\":2}]", "a JSON array"),
        (
            "x.json",
            b"[\n  {\"a\":1},\n  {\"a\":2}\n]\n",
            "a JSON array",
        ),
        ("x.json", b"{\"a\":1}{\"a\":2}\n", "in one line"),
        ("x.jsonl", b"id,amount\n1,2\n", "looks like CSV"),
        ("x.parquet", b"{\"a\":1}\n", "not Parquet"),
        ("x.xlsx", b"PK\x03\x04....", "Excel"),
        ("x.jsonl", &tar, "a tar archive"),
        ("x", b"<!DOCTYPE html>", "HTML"),
        ("x", b"\x00\x01\x02\x03\x04\x05", "binary data"),
        ("x.jsonl", b"Obj\x01....", "Avro"),
        ("x", b"some words\nand more\n", "neither Parquet"),
        ("x.gz", b"\x1f\x8b\x08", "packed twice"),
    ] {
        let error = found(name, bytes).unwrap_err();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn what_is_said_is_taken() {
    let said = |kind, delimiter| Said { kind, delimiter };
    let of = |bytes: &[u8], said| of(Path::new("x.dat"), bytes, true, said);
    let json = said(Some(SaidKind::JsonLines), None);
    assert_eq!(of(b"[1, 2]", json), Ok(Content::JsonLines));
    let csv = said(Some(SaidKind::Csv), None);
    assert_eq!(of(b"a;b\n", csv), Ok(Content::Csv { delimiter: b';' }));
    let tab = said(Some(SaidKind::Csv), Some(b'\t'));
    assert_eq!(of(b"a;b\n", tab), Ok(Content::Csv { delimiter: b'\t' }));
    assert!(of(b"a;b\n", said(Some(SaidKind::Parquet), None)).is_err());
}
