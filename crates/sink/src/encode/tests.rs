use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Float64Type, TimestampMillisecondType};
use proptest::prelude::*;
use serde_json::{Value, json};
use tillwatch_records::{
    Cause, Flags, RawBatch, RecordKind, RecordKinds, ScoreBatch, TopicId, TopicPartition,
};

use super::*;
use crate::DeadLetter;
use crate::test_support::{alert, batch, from_parts, reason};

fn score(encoder: &ScoreEncoder<'_>, row: usize) -> Value {
    let mut out = Vec::new();
    encoder.score(row, &mut out);
    assert!(!out.contains(&b'\n'));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_plain_score_has_no_empty_fields() {
    let batch = batch(1, 1);
    let mut out = Vec::new();
    let mut bare = batch;
    bare.reasons = tillwatch_records::score::ReasonLists::with_capacity(1);
    bare.reasons.push_row([]);
    ScoreEncoder::new(&bare, false).score(0, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"score_id\":\"payments/3/1\",\"event_id\":\"e1\",\"key\":\"k1\",\
         \"event_time\":1700000000001,\"score\":1,\"probability\":0.0010030090270812437,\
         \"band\":\"review\",\"model\":\"terminal-rules@1\",\
         \"model_hash\":\"00112233445566ff\",\"catalog\":\"0123456789abcdef\",\
         \"topic\":\"payments\",\"partition\":3,\"offset\":1}"
    );
}

#[test]
fn the_reference_data_is_named_when_there_is_some() {
    let mut batch = batch(1, 1);
    assert_eq!(
        score(&ScoreEncoder::new(&batch, false), 0).get("registry"),
        None
    );
    let plain = scores_to_record_batch(&batch, false).unwrap();
    assert!(plain.column_by_name("registry").is_none());
    batch.versions = std::sync::Arc::new(tillwatch_records::Versions {
        reference: Some("00ff".to_owned()),
        ..tillwatch_records::Versions::clone(&batch.versions)
    });
    let encoded = score(&ScoreEncoder::new(&batch, false), 0);
    assert_eq!(encoded["registry"], "00ff");
    assert_eq!(
        (&encoded["partition"], &encoded["offset"]),
        (&json!(3), &json!(1))
    );
    let table = scores_to_record_batch(&batch, false).unwrap();
    let registry = table.column_by_name("registry").unwrap();
    assert_eq!(registry.as_string::<i32>().value(0), "00ff");
    assert_eq!(table.num_columns(), plain.num_columns() + 1);
}

#[test]
fn other_models_are_named_on_the_rows_they_speak_of() {
    let mut batch = batch(8, 2);
    let other = tillwatch_records::Versions {
        model: "other@7".to_owned(),
        model_hash: "beef".to_owned(),
        ..tillwatch_records::Versions::clone(&batch.versions)
    };
    batch.challenge = Some(tillwatch_records::Challenge {
        versions: std::sync::Arc::new(other),
        rows: vec![false, true],
    });
    batch.attributions[1] = tillwatch_records::Attribution::Exact;
    let shadow = |model: &str, probabilities: &[f64]| tillwatch_records::ShadowScores {
        model: model.into(),
        probabilities: probabilities.to_vec(),
    };
    batch.shadows = vec![
        shadow("warming@1", &[f64::NAN, 0.5]),
        shadow("left-out@1", &[]),
        shadow("third@2", &[0.25, 0.75]),
    ];
    let encoder = ScoreEncoder::new(&batch, false);
    let (first, second) = (score(&encoder, 0), score(&encoder, 1));
    assert_eq!(first["model"], "terminal-rules@1");
    assert_eq!(first["shadows"], json!({"third@2": 0.25}));
    assert_eq!(first.get("attribution"), None);
    assert_eq!(
        (&second["model"], &second["model_hash"]),
        (&json!("other@7"), &json!("beef"))
    );
    assert_eq!(
        second["shadows"],
        json!({"warming@1": 0.5, "third@2": 0.75})
    );
    assert_eq!(second["attribution"], "exact");

    let table = scores_to_record_batch(&batch, false).unwrap();
    let text = |name: &str| {
        table
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .clone()
    };
    assert_eq!(text("model").value(1), "other@7");
    assert_eq!(text("attribution").value(0), "none");
    let nulls = |name: &str| table.column_by_name(name).unwrap().null_count();
    let counts = ["shadow_warming@1", "shadow_left-out@1", "shadow_third@2"].map(nulls);
    assert_eq!(counts, [1, 2, 0]);
}

#[test]
fn reasons_flags_and_features_are_there_when_they_say_something() {
    let mut batch = batch(8, 2);
    batch.flags[0] = Flags::LATE | Flags::WARMING;
    let encoder = ScoreEncoder::new(&batch, true);
    let first = score(&encoder, 0);
    assert_eq!(first["flags"], json!(["LATE", "WARMING"]));
    assert_eq!(first["features"], json!({"amount \"1h\"": 1.0}));
    assert_eq!(
        first["reasons"],
        json!([{
            "code": "CARD_ENUMERATION", "typology": "fabricated", "severity": "critical",
            "feature": "cards_1h", "value": 0.0, "threshold": 12.5, "contribution": 0.75,
            "words": "many cards, \"one\" till",
        }])
    );
    let second = score(&encoder, 1);
    for absent in ["flags", "reasons"] {
        assert_eq!(second.get(absent), None);
    }
}

#[test]
fn an_alert_says_what_to_do() {
    let mut batch = batch(8, 2);
    batch.alerts = vec![alert(0)];
    let mut out = Vec::new();
    ScoreEncoder::new(&batch, false).alert(&batch.alerts[0], Some(5), &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["alert_id"], "payments/3/8/fabricated");
    assert_eq!(value["score_id"], "payments/3/8");
    assert_eq!(value["action"], "block the terminal");
    assert_eq!(value["words"], "many cards, \"one\" till");
    assert_eq!(value["model_hash"], "00112233445566ff");
    assert_eq!(value["suppressed_count"], 2);
    assert_eq!(value["decision_time"], 5);
    assert_eq!(value["reasons"][0]["code"], "CARD_ENUMERATION");

    batch.alerts[0].typology = None;
    batch.alerts[0].row = 1;
    out.clear();
    ScoreEncoder::new(&batch, false).alert(&batch.alerts[0], None, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["alert_id"], "payments/3/10/score");
    assert_eq!(value["words"], "high score");
    assert_eq!(value.get("decision_time"), None);
}

/// A transaction, a terminal event, and two timers that the event's time has made go off.
fn mixed() -> ScoreBatch {
    let event = Cause::Record(RecordKind::TerminalEvent);
    let mut batch = from_parts(
        vec![Some("e1"), Some("e2"), None, None],
        vec![Some("a"), Some("a"), Some("b\"/1"), Some("c")],
        vec![8, 9, 9, 9],
        vec![0.5; 4],
        vec![None; 4],
    );
    batch.emissions.causes[1..].copy_from_slice(&[event, Cause::Timer, Cause::Timer]);
    batch.emissions.times_ms[2] = 7;
    batch.emissions.scored =
        RecordKinds::new([RecordKind::Transaction, RecordKind::TerminalEvent]).unwrap();
    batch.emissions.has_timers = true;
    batch
}

#[test]
fn a_cause_other_than_a_transaction_is_told() {
    let batch = mixed();
    let encoder = ScoreEncoder::new(&batch, false);
    let found: Vec<Value> = (0..batch.len()).map(|row| score(&encoder, row)).collect();
    let causes: Vec<Option<&str>> = found
        .iter()
        .map(|score| score.get("cause").and_then(Value::as_str))
        .collect();
    assert_eq!(
        causes,
        [None, Some("terminal_event"), Some("timer"), Some("timer")]
    );
    let ids: Vec<&str> = found
        .iter()
        .map(|score| score["score_id"].as_str().unwrap())
        .collect();
    let expected = [
        "payments/3/8",
        "payments/3/9",
        "payments/3/9/timer/7/b\"/1",
        "payments/3/9/timer/1700000000009/c",
    ];
    assert_eq!(ids, expected);
    assert_eq!(batch.score_ids().collect::<Vec<_>>(), expected);
    assert_eq!(
        (&found[2]["event_time"], found[2].get("event_id")),
        (&json!(7), None)
    );
    assert_eq!(found[2]["key"], "b\"/1");

    let mut out = Vec::new();
    encoder.alert(&alert(2), None, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["alert_id"], "payments/3/9/timer/7/b\"/1/fabricated");
    assert_eq!(
        (&value["cause"], &value["event_time"]),
        (&json!("timer"), &json!(7))
    );

    let table = scores_to_record_batch(&batch, false).unwrap();
    let text = |name: &str| table.column_by_name(name).unwrap().as_string::<i32>();
    let column: Vec<Option<&str>> = text("cause").iter().collect();
    assert_eq!(column[..2], [Some("transaction"), Some("terminal_event")]);
    assert_eq!(
        text("score_id").iter().flatten().collect::<Vec<_>>(),
        expected
    );
    let times = table.column_by_name("event_time").unwrap();
    assert_eq!(times.as_primitive::<TimestampMillisecondType>().value(2), 7);
}

#[test]
fn an_id_tells_topics_of_one_name_apart() {
    let mut batch = batch(8, 2);
    batch.events.topic_id = TopicId::new("Zk3-x_9QRs2vAbCdEfGhIj");
    let expected = ["payments@Zk3-x_9Q/3/8", "payments@Zk3-x_9Q/3/10"];
    assert_eq!(batch.score_ids().collect::<Vec<_>>(), expected);
    let table = scores_to_record_batch(&batch, false).unwrap();
    let ids = table.column_by_name("score_id").unwrap();
    let ids: Vec<&str> = ids.as_string::<i32>().iter().flatten().collect();
    assert_eq!(ids, expected);
    let encoder = ScoreEncoder::new(&batch, false);
    for (row, id) in expected.iter().enumerate() {
        let score = score(&encoder, row);
        assert_eq!(
            (&score["score_id"], &score["topic"]),
            (&json!(id), &json!("payments"))
        );
    }
    let mut out = Vec::new();
    encoder.alert(&alert(1), None, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["score_id"], expected[1]);
    assert_eq!(value["alert_id"], "payments@Zk3-x_9Q/3/10/fabricated");
    // Two records at one position, of topics that had one name.
    batch.events.topic_id = TopicId::new("Zk3-x_9ZRs2vAbCdEfGhIj");
    assert!(batch.score_ids().all(|id| !expected.contains(&&*id)));
}

#[test]
fn tables_of_one_flow_are_alike_whatever_a_batch_holds() {
    let (several, mut alone) = (mixed(), batch(8, 3));
    let schema = |batch: &ScoreBatch| scores_to_record_batch(batch, false).unwrap().schema();
    assert!(schema(&alone).field_with_name("cause").is_err());
    alone.emissions.scored = several.emissions.scored;
    assert_eq!(schema(&alone), schema(&several));
    assert_eq!(
        score(&ScoreEncoder::new(&alone, false), 0).get("cause"),
        None
    );
}

#[test]
fn a_dead_letter_keeps_every_byte() {
    let source = TopicPartition::new("t", 0);
    let mut raw = RawBatch::new(source.clone());
    raw.push(
        4,
        Some(9),
        None,
        Some(&[0, 255, b'"']),
        [("a", None), ("b", Some(&b"\xff"[..]))],
    );
    raw.push(5, None, Some(b"k"), None, []);
    let line = |index| {
        let letter = DeadLetter {
            source: &source,
            topic_id: None,
            record: raw.get(index),
            mask: None,
            reason: "not_json",
            detail: "at byte 3",
        };
        let mut out = Vec::new();
        dead_letter_json(&letter, &mut out);
        serde_json::from_slice::<Value>(&out).unwrap()
    };
    assert_eq!(
        line(0),
        json!({
            "reason": "not_json", "detail": "at byte 3", "topic": "t", "partition": 0, "offset": 4,
            "timestamp": 9, "payload": "AP8i", "headers": [["a", null], ["b", "/w=="]],
        })
    );
    assert_eq!(
        line(1),
        json!({
            "reason": "not_json", "detail": "at byte 3", "topic": "t", "partition": 0, "offset": 5,
            "key": "aw==",
        })
    );
}

#[test]
fn a_table_holds_the_same_as_the_lines() {
    let mut batch = batch(8, 20);
    batch.flags[1] = Flags::DUPLICATE;
    let table = scores_to_record_batch(&batch, true).unwrap();
    assert_eq!(table.num_rows(), 20);
    let text = |name: &str| table.column_by_name(name).unwrap().as_string::<i32>();
    assert_eq!(text("score_id").value(1), "payments/3/10");
    assert_eq!(text("band").value(1), "review");
    assert!(text("reasons").is_null(1));
    let reasons: Value = serde_json::from_str(text("reasons").value(7)).unwrap();
    assert_eq!(
        reasons,
        score(&ScoreEncoder::new(&batch, false), 7)["reasons"]
    );
    let codes = table
        .column_by_name("reason_codes")
        .unwrap()
        .as_list::<i32>();
    assert_eq!(
        codes.value(0).as_string::<i32>().value(0),
        "CARD_ENUMERATION"
    );
    assert_eq!(codes.value(1).len(), 0);
    let flags = table.column_by_name("flags").unwrap().as_list::<i32>();
    assert_eq!(flags.value(1).as_string::<i32>().value(0), "DUPLICATE");
    let feature = table.column_by_name("amount \"1h\"").unwrap();
    assert_eq!(feature.as_primitive::<Float64Type>().value(0), 1.0);
    assert!(scores_to_record_batch(&batch, false).unwrap().num_columns() < table.num_columns());
}

/// Equal but for the last bits, which serde_json's quick reader does not promise.
fn near(found: &Value, value: f64) -> bool {
    let found = found.as_f64().unwrap();
    (found - value).abs() <= value.abs() * 1e-14
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_score_reads_back_the_same(
        id in proptest::option::of("\\PC{0,12}|[\\x00-\\x7f]{0,12}"),
        key in proptest::option::of("(?s).{0,12}"),
        offset in 0..=i64::MAX - 1_700_000_000_000,
        probability in 0.0..=1.0_f64,
        amount in proptest::option::of(any::<f64>()),
        value in any::<f64>(),
        words in "(?s).{0,20}",
    ) {
        let mut batch = from_parts(
            vec![id.as_deref()], vec![key.as_deref()], vec![offset], vec![probability], vec![amount],
        );
        let mut with_reason = reason(value);
        std::sync::Arc::make_mut(&mut with_reason.definition).words = words.clone();
        batch.reasons = tillwatch_records::score::ReasonLists::with_capacity(1);
        batch.reasons.push_row([with_reason]);
        let read = score(&ScoreEncoder::new(&batch, true), 0);
        prop_assert_eq!(read.get("event_id").and_then(Value::as_str), id.as_deref());
        prop_assert_eq!(read.get("key").and_then(Value::as_str), key.as_deref());
        prop_assert_eq!(read["offset"].as_i64(), Some(offset));
        prop_assert!(near(&read["probability"], probability));
        let feature = read.get("features").map(|all| &all["amount \"1h\""]);
        prop_assert_eq!(feature.is_some(), amount.is_some_and(f64::is_finite));
        prop_assert!(feature.is_none_or(|found| near(found, amount.unwrap_or_default())));
        let found = read["reasons"][0].get("value");
        prop_assert_eq!(found.is_some(), value.is_finite());
        prop_assert!(found.is_none_or(|found| near(found, value)));
        let found = read["reasons"][0].get("words").and_then(Value::as_str);
        prop_assert_eq!(found.unwrap_or_default(), words);
    }

    #[test]
    fn any_number_reads_back_bit_for_bit(value in any::<f64>()) {
        let mut out = Vec::new();
        json::float(&mut out, value);
        let text = String::from_utf8(out).unwrap();
        if value.is_finite() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        } else {
            prop_assert_eq!(text, "null");
        }
    }

    #[test]
    fn any_text_reads_back_the_same(text in any::<String>()) {
        let mut out = Vec::new();
        json::string(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
