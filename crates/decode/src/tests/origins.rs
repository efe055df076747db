//! Where values may come from beside the fields of objects.

use super::*;

fn refused(settings: &str, payload: &str) -> String {
    let decoded = decode(settings, &[payload]);
    let refusal = &decoded.refusals[0];
    format!("{}: {}", refusal.reason, refusal.detail)
}

#[test]
fn a_header_the_key_and_the_timestamp_are_read_as_fields_are() {
    let settings = r#"
        record_type = { field = "type" }
        [fields]
        acquirer_id = { header = "acquirer" }
        event_id = { kafka = "key" }
        event_time = { kafka = "timestamp" }
        [units]
        event_time = "rfc3339"
    "#;
    let rest = r#""merchant_id":"M","terminal_id":"T","amount_minor":1,"currency":"EUR""#;
    let transaction = format!("{{{rest}}}");
    let label = format!(r#"{{"type":"label",{rest},"label_kind":"TC40"}}"#);
    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    let at = Some(1_767_600_064_966);
    let header = |value: &'static [u8]| [("acquirer", Some(value))];
    let (good, bad) = (header(b" A1 "), header(b"\xff"));
    raw.push(0, at, Some(b"e1"), Some(transaction.as_bytes()), good);
    raw.push(1, at, Some(b"\xff"), Some(transaction.as_bytes()), good);
    raw.push(2, at, None, Some(transaction.as_bytes()), good);
    raw.push(3, None, Some(b"e1"), Some(transaction.as_bytes()), good);
    raw.push(4, at, Some(b"e1"), Some(transaction.as_bytes()), bad);
    raw.push(5, at, None, Some(label.as_bytes()), good);
    raw.push(6, at, Some(b"e1"), Some(label.as_bytes()), good);
    let decoded = decoder(settings, all_columns()).decode(&raw);
    let said: Vec<_> = decoded
        .refusals
        .iter()
        .map(|refusal| format!("{} {}: {}", refusal.index, refusal.reason, refusal.detail))
        .collect();
    assert_eq!(
        said,
        [
            "1 invalid_utf8: `event_id`: not UTF-8",
            "2 missing_field: `event_id`: required, but absent, null or empty",
            "3 missing_field: `event_time`: required, but absent, null or empty",
            "4 invalid_utf8: `acquirer_id`: not UTF-8",
            // Its timestamp is no time of its transaction.
            "5 missing_field: a label needs an event id, or the key and event time of its transaction",
        ]
    );
    assert_eq!(
        decoded.events.event_times_ms().unwrap(),
        [1_767_600_064_966; 2]
    );
    let acquirers = decoded.events.text(Column::AcquirerId).unwrap();
    assert_eq!(acquirers.value(0), "A1");
    assert_eq!(decoded.events.text(Column::EventId).unwrap().value(0), "e1");
}

#[test]
fn elements_of_arrays_are_reached() {
    let settings = r#"
        [fields]
        stan = "items[1].n"
        rrn = "items[1].more[0][2]"
        mcc = 'odd\[0]'
        bin = "items[4]"
    "#;
    for (member, stan, rrn, mcc) in [
        (
            r#""items":[{"n":1},{"n":2,"more":[[1,2,"x"],3]}]"#,
            Some("2"),
            Some("x"),
            None,
        ),
        (
            r#""items" : [ 7 , { "n" : 2 } , "y" ]"#,
            Some("2"),
            None,
            None,
        ),
        (r#""items":[{"n":1}]"#, None, None, None),
        (r#""items":[]"#, None, None, None),
        (r#""items":[ ],"odd[0]":5411"#, None, None, Some("5411")),
        (r#""items":{"n":1}"#, None, None, None),
        (r#""items":null"#, None, None, None),
        (r#""items":[null,[{"n":3}]]"#, None, None, None),
    ] {
        let payload = with(member);
        for (column, expected) in [(Column::Stan, stan), (Column::Rrn, rrn), (Column::Mcc, mcc)] {
            let found = value(settings, &payload, column);
            assert_eq!(
                found,
                Ok(expected.map(str::to_owned)),
                "{column:?} {member}"
            );
        }
    }
    // All of an array is checked, and it may be there once.
    for (member, expected) in [
        (r#""items":[1,]"#, "bad_json"),
        (r#""items":[1 2]"#, "bad_json"),
        (r#""items":[1"#, "bad_json"),
        (r#""items":[],"items":[]"#, "duplicate_field"),
        (r#""items":[1,{"n":1,"n":2}]"#, "duplicate_field"),
        (r#""items":[1,2,3,4,{}]"#, "wrong_type: `bin`"),
    ] {
        let said = refused(&format!("{STRICT}{settings}"), &with(member));
        assert!(said.starts_with(expected), "{member}: {said}");
    }
    // The next record may be of another form.
    let records = [
        with(r#""items":[{"n":1},{"n":2}]"#),
        with(r#""items":[{"n":3}]"#),
        with(r#""items":[{"x":1,"n":4},{"x":0,"n":5}]"#),
    ];
    let events = decode(settings, &records).events;
    let stans = events.column(Column::Stan).unwrap();
    let stans: Vec<_> = stans.as_primitive::<Int64Type>().iter().collect();
    assert_eq!(stans, [Some(2), None, Some(5)]);
}

#[test]
fn several_objects_and_arrays_are_told() {
    for (payload, expected) in [
        (
            format!("{GOOD}{GOOD}"),
            "bad_json: byte 135: the record holds several objects; send each as a record",
        ),
        (
            format!("{GOOD}\n {GOOD}"),
            "bad_json: byte 137: the record holds several objects; send each as a record",
        ),
        (
            format!("[{GOOD}]"),
            "not_an_object: the record is an array; send each of its objects as a record",
        ),
        (
            format!("{GOOD},"),
            "bad_json: byte 135: something follows the end of the record",
        ),
    ] {
        assert_eq!(refused("", &payload), expected);
    }
}

#[test]
fn no_numbers_are_null_where_the_settings_take_them() {
    for (member, is_taken) in [
        (r#""lat":NaN,"stan":7"#, true),
        (r#""lat":-Infinity,"stan":7"#, true),
        (r#""lat":Infinity,"x":[NaN,{"y":-Infinity}],"stan":7"#, true),
        (r#""lat":nan,"stan":7"#, false),
        (r#""lat":-NaN,"stan":7"#, false),
        (r#""lat":-Inf,"stan":7"#, false),
        (r#""lat":+Infinity,"stan":7"#, false),
        (r#""lat":NaNN,"stan":7"#, false),
        (r#""lat":Nan,"stan":7"#, false),
    ] {
        let payload = with(member);
        assert!(refused("", &payload).starts_with("bad_json"), "{member}");
        let decoded = decode("nan = \"null\"", &[&payload]);
        assert_eq!(decoded.refusals.is_empty(), is_taken, "{member}");
        assert!(decoded.invalid_fields.is_empty());
        if is_taken {
            assert!(decoded.events.column(Column::Lat).unwrap().is_null(0));
            assert!(decoded.events.column(Column::Stan).unwrap().is_valid(0));
        }
    }
    let said = refused("", &with(r#""x":NaN"#));
    assert!(said.contains("[decode] nan = \"null\""), "{said}");
    // As text it is text.
    let rrn = value("nan = \"null\"", &with(r#""rrn":"NaN""#), Column::Rrn);
    assert_eq!(rrn, Ok(Some("NaN".to_owned())));
}

#[test]
fn settings_of_origins_are_checked() {
    let message = |settings: &str| plan_of(settings, all_columns()).unwrap_err().to_string();
    expect_test::expect![[r#"
        [
            "decode: column `rrn` is no time, as the Kafka timestamp is",
            "decode: column `rrn` may not be read from `pan`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: the path `items[x].n` of column `rrn` has no whole number in brackets; write a literal bracket as `\\[`",
            "decode: `items[0]` is read as two of value, object and array; map only one of them",
            "decode: the column `q` of [decode.columns] is the Kafka timestamp, which belongs to type = \"timestamp\"; change one of them",
            "decode: the column `q` of [decode.columns] names a part of the Kafka record and a field or header; keep one of them",
        ]
    "#]]
    .assert_debug_eq(
        &[
            "fields.rrn = { kafka = \"timestamp\" }",
            "fields.rrn = { header = \"pan\" }",
            "fields.rrn = \"items[x].n\"",
            "fields = { rrn = \"items.n\", bin = \"items[0]\" }",
            "columns.q = { type = \"integer\", kafka = \"timestamp\" }",
            "columns.q = { type = \"text\", kafka = \"key\", header = \"h\" }",
        ]
        .map(message),
    );
    for sensitive in ["fields[35]", "iso.DE[2]", "elements[45].x", "track2[0]"] {
        let said = message(&format!("fields.rrn = \"{sensitive}\""));
        assert!(said.contains("may not be read from"), "{said}");
    }
    assert!(plan_of("fields.rrn = \"items[2]\"", all_columns()).is_ok());
    for unknown in [
        "fields.rrn = { kafka = \"offset\" }",
        "fields.rrn = { header = \"h\", kafka = \"key\" }",
    ] {
        assert!(toml::from_str::<DecodeSettings>(unknown).is_err());
    }
}
