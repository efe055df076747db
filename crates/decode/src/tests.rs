//! The decoder as a whole: what is read, what is refused, and that a refusal stays alone.

mod cards;
mod codes;
mod format;
mod ignored;
mod invalid;
mod origins;
mod own;
pub(crate) mod property;
mod refusals;
mod times;
mod wanted;

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMillisecondType};
use arrow::util::display::array_value_to_string;
use tillwatch_records::column::ColumnType;
use tillwatch_records::limits::{JSON_DEPTH_MAX, KEY_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX};
use tillwatch_records::{
    Column, EventBatch, KeySpec, Projection, RawBatch, RecordKind, TopicPartition,
};

use crate::sensitive::is_sensitive_name;
use crate::{
    DecodeError, DecodePlan, DecodeSettings, Decoded, Decoder, RefusalReason, refusal_reasons,
};

/// A whole, small transaction.
const GOOD: &str = r#"{"event_id":"e1","event_time":1522540831250,"acquirer_id":"A","merchant_id":"M","terminal_id":"T","amount_minor":5716,"currency":"EUR"}"#;

fn plan_of(settings: &str, projection: Projection) -> Result<DecodePlan, DecodeError> {
    let settings: DecodeSettings = toml::from_str(settings).unwrap();
    DecodePlan::new(&settings, Arc::new(projection), &KeySpec::terminal())
}

fn all_columns() -> Projection {
    Projection::new(Column::ALL.iter().copied())
}

fn decoder(settings: &str, projection: Projection) -> Decoder {
    Decoder::new(Arc::new(plan_of(settings, projection).unwrap()))
}

fn batch<B: AsRef<[u8]>>(payloads: &[B]) -> RawBatch {
    let mut batch = RawBatch::new(TopicPartition::new("payments", 0));
    for (offset, payload) in payloads.iter().enumerate() {
        batch.push(
            offset as i64,
            Some(1_600_000_000_000),
            None,
            Some(payload.as_ref()),
            [],
        );
    }
    batch
}

fn decode<B: AsRef<[u8]>>(settings: &str, payloads: &[B]) -> Decoded {
    decoder(settings, all_columns()).decode(&batch(payloads))
}

/// The value of `array` at `row` as text; times in milliseconds.
fn cell(array: &dyn Array, row: usize) -> String {
    match array.as_primitive_opt::<TimestampMillisecondType>() {
        Some(times) => times.value(row).to_string(),
        None => array_value_to_string(array, row).unwrap(),
    }
}

/// Rows as text, with the kind and only the columns that are not null.
fn show(events: &EventBatch) -> Vec<String> {
    let schema = events.columns.schema();
    (0..events.len())
        .map(|row| {
            let cells = events.columns.columns().iter().zip(schema.fields());
            let cells: Vec<String> = cells
                .filter(|(array, _)| array.is_valid(row))
                .map(|(array, field)| format!("{}={}", field.name(), cell(array, row)))
                .collect();
            format!(
                "{}@{}: {}",
                events.kinds[row],
                events.offsets[row],
                cells.join(" ")
            )
        })
        .collect()
}

/// Whatever cannot be read refuses its record, which says why.
const STRICT: &str = "invalid.default = \"refuse\"\n";

/// The value of `column` in the only record, decoded with `settings`; or why it cannot be read.
fn value(settings: &str, payload: &str, column: Column) -> Result<Option<String>, String> {
    let decoded = decode(&format!("{STRICT}{settings}"), &[payload]);
    if let Some(refusal) = decoded.refusals.first() {
        assert!(decoded.events.is_empty());
        return Err(format!("{}: {}", refusal.reason, refusal.detail));
    }
    let array = decoded.events.column(column).unwrap();
    Ok(array.is_valid(0).then(|| cell(array, 0)))
}

/// `GOOD` with `member` added.
fn with(member: &str) -> String {
    format!("{},{member}}}", &GOOD[..GOOD.len() - 1])
}

/// `GOOD` with the value of `name` replaced.
fn replaced(name: &str, value: &str) -> String {
    let start = GOOD.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
    let end = start + GOOD[start..].find([',', '}']).unwrap();
    format!("{}{value}{}", &GOOD[..start], &GOOD[end..])
}

fn reason(settings: &str, payload: impl AsRef<[u8]>) -> Option<RefusalReason> {
    let decoded = decode(settings, &[payload]);
    assert_eq!(decoded.events.len() + decoded.refusals.len(), 1);
    decoded.refusals.first().map(|refusal| refusal.reason)
}

#[test]
fn reads_the_canonical_layout() {
    let decoded = decode(
        "",
        &[
            GOOD,
            &with(r#""lat":52.5,"mcc":5411,"stan":"000042","aid":true"#),
        ],
    );
    expect_test::expect![[r#"
        [
            "transaction@0: event_id=e1 event_time=1522540831250 ingest_time=1600000000000 acquirer_id=A merchant_id=M terminal_id=T amount_minor=5716 currency=EUR",
            "transaction@1: event_id=e1 stan=42 event_time=1522540831250 ingest_time=1600000000000 acquirer_id=A merchant_id=M terminal_id=T mcc=5411 amount_minor=5716 currency=EUR aid=true lat=52.5",
        ]
    "#]]
    .assert_debug_eq(&show(&decoded.events));
    assert_eq!(decoded.events.record_timestamps_ms, [1_600_000_000_000; 2]);
    assert_eq!(
        decoded.events.event_times_ms().unwrap(),
        [1_522_540_831_250; 2]
    );
}

#[test]
fn builds_only_what_is_projected_with_the_schema_of_the_projection() {
    let mut decoder = decoder("", Projection::new([Column::AmountMinor, Column::Mcc]));
    let decoded = decoder.decode(&batch(&[GOOD]));
    assert_eq!(
        decoded.events.columns.schema(),
        *decoder_schema(&decoded.events)
    );
    assert_eq!(show(&decoded.events), ["transaction@0: amount_minor=5716"]);
    // What is not read may be of any type.
    let mut decoder = self::decoder("", Projection::new([Column::Mcc]));
    assert!(
        decoder
            .decode(&batch(&[with(r#""stan":{},"lat":"x""#)]))
            .refusals
            .is_empty()
    );
}

fn decoder_schema(events: &EventBatch) -> &arrow::datatypes::SchemaRef {
    events.projection.schema()
}

#[test]
fn no_projected_column_still_counts_rows() {
    let mut decoder = decoder("", Projection::new([]));
    let decoded = decoder.decode(&batch(&[GOOD, "{}"]));
    assert_eq!(
        (decoded.events.columns.num_rows(), decoded.refusals.len()),
        (1, 1)
    );
}

#[test]
fn follows_names_paths_constants_and_escaped_dots() {
    let settings = r#"
        [fields]
        terminal_id = "tid"
        card_token = "card.token"
        bin = "card.issuer.bin"
        rrn = 'ref\.no'
        currency = { constant = "JPY" }
        lat = { constant = 1.5 }
    "#;
    let payload = r#"{"card":{"x":[1,{"token":"no"}],"token":"abc","issuer":{"bin":457173}},
        "tid":"T9","ref.no":"r","event_id":"e","event_time":1522540831250,"acquirer_id":"A",
        "merchant_id":"M","amount_minor":1, "token":"top"}"#;
    expect_test::expect![[r#"
        [
            "transaction@0: event_id=e rrn=r event_time=1522540831250 ingest_time=1600000000000 acquirer_id=A merchant_id=M terminal_id=T9 card_token=abc bin=457173 amount_minor=1 currency=JPY lat=1.5",
        ]
    "#]]
    .assert_debug_eq(&show(&decode(settings, &[payload]).events));
}

#[test]
fn major_amounts_follow_the_currency() {
    let settings = "[units]\namount = \"major\"";
    let amount = |amount: &str, currency: &str| {
        let payload = replaced("amount_minor", amount).replace("\"EUR\"", currency);
        value(settings, &payload, Column::AmountMinor)
    };
    for (written, currency, minor) in [
        ("57.16", "\"EUR\"", "5716"),
        ("\"57.16\"", "\"EUR\"", "5716"),
        ("5.716e1", "978", "5716"),
        ("57", "\"JPY\"", "57"),
        ("57.00", "392", "57"),
        ("0.29", "\"EUR\"", "29"),
        ("1.001", "\"kwd\"", "1001"),
    ] {
        assert_eq!(
            amount(written, currency),
            Ok(Some(minor.into())),
            "{written} {currency}"
        );
    }
    let precision = "amount_precision: `amount_minor`: more decimals than its unit has";
    assert_eq!(amount("57.165", "\"EUR\""), Err(precision.into()));
    assert_eq!(amount("57.1", "\"JPY\""), Err(precision.into()));
    assert!(
        amount("1e10", "\"EUR\"")
            .unwrap_err()
            .starts_with("amount_out_of_range")
    );
    assert!(
        amount("57", "null")
            .unwrap_err()
            .starts_with("missing_field: `currency`")
    );
    // The currency is needed even where nobody else reads it.
    let mut decoder = decoder(settings, Projection::new([Column::AmountMinor]));
    let decoded = decoder.decode(&batch(&[replaced("amount_minor", "0.5")]));
    assert_eq!(show(&decoded.events), ["transaction@0: amount_minor=50"]);
}

#[test]
fn minor_amounts_are_bounded() {
    let refused = |written: &str| reason("", replaced("amount_minor", written));
    assert_eq!(refused("999999999999"), None);
    assert_eq!(refused("5716.00"), None);
    assert_eq!(
        refused("1000000000000"),
        Some(RefusalReason::AMOUNT_OUT_OF_RANGE)
    );
    assert_eq!(refused("-1"), Some(RefusalReason::AMOUNT_OUT_OF_RANGE));
    assert_eq!(refused("57.16"), Some(RefusalReason::AMOUNT_PRECISION));
    assert_eq!(refused("\"x\""), Some(RefusalReason::BAD_NUMBER));
    assert_eq!(refused("true"), Some(RefusalReason::WRONG_TYPE));
    assert_eq!(refused("null"), Some(RefusalReason::MISSING_FIELD));
}

#[test]
fn times_without_a_zone_are_utc() {
    let settings = "[units]\nevent_time = \"rfc3339\"\nreported_time = \"s\"";
    for written in [
        "2018-04-01T00:00:31",
        "2018-04-01 00:00:31",
        "2018-04-01T00:00:31Z",
    ] {
        let payload = replaced("event_time", &format!("\"{written}\""));
        let time = value(settings, &payload, Column::EventTime);
        assert_eq!(time, Ok(Some("1522540831000".into())));
    }
    assert_eq!(reason(settings, GOOD), Some(RefusalReason::BAD_TIME));
    assert_eq!(
        reason("", replaced("event_time", "1522540831")),
        Some(RefusalReason::TIME_OUT_OF_RANGE)
    );
}

#[test]
fn record_types_come_from_field_header_or_topic() {
    let event = r#"{"type":"STATUS","event_id":"e","event_time":1522540831250,"acquirer_id":"A","merchant_id":"M","terminal_id":"T","event_type":"BOOT","amount_minor":"not looked at"}"#;
    let settings = "[record_type]\nfield = \"type\"\nvalues = { STATUS = \"terminal_event\" }";
    let decoded = decode(settings, &[event, GOOD]);
    assert_eq!(
        decoded.events.kinds,
        [RecordKind::TerminalEvent, RecordKind::Transaction]
    );
    let types = decoded.events.text(Column::EventType).unwrap();
    assert_eq!((types.value(0), types.is_null(1)), ("BOOT", true));

    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    raw.push(
        0,
        None,
        None,
        Some(event.as_bytes()),
        [("kind", Some(&b"terminal_event"[..]))],
    );
    raw.push(1, None, None, Some(GOOD.as_bytes()), []);
    raw.push(
        2,
        None,
        None,
        Some(GOOD.as_bytes()),
        [("kind", Some(&b"?"[..]))],
    );
    let decoded = decoder("[record_type]\nheader = \"kind\"", all_columns()).decode(&raw);
    assert_eq!(
        decoded.events.kinds,
        [RecordKind::TerminalEvent, RecordKind::Transaction]
    );
    assert_eq!(
        decoded.refusals[0].reason,
        RefusalReason::UNKNOWN_RECORD_TYPE
    );
    // Without a Kafka timestamp the event time stands in.
    assert_eq!(decoded.events.record_timestamps_ms, [1_522_540_831_250; 2]);

    let by_topic = "[record_type]\ntopics = { payments = \"terminal_event\" }";
    assert_eq!(
        decode(by_topic, &[event]).events.kinds,
        [RecordKind::TerminalEvent]
    );
}

#[test]
fn event_ids_are_derived() {
    let settings =
        "fields.event_id = { from = [\"terminal_id\", \"stan\", \"event_type\", \"event_time\"] }";
    let payload = with(r#""stan":7"#).replace("\"T\"", "\"a/b~\"");
    let id = value(settings, &payload, Column::EventId);
    assert_eq!(id, Ok(Some("a~1b~0/7/1522540831250".into())));
    let refusal = value(settings, GOOD, Column::EventId).unwrap_err();
    assert!(
        refusal.starts_with("missing_field: `event_id`"),
        "{refusal}"
    );
    // The columns it is derived from need not be projected.
    let mut decoder = decoder(settings, Projection::new([Column::EventId]));
    let decoded = decoder.decode(&batch(&[GOOD, &payload]));
    assert_eq!(
        show(&decoded.events),
        ["transaction@1: event_id=a~1b~0/7/1522540831250"]
    );
    // A terminal event has no trace audit number; a label cannot come to the id of a transaction.
    let event = format!(
        "[record_type]\ndefault = \"terminal_event\"\n[fields]\n{}",
        &settings[7..]
    );
    let payload = with(r#""event_type":"BOOT""#);
    let id = value(&event, &payload, Column::EventId);
    assert_eq!(id, Ok(Some("T/BOOT/1522540831250".into())));
    let label = event.replace("terminal_event", "label");
    assert_eq!(value(&label, GOOD, Column::EventId), Ok(None));
}

#[test]
fn labels_name_their_transaction_one_way_or_the_other() {
    let settings = "[record_type]\ndefault = \"label\"";
    let time = |payload: &str| value(settings, payload, Column::EventTime);
    let reported =
        r#"{"event_id":"e","reported_time":1522540831250,"occurred_time":1500000000000}"#;
    assert_eq!(time(reported), Ok(Some("1522540831250".into())));
    assert_eq!(
        time(r#"{"event_id":"e"}"#),
        Ok(Some("1600000000000".into()))
    );
    let keyed =
        r#"{"acquirer_id":"A","merchant_id":"M","terminal_id":"T","event_time":1522540831250}"#;
    assert_eq!(time(keyed), Ok(Some("1522540831250".into())));
    let refused = time(r#"{"terminal_id":"T","event_time":1522540831250}"#).unwrap_err();
    assert!(
        refused.starts_with("missing_field: a label needs"),
        "{refused}"
    );
}

#[test]
fn field_order_never_matters() {
    // Fields that come, go and change places, so that predictions fail in every way.
    let members: Vec<&str> = GOOD[1..GOOD.len() - 1].split(',').collect();
    let extras = [
        r#""x":1"#,
        r#""stan":3"#,
        r#""y":{"event_id":"inner"}"#,
        r#""rrn":"r""#,
    ];
    let mut payloads = Vec::new();
    for turn in 0..members.len() * 4 {
        let mut shuffled = members.clone();
        shuffled.rotate_left(turn % members.len());
        for (position, extra) in extras.iter().enumerate() {
            if (turn >> position) & 1 == 1 {
                shuffled.insert((turn * 3 + position) % shuffled.len(), extra);
            }
        }
        let comma = if turn % 3 == 0 { " , " } else { "," };
        payloads.push(format!("{{{}}}", shuffled.join(comma)));
    }
    let together = decode("", &payloads);
    assert!(together.refusals.is_empty());
    for (row, payload) in payloads.iter().enumerate() {
        let alone = decode("", &[payload]).events;
        assert_eq!(
            alone.columns,
            together.events.columns.slice(row, 1),
            "{payload}"
        );
    }
}

#[test]
fn types_are_those_of_the_schema() {
    let events = decode("", &[GOOD]).events;
    for column in Column::ALL {
        let array = events.column(*column).unwrap();
        assert_eq!(array.data_type(), &column.kind().data_type());
        match array.data_type() {
            DataType::Utf8 => assert!(array.as_string_opt::<i32>().is_some()),
            DataType::Int64 => assert!(array.as_primitive_opt::<Int64Type>().is_some()),
            DataType::Float64 => assert!(array.as_primitive_opt::<Float64Type>().is_some()),
            _ => assert!(
                array
                    .as_primitive_opt::<TimestampMillisecondType>()
                    .is_some()
            ),
        }
    }
}
