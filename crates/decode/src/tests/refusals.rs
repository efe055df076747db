//! What is refused, and what is said of it.

use super::*;

fn code(settings: &str, payload: impl AsRef<[u8]>) -> Option<&'static str> {
    reason(settings, payload).map(RefusalReason::code)
}

/// A payload, and the code of the reason that it is refused with, if it is.
type Case = (Vec<u8>, Option<&'static str>);

#[test]
fn refuses_each_with_its_reason() {
    let cases: Vec<Case> = [text_cases(), value_cases()].concat();
    for (payload, expected) in &cases {
        let text = String::from_utf8_lossy(&payload[..payload.len().min(200)]);
        assert_eq!(code(STRICT, payload), *expected, "{text}");
    }
    let type_field = "[record_type]\nfield = \"type\"";
    assert_eq!(
        code(type_field, with(r#""type":"?""#)),
        Some("unknown_record_type")
    );
    let major = "units.amount = \"major\"";
    let other = replaced("currency", "\"EURO\"");
    assert_eq!(code(major, other), Some("unknown_currency"));
    let mut seen: Vec<&str> = cases.iter().filter_map(|(_, reason)| *reason).collect();
    seen.extend([
        "unknown_record_type",
        "unknown_currency",
        "amount_precision",
        "amount_out_of_range",
        "time_out_of_range",
        // Where tokens are made; there is a test of it among those of cards.
        "bad_card_number",
    ]);
    // A defect of a format; there is a test of it among those of formats.
    seen.push(RefusalReason::DECODER_DEFECT.code());
    let all = refusal_reasons().map(RefusalReason::code);
    let unseen: Vec<_> = all.filter(|code| !seen.contains(code)).collect();
    assert!(unseen.is_empty(), "causes without a case: {unseen:?}");
}

/// What is no object, or no proper one.
fn text_cases() -> Vec<Case> {
    let deep = |depth: usize| with(&format!("\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
    let nothing_after = |text: &str| format!("{GOOD}{text}");
    let mut bad_utf8 = with(r#""unmapped":"?""#).into_bytes();
    let at = bad_utf8.iter().position(|byte| *byte == b'?').unwrap();
    bad_utf8[at] = 0xff;
    vec![
        (b"".to_vec(), Some("empty_payload")),
        (b"  ".to_vec(), Some("bad_json")),
        (vec![b' '; PAYLOAD_BYTES_MAX + 1], Some("payload_too_large")),
        (format!("\u{feff}{GOOD}").into(), Some("byte_order_mark")),
        (bad_utf8, Some("invalid_utf8")),
        (
            [&b"\0\0\0\0\x07"[..], GOOD.as_bytes()].concat(),
            Some("framed"),
        ),
        (
            [&b"\0\0\x01\xff\xfe"[..], GOOD.as_bytes()].concat(),
            Some("framed"),
        ),
        (b"\0\0\0\0\x07\x02\xff".to_vec(), Some("framed")),
        (b"[1]".to_vec(), Some("not_an_object")),
        (b"null".to_vec(), Some("not_an_object")),
        (b"hello".to_vec(), Some("bad_json")),
        (nothing_after(" \n\t").into(), None),
        (nothing_after("x").into(), Some("bad_json")),
        (nothing_after(GOOD).into(), Some("bad_json")),
        (GOOD[..GOOD.len() - 1].into(), Some("bad_json")),
        (with(r#""a":tru"#).into(), Some("bad_json")),
        (with(r#""a":"\x""#).into(), Some("bad_json")),
        (with(r#""a":01"#).into(), Some("bad_json")),
        (with("\"a\":\"\u{1}\"").into(), Some("bad_json")),
        (with(r#""rrn":"\ud800""#).into(), Some("bad_json")),
        (deep(JSON_DEPTH_MAX - 1).into(), None),
        (deep(JSON_DEPTH_MAX).into(), Some("too_deep")),
        (with(r#""terminal_id":"T""#).into(), Some("duplicate_field")),
        (
            with(r#""terminal\u005fid":"T""#).into(),
            Some("duplicate_field"),
        ),
        (with(r#""other":1,"other":2"#).into(), None),
    ]
}

/// Objects with a value that cannot be taken.
fn value_cases() -> Vec<Case> {
    let long = |length: usize| with(&format!("\"detail\":1,\"rrn\":\"{}\"", "a".repeat(length)));
    vec![
        (
            replaced("terminal_id", "null").into(),
            Some("missing_field"),
        ),
        (
            replaced("terminal_id", "\"\"").into(),
            Some("missing_field"),
        ),
        (replaced("terminal_id", "{}").into(), Some("wrong_type")),
        (replaced("event_time", "\"soon\"").into(), Some("bad_time")),
        (with(r#""stan":1.5"#).into(), Some("bad_number")),
        (with(r#""atc":1e30"#).into(), Some("number_out_of_range")),
        (with(r#""lat":90.1"#).into(), Some("number_out_of_range")),
        (long(TEXT_BYTES_MAX).into(), None),
        (long(TEXT_BYTES_MAX + 1).into(), Some("text_too_long")),
        (
            replaced(
                "terminal_id",
                &format!("\"{}\"", "/".repeat(KEY_BYTES_MAX / 2)),
            )
            .into(),
            Some("key_too_long"),
        ),
        (
            with(r#""card_token":"4111 1111 1111 1111""#).into(),
            Some("pan_in_clear"),
        ),
        (
            with(r#""bin":4111111111111111"#).into(),
            Some("pan_in_clear"),
        ),
    ]
}

#[test]
fn a_tombstone_is_refused() {
    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    raw.push(0, None, Some(b"k"), None, []);
    let decoded = decoder("", all_columns()).decode(&raw);
    assert_eq!(decoded.refusals[0].reason, RefusalReason::EMPTY_PAYLOAD);
}

#[test]
fn settings_are_checked() {
    let message = |settings: &str| plan_of(settings, all_columns()).unwrap_err().to_string();
    expect_test::expect![[r#"
        [
            "decode: `amout_minor` is not a known column; did you mean `amount_minor`?",
            "decode: column `card_token` may not be read from `card.PAN`: card numbers, track data, PIN blocks and verification values are never built; map a keyed token instead",
            "decode: `card` is read as two of value, object and array; map only one of them",
            "decode: the path `a..b` of column `rrn` has an empty name; write a literal dot as `\\.`",
            "decode: column `event_id` cannot be the same in every record",
            "decode: column `rrn` cannot be derived; only `event_id` can",
            "decode: column `ingest_time` is the Kafka record timestamp; take it out of the mapping",
            "decode: the constant of column `stan` is refused: not a number",
            "decode: the constant of column `card_token` is refused: looks like a card number in clear; send a keyed token instead, or see [decode.tokenise]",
            "decode: record_type names both a field and a header; keep one of them",
            "decode: column `event_id` must be derived from at least one column of transactions",
        ]
    "#]]
    .assert_debug_eq(
        &[
            "fields.amout_minor = \"amount\"",
            "fields.card_token = \"card.PAN\"",
            "fields = { card_token = \"card.token\", bin = \"card\" }",
            "fields.rrn = \"a..b\"",
            "fields.event_id = { constant = \"x\" }",
            "fields.rrn = { from = [\"stan\"] }",
            "fields.ingest_time = \"ts\"",
            "fields.stan = { constant = \"x\" }",
            "fields.card_token = { constant = \"4111111111111111\" }",
            "record_type = { field = \"a\", header = \"b\" }",
            "fields.event_id = { from = [] }",
        ]
        .map(message),
    );
    for unknown in [
        "unit = {}",
        "units.amout = \"minor\"",
        "fields.rrn = { constnt = 1 }",
        "record_type.x = 1",
    ] {
        assert!(
            toml::from_str::<DecodeSettings>(unknown).is_err(),
            "{unknown}"
        );
    }
    assert!(Column::names().all(|name| !is_sensitive_name(name)));
}

#[test]
fn no_detail_quotes_a_record() {
    let secret = "4111111111111111";
    for name in Column::names() {
        for value in [
            format!("\"{secret}\""),
            secret.to_owned(),
            format!("[{secret}]"),
            format!("\"{secret}\\ud800\""),
        ] {
            let payload = format!("{{\"{secret}\":1,\"{name}\":{value}");
            for payload in [
                format!("{payload}}}"),
                format!("{payload},{secret}}}"),
                payload,
            ] {
                for refusal in decode("", &[&payload]).refusals {
                    assert!(!refusal.detail.contains("1111"), "{}", refusal.detail);
                }
            }
        }
    }
}
