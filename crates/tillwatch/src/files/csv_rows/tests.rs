use super::*;

fn rows(text: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let bytes: Bytes = Box::new(io::Cursor::new(text.to_vec()));
    let words = |error: FileError| error.to_string();
    let mut csv = CsvRows::open(Path::new("x.csv"), bytes, delimiter).map_err(words)?;
    let mut rows = Vec::new();
    let mut push = |json: &[u8]| {
        rows.push(String::from_utf8_lossy(json).into_owned());
        true
    };
    csv.read_rows(0, &mut push).map_err(words)?;
    Ok(rows)
}

#[test]
fn cells_become_texts_and_empty_ones_are_left_out() {
    let text = b",id, amount \r\n0,\"a;\"\"1\"\"\",007\r\n1,b,\r\n\r\n,,\r\n2,\"c\nd\",\x01\\\r\n";
    assert_eq!(
        rows(text, b',').unwrap(),
        [
            r#"{"id":"a;\"1\"","amount":"007"}"#,
            r#"{"id":"b"}"#,
            r#"{"id":"c\u000ad","amount":"\u0001\\"}"#,
        ]
    );
    assert_eq!(
        rows(b"a;b\n1,5;2\n", b';').unwrap(),
        [r#"{"a":"1,5","b":"2"}"#]
    );
    assert_eq!(
        rows(b"sep=;\r\na;b\n1;2\n", b';').unwrap(),
        [r#"{"a":"1","b":"2"}"#]
    );
    assert_eq!(rows(b"a,b\n", b',').unwrap(), Vec::<String>::new());
}

#[test]
fn a_row_that_does_not_fit_the_header_is_handed_over_as_it_is() {
    let text = b"a,b\n1,2\n1,2,3\nonly\n\"x,\"\"y\",2,\n3,4\n";
    assert_eq!(
        rows(text, b',').unwrap(),
        [
            r#"{"a":"1","b":"2"}"#,
            "1,2,3",
            "only",
            "\"x,\"\"y\",2,",
            r#"{"a":"3","b":"4"}"#
        ]
    );
}

#[test]
fn a_header_that_is_none_is_refused_by_place() {
    for (text, words) in [
        (&b"e1,1767600064966\n"[..], "column 2 is a number"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name"),
        (b"\xe4,b\n1,2\n", "not UTF-8 (column 1)"),
        (b",,\n1,2,3\n", "without a header"),
    ] {
        let error = rows(text, b',').unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_quote_left_open_does_not_take_the_rest_of_the_file_into_memory() {
    let mut text = b"a,b\n\"open,1\n".to_vec();
    text.resize(3 * ROW_BYTES_MAX, b'x');
    let error = rows(&text, b',').unwrap_err();
    assert!(error.contains("a quote left open"), "{error}");
}
