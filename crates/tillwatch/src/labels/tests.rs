use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::{
    Column, EventBatch, KeySpec, Projection, RawBatch, RecordKind, TopicPartition,
};

use super::*;
use crate::config::LabelSettings;

fn settings(text: &str) -> DecodeSettings {
    toml::from_str(text).unwrap()
}

fn labels() -> LabelSettings {
    toml::from_str("column = 'TX_FRAUD'\ndelay = '1s'").unwrap()
}

const HANDBOOK: &str = "
    [fields]
    event_id = 'TRANSACTION_ID'
    terminal_id = 'TERMINAL_ID'
    event_time = 'TX_DATETIME'
    [units]
    event_time = 'rfc3339'
    [record_type]
    header = 'record_type'";

#[test]
fn labels_wait_and_carry_what_joins_them() {
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let mut labels = LabelRecords::new(&labels(), &settings(HANDBOOK), &key).unwrap();
    let row = br#"{"TRANSACTION_ID":7,"TERMINAL_ID":3,"TX_AMOUNT":1.5,"TX_FRAUD":1}"#;
    labels.plan(7, row, "3", 1_522_540_831_000).unwrap();
    labels
        .plan(
            8,
            br#"{"TRANSACTION_ID":8,"TX_FRAUD":null}"#,
            "3",
            1_522_540_831_000,
        )
        .unwrap();
    assert!(labels.due(1_522_540_831_999).is_none());
    let label = labels.due(1_522_540_832_000).unwrap();
    assert_eq!(label.header.as_deref(), Some("record_type"));
    assert_eq!(
        String::from_utf8(label.json).unwrap(),
        r#"{"TERMINAL_ID":3,"TRANSACTION_ID":7,"TX_DATETIME":"2018-04-01T00:00:32Z","label_kind":"CONFIRMED"}"#
    );
    assert!(labels.due(i64::MAX).is_none());
}

#[test]
fn their_times_are_written_as_the_configuration_reads_them() {
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    for (format, in_json) in [
        ("'ms'", "1522540832000"),
        ("'s'", "1522540832.0"),
        ("'ns'", "1522540832000000000"),
        ("'de7'", "\"0401000032\""),
        (
            "{ format = 'rfc3339', zone = 'Europe/Berlin' }",
            "\"2018-04-01T00:00:32Z\"",
        ),
        (
            "{ pattern = '%d/%m/%Y %H:%M:%S', zone = 'Europe/Berlin' }",
            "\"01/04/2018 02:00:32\"",
        ),
        ("{ base = '2018-03-31', unit = 'h' }", "\"24.008888888889\""),
    ] {
        let format = format!("event_time = {format}");
        let decode = settings(&HANDBOOK.replace("event_time = 'rfc3339'", &format));
        let mut labels = LabelRecords::new(&labels(), &decode, &key).unwrap();
        let row = br#"{"TRANSACTION_ID":7,"TERMINAL_ID":3,"TX_FRAUD":1}"#;
        labels.plan(7, row, "3", 1_522_540_831_000).unwrap();
        let label = labels.due(i64::MAX).unwrap();
        let json = String::from_utf8(label.json).unwrap();
        assert!(
            json.contains(&format!("\"TX_DATETIME\":{in_json},")),
            "{json}"
        );
        let projection = Arc::new(Projection::new([Column::EventTime]));
        let plan = Arc::new(DecodePlan::new(&decode, projection, &key).unwrap());
        let mut raw = RawBatch::new(TopicPartition::new("t", 0));
        let header = ("record_type", Some(&b"label"[..]));
        raw.push(
            0,
            Some(label.time_ms),
            None,
            Some(json.as_bytes()),
            [header],
        );
        let events = Decoder::new(plan).decode(&raw).events;
        assert_eq!(
            events.event_times_ms().unwrap()[..],
            [1_522_540_832_000],
            "{format}"
        );
    }
}

#[test]
fn a_configuration_that_cannot_tell_labels_is_refused() {
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let Err(error) = LabelRecords::new(&labels(), &settings(""), &key) else {
        panic!("labels were accepted")
    };
    assert!(error.to_string().contains("[decode.record_type]"));
}

/// Rows as they arrive: out of order once, three at the same time, outcomes of every spelling.
const ROWS: [&str; 8] = [
    r#"{"TRANSACTION_ID":0,"TERMINAL_ID":3,"CUSTOMER_ID":"a","TX_DATETIME":"2018-04-01T00:00:00Z","TX_FRAUD":1}"#,
    r#"{"TRANSACTION_ID":1,"TERMINAL_ID":4,"CUSTOMER_ID":"b","TX_DATETIME":"2018-04-01T00:00:01Z","TX_FRAUD":0}"#,
    r#"{"TRANSACTION_ID":2,"TERMINAL_ID":3,"CUSTOMER_ID":"b","TX_DATETIME":"2018-04-01T00:00:01Z","TX_FRAUD":true}"#,
    r#"{"TRANSACTION_ID":3,"TERMINAL_ID":3}"#,
    r#"{"TRANSACTION_ID":4,"TERMINAL_ID":3,"CUSTOMER_ID":"a","TX_DATETIME":"2018-04-01T00:00:01Z","TX_FRAUD":null}"#,
    r#"{"TRANSACTION_ID":5,"TERMINAL_ID":5,"CUSTOMER_ID":"c","TX_DATETIME":"2018-04-01T00:00:03Z","TX_FRAUD":0.0}"#,
    r#"{"TRANSACTION_ID":6,"TERMINAL_ID":5,"CUSTOMER_ID":"c","TX_DATETIME":"2018-04-01T00:00:02Z","TX_FRAUD":false}"#,
    r#"{"TRANSACTION_ID":7,"TERMINAL_ID":3,"CUSTOMER_ID":"a","TX_DATETIME":"2018-04-01T00:00:04Z","TX_FRAUD":1}"#,
];

/// Kinds, times and columns of decoded rows.
type Rows = (Vec<RecordKind>, Vec<i64>, String);

fn rows_of(batches: &[EventBatch]) -> Rows {
    let columns: Vec<_> = batches.iter().map(|batch| &batch.columns).collect();
    let schema = columns[0].schema();
    let columns = arrow::compute::concat_batches(&schema, columns).unwrap();
    (
        batches.iter().flat_map(|b| b.kinds.clone()).collect(),
        batches
            .iter()
            .flat_map(|b| b.record_timestamps_ms.clone())
            .collect(),
        format!("{columns:?}"),
    )
}

#[test]
fn merged_labels_are_what_their_records_would_be() {
    let key = KeySpec::from_names(&["terminal_id", "card_token"]).unwrap();
    let decode = settings(&HANDBOOK.replace(
        "[units]",
        "card_token = 'CUSTOMER_ID'\nacquirer_id = { constant = 'x' }\n[units]",
    ));
    let projection = Arc::new(Projection::new([
        Column::EventId,
        Column::EventTime,
        Column::IngestTime,
        Column::AcquirerId,
        Column::TerminalId,
        Column::CardToken,
        Column::Stan,
        Column::LabelKind,
        Column::ReportedTime,
    ]));
    let plan = Arc::new(DecodePlan::new(&decode, projection, &key).unwrap());
    for delay in ["0ms", "1s", "2s", "1h"] {
        let labels = LabelSettings {
            delay: delay.parse().unwrap(),
            ..labels()
        };
        let mut records = LabelRecords::new(&labels, &decode, &key).unwrap();
        let mut written = RawBatch::new(TopicPartition::new("t", 0));
        let mut offset = 0..;
        for row in ROWS {
            let mut alone = RawBatch::new(TopicPartition::new("t", 0));
            alone.push(0, None, None, Some(row.as_bytes()), []);
            let events = Decoder::new(Arc::clone(&plan)).decode(&alone).events;
            let Some(time_ms) = events.event_times_ms().unwrap().first().copied() else {
                continue;
            };
            while let Some(label) = records.due(time_ms) {
                let header = ("record_type", Some(&b"label"[..]));
                let at = Some(label.time_ms);
                let offset = offset.next().unwrap();
                written.push(offset, at, None, Some(&label.json), [header]);
            }
            let offset = offset.next().unwrap();
            written.push(offset, Some(time_ms), None, Some(row.as_bytes()), []);
            records.plan(0, row.as_bytes(), "", time_ms).unwrap();
        }
        let decoded = Decoder::new(Arc::clone(&plan)).decode(&written);
        assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
        let expected = rows_of(&[decoded.events]);
        for batch_rows in 1..=ROWS.len() {
            let mut decoder = Decoder::new(Arc::clone(&plan));
            let mut merge = LabelMerge::new(&labels, &decode, &key);
            let mut offset = 0..;
            let merged: Vec<EventBatch> = ROWS
                .chunks(batch_rows)
                .map(|rows| {
                    let mut raw = RawBatch::new(TopicPartition::new("t", 0));
                    for row in rows {
                        let offset = offset.next().unwrap();
                        raw.push(offset, None, None, Some(row.as_bytes()), []);
                    }
                    let events = decoder.decode(&raw).events;
                    merge
                        .merge(&raw, events, |offset| offset, &mut RefusedLabels::default())
                        .unwrap()
                })
                .collect();
            assert_eq!(
                rows_of(&merged),
                expected,
                "{delay}, batches of {batch_rows}"
            );
        }
    }
}

#[test]
fn a_label_that_cannot_be_read_costs_itself() {
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    let decode = settings(HANDBOOK);
    let projection = Arc::new(Projection::new([Column::EventTime, Column::LabelKind]));
    let plan = Arc::new(DecodePlan::new(&decode, projection, &key).unwrap());
    let mut raw = RawBatch::new(TopicPartition::new("t", 0));
    let bad = ROWS[0].replace("\"TX_FRAUD\":1", "\"TX_FRAUD\":\"4111111111111111\"");
    raw.push(17, None, None, Some(bad.as_bytes()), []);
    raw.push(18, None, None, Some(ROWS[1].as_bytes()), []);
    raw.push(19, None, None, Some(ROWS[7].as_bytes()), []);
    let events = Decoder::new(plan).decode(&raw).events;
    let mut refused = RefusedLabels::default();
    let merged = LabelMerge::new(&labels(), &decode, &key)
        .merge(&raw, events, |offset| offset, &mut refused)
        .unwrap();
    let is_label = |kind: &&RecordKind| **kind == RecordKind::Label;
    assert_eq!(merged.kinds.iter().filter(is_label).count(), 1);
    assert_eq!(merged.len(), 4);
    let words = refused.words("TX_FRAUD").to_string();
    assert!(
        words.contains("`TX_FRAUD`") && words.ends_with("in row 17"),
        "{words}"
    );
    assert!(!refused.are_all());

    let mut records = LabelRecords::new(&labels(), &decode, &key).unwrap();
    records
        .plan(17, bad.as_bytes(), "3", 1_522_540_831_000)
        .unwrap();
    assert!(records.due(i64::MAX).is_none());
    assert!(records.refused().are_all());
}
