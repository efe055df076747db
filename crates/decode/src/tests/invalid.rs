//! What a value costs that cannot be read.

use tillwatch_records::{FieldCounts, Flags};

use super::*;
use crate::Wanted;

const INVALID: Flags = Flags::FIELD_INVALID;
const NONE: Flags = Flags::empty();

fn counted(counts: &FieldCounts) -> Vec<String> {
    let counts = counts.iter();
    counts
        .map(|(column, cause, count)| format!("{column} {cause} {count}"))
        .collect()
}

#[test]
fn an_optional_column_is_null_its_row_marked_and_its_cause_counted() {
    let long = format!("\"rrn\":\"{}\"", "a".repeat(TEXT_BYTES_MAX + 1));
    let records = [
        GOOD.to_owned(),
        with(r#""stan":"12a","lat":91.5"#),
        with(r#""mcc":[],"bin":"457173","stan":7"#),
        "{".to_owned(),
        with(&long),
        with(r#""rrn":"ab\ud800","auth_code":"A1""#),
        with(r#""maintenance_start":"soon","atc":1e30"#),
        with(r#""rrn":"r7","lat":1.5,"lon":"east""#),
        with(r#""card_token":9007199254740992.0,"mcc":5411"#),
    ];
    let decoded = decode("", &records);
    let rows = show(&decoded.events);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let kept = row.split(' ').filter(|cell| {
                let names = ["stan", "lat", "lon", "mcc", "bin", "rrn", "auth", "card_"];
                names.iter().any(|name| cell.starts_with(name))
            });
            kept.collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "",
            "",
            "stan=7 bin=457173",
            "",
            "auth_code=A1",
            "",
            "rrn=r7 lat=1.5",
            "mcc=5411"
        ]
    );
    // A terminal event's column costs a transaction nothing.
    assert_eq!(
        decoded.events.marks,
        [
            NONE, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID
        ]
    );
    assert_eq!(
        counted(&decoded.invalid_fields),
        [
            "atc number_out_of_range 1",
            "card_token number_out_of_range 1",
            "lat number_out_of_range 1",
            "lon bad_number 1",
            "mcc wrong_type 1",
            "rrn bad_json 1",
            "rrn text_too_long 1",
            "stan bad_number 1",
        ]
    );
    assert_eq!(decoded.refusals.len(), 1);
}

#[test]
fn nothing_is_kept_of_a_refused_record_nor_of_the_batch_before() {
    let mut decoder = decoder("", all_columns());
    let bad = with(r#""stan":"x","card_token":"4111111111111111""#);
    let decoded = decoder.decode(&batch(&[&bad, GOOD]));
    assert!(decoded.invalid_fields.is_empty() && decoded.events.marks.is_empty());
    let reasons: Vec<_> = decoded.refusals.iter().map(|r| r.reason).collect();
    assert_eq!(reasons, [RefusalReason::PAN_IN_CLEAR]);
    let decoded = decoder.decode(&batch(&[GOOD, &with(r#""stan":"x""#), GOOD]));
    assert_eq!(decoded.events.marks, [NONE, INVALID, NONE]);
    let decoded = decoder.decode(&batch(&[GOOD]));
    assert!(decoded.invalid_fields.is_empty() && decoded.events.marks.is_empty());
}

#[test]
fn what_a_record_cannot_do_without_refuses_it() {
    let major = "units.amount = \"major\"\n";
    let derived = "fields.event_id = { from = [\"terminal_id\", \"stan\"] }\n";
    for (settings, record, expected) in [
        ("", replaced("event_id", "[]"), "wrong_type: `event_id`"),
        (
            "",
            replaced("event_time", "\"soon\""),
            "bad_time: `event_time`",
        ),
        (
            "",
            replaced("terminal_id", "{}"),
            "wrong_type: `terminal_id`",
        ),
        (
            "",
            replaced("amount_minor", "5.5"),
            "amount_precision: `amount_minor`",
        ),
        ("", replaced("currency", "[]"), "wrong_type: `currency`"),
        (
            "",
            with(r#""last4":"4111111111111111""#),
            "pan_in_clear: `last4`",
        ),
        (derived, with(r#""stan":"x""#), "bad_number: `stan`"),
        (
            major,
            replaced("currency", "\"EURO\"").replace("5716", "57.16"),
            "unknown_currency: `amount_minor`",
        ),
    ] {
        let decoded = decode(settings, &[&record]);
        let refusal = &decoded.refusals[0];
        let said = format!("{}: {}", refusal.reason, refusal.detail);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn one_of_several_keys_is_needed_whole_where_it_is_there() {
    let key = |name| KeySpec::from_names(&[name]).unwrap();
    let wanted = Wanted {
        own: Vec::new(),
        projection: Arc::new(Projection::new([Column::Stan])),
        keys: vec![key("terminal_id"), key("card_token")],
        optional: Vec::new(),
    };
    let plan = DecodePlan::for_wanted(&DecodeSettings::default(), &wanted).unwrap();
    let decoded = Decoder::new(Arc::new(plan)).decode(&batch(&[with(r#""card_token":[1]"#)]));
    assert!(decoded.refusals[0].detail.starts_with("`card_token`"));
}

#[test]
fn an_amount_that_only_a_comparison_reads_costs_itself() {
    let wanted = Wanted {
        optional: vec![Column::AmountMinor, Column::Currency],
        ..Wanted::new(
            Arc::new(Projection::new([Column::AmountMinor, Column::Currency])),
            &KeySpec::terminal(),
        )
    };
    let plan = DecodePlan::for_wanted(&DecodeSettings::default(), &wanted).unwrap();
    let record = replaced("amount_minor", "57.16");
    let decoded = Decoder::new(Arc::new(plan)).decode(&batch(&[record]));
    assert_eq!(
        counted(&decoded.invalid_fields),
        ["amount_minor amount_precision 1"]
    );
    assert_eq!(show(&decoded.events), ["transaction@0: currency=EUR"]);
}

#[test]
fn a_label_is_refused_unless_its_column_is_named() {
    let label =
        with(r#""type":"label","label_kind":"TC40","reported_time":"soon","fraud_type":[]"#);
    let typed = "record_type.field = \"type\"\n";
    let refused = decode(typed, &[&label]).refusals;
    assert!(refused[0].detail.starts_with("`fraud_type`"), "{refused:?}");
    let named = format!(
        "{typed}invalid = {{ default = \"null\", reported_time = \"null\", fraud_type = \"null\" }}"
    );
    let decoded = decode(&named, &[&label]);
    assert_eq!(decoded.events.kinds, [RecordKind::Label]);
    assert_eq!(
        counted(&decoded.invalid_fields),
        ["fraud_type wrong_type 1", "reported_time bad_time 1"]
    );
}

#[test]
fn strictness_is_said_by_column_or_for_all() {
    let record = with(r#""stan":"x","lat":"x""#);
    let refused = |settings: &str| {
        let decoded = decode(settings, &[&record]);
        decoded.refusals.first().map(|r| r.detail.clone())
    };
    assert_eq!(refused(""), None);
    let lat = refused("invalid.lat = \"refuse\"").unwrap();
    assert_eq!(lat, "`lat`: not a number");
    assert!(refused(STRICT).unwrap().starts_with("`stan`"));
    let all_but = "invalid = { default = \"refuse\", stan = \"null\" }";
    assert!(refused(all_but).unwrap().starts_with("`lat`"));
}

#[test]
fn a_column_of_the_site_follows_its_own_name() {
    let read = |invalid: &str| {
        let settings =
            format!("{invalid}\n[columns]\nqueue_ms = {{ type = \"integer\", header = \"q\" }}");
        let settings: DecodeSettings = toml::from_str(&settings).unwrap();
        let own = settings.own_columns().unwrap();
        let projection = Arc::new(Projection::new([]));
        let key = KeySpec::terminal();
        let plan = DecodePlan::with_own_columns(&settings, projection, &own, &key).unwrap();
        let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
        for (offset, header) in (0..).zip([&b"soon"[..], b"\xff", b"7"]) {
            let header = ("q", Some(header));
            raw.push(offset, None, None, Some(GOOD.as_bytes()), [header]);
        }
        Decoder::new(Arc::new(plan)).decode(&raw)
    };
    let decoded = read("");
    assert_eq!(decoded.events.marks, [INVALID, INVALID, NONE]);
    assert_eq!(
        counted(&decoded.invalid_fields),
        ["queue_ms bad_number 1", "queue_ms invalid_utf8 1"]
    );
    assert_eq!(cell(decoded.events.named("queue_ms").unwrap(), 2), "7");
    assert_eq!(read("invalid.queue_ms = \"refuse\"").refusals.len(), 2);
}

#[test]
fn settings_name_columns_that_may_be_null() {
    let message = |settings: &str| plan_of(settings, all_columns()).unwrap_err().to_string();
    expect_test::expect![[r#"
        [
            "decode: `latt` is not a known column; did you mean `lat`?",
            "decode: column `event_time` is one that records need: without it they are refused; take it out of [decode.invalid]",
            "decode: column `merchant_id` is one that records need: without it they are refused; take it out of [decode.invalid]",
            "decode: column `amount_minor` is one that records need: without it they are refused; take it out of [decode.invalid]",
            "decode: column `stan` is one that records need: without it they are refused; take it out of [decode.invalid]",
        ]
    "#]]
    .assert_debug_eq(
        &[
            "invalid.latt = \"null\"",
            "invalid.event_time = \"null\"",
            "invalid.merchant_id = \"null\"",
            "invalid.amount_minor = \"null\"",
            "fields.event_id = { from = [\"stan\"] }\ninvalid.stan = \"null\"",
        ]
        .map(message),
    );
    assert!(plan_of("invalid.event_time = \"refuse\"", all_columns()).is_ok());
    assert!(toml::from_str::<DecodeSettings>("invalid.lat = \"zero\"").is_err());
}

#[test]
fn the_edition_of_codes_is_unknown_where_it_cannot_be_read() {
    let settings = "[columns]\n[fields]\nspec_version = \"edition\"";
    let record = with(r#""edition":[],"response_code":"100""#);
    let decoded = decode(settings, &[record]);
    assert_eq!(
        counted(&decoded.invalid_fields),
        ["spec_version wrong_type 1"]
    );
    let code = decoded.events.text(Column::ResponseCode).unwrap();
    assert_eq!(code.value(0), "05");
}
