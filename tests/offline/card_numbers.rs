//! Card numbers in clear: no score, dead letter, log or metric of a running process shows one, and letters
//! whose digits are hidden wait for somebody who has the record.

use std::path::Path;

use serde_json::Value;
use tillwatch_testkit::broker::{TestRecord, produce, read_all};

use crate::faults::setup;
use crate::support::{Instance, header, json, succeed, tillwatch, wait_for};

const PAN: &str = "4111111111111111";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn record(id: &str, time_ms: i64, more: &str) -> TestRecord {
    let payload = format!(
        r#"{{"event_id":"{id}","event_time":{time_ms},"acquirer_id":"1","merchant_id":"2","terminal_id":"3","#
    );
    let payload = format!(r#"{payload}"mcc":"5999","currency":"EUR","amount_minor":100,{more}}}"#);
    TestRecord {
        key: Some(PAN.as_bytes().to_vec()),
        payload: Some(payload.into_bytes()),
        timestamp_ms: Some(time_ms),
        ..TestRecord::default()
    }
}

fn shown(record: &TestRecord) -> String {
    let bytes = |bytes: &Option<Vec<u8>>| {
        String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
    };
    format!("{} {}", bytes(&record.key), bytes(&record.payload))
}

fn redriven(config: &Path, more: &[&str]) -> Value {
    let mut command = tillwatch();
    let command = command.args(["dlq", "redrive", "--json"]).args(more);
    let output = succeed(command.arg("--config").arg(config));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// An id, a token, an id with a number in it, and the same with a time that cannot be read.
fn records() -> Vec<TestRecord> {
    let time_ms = 1_767_600_000_000;
    vec![
        record("e0", time_ms, r#""card_token":"tok_a""#),
        record("e1", time_ms + 1_000, &format!(r#""card_token":"{PAN}""#)),
        record(
            &format!("{PAN}-2"),
            time_ms + 2_000,
            r#""card_token":"tok_a""#,
        ),
        record("e3", 3, &format!(r#""note":"{PAN}""#)),
    ]
}

#[test]
fn nothing_that_leaves_the_process_shows_one() {
    let (_mock, setup) = setup("cards", 1, 1);
    let config = setup.config("tillwatch.toml", "");
    produce(&setup.brokers, &setup.topic, records()).expect("records can be sent");
    let instance = Instance::start(&config);
    wait_for("scores and letters", || {
        setup.scores().len() == 2 && setup.dead_letters().len() == 2
    });
    let masked = "tillwatch_invalid_fields_total{column=\"event_id\",cause=\"pan_in_clear\"}";
    assert_eq!(instance.metric(masked), Some(1.0));
    let log = instance.log();
    assert!(log.contains("no_card_numbers_in"), "{log}");
    let metrics = instance.get("/metrics").1;
    let (scores, letters) = (setup.scores(), setup.dead_letters());
    let outputs = scores.iter().chain(&letters).map(shown);
    for output in outputs.chain([log, metrics]) {
        assert!(!output.contains("1111111111"), "{output}");
    }
    let ids: Vec<Value> = scores
        .iter()
        .map(|score| json(score)["event_id"].clone())
        .collect();
    assert_eq!(ids, ["e0", "****************-2"]);
    assert_eq!(
        json(&scores[1])["flags"],
        serde_json::json!(["FIELD_INVALID"])
    );
    for letter in &letters {
        assert_eq!(header(letter, "tillwatch.masked"), "payload,key");
        assert_eq!(header(letter, "tillwatch.payload.sha256").len(), 64);
        let length = letter.payload.as_ref().map_or(0, Vec::len);
        assert_eq!(
            header(letter, "tillwatch.payload.bytes"),
            length.to_string()
        );
    }

    // They wait for the record, whose key is in no file.
    let total = redriven(&config, &[]);
    assert_eq!(total["sent"], 0, "{total}");
    assert!(total["left"].to_string().contains("cards/0/3"), "{total}");
    instance.stop();
}

#[test]
fn a_site_may_keep_every_byte_of_its_letters() {
    let (_mock, setup) = setup("rawcards", 1, 1);
    let config = setup.config("tillwatch.toml", "[dead_letters]\npayload = \"raw\"\n");
    produce(&setup.brokers, &setup.topic, records()).expect("records can be sent");
    let instance = Instance::start(&config);
    wait_for("letters", || setup.dead_letters().len() == 2);
    assert!(
        setup
            .dead_letters()
            .iter()
            .all(|letter| shown(letter).contains(PAN))
    );
    let total = redriven(&config, &["--reason", "bad_time,time_out_of_range"]);
    assert_eq!(total["sent"], 1, "{total}");
    let input = read_all(&setup.brokers, &setup.topic, 1).expect("the input");
    assert!(shown(&input[4]).contains(PAN));
    instance.stop();
}

#[test]
fn a_site_with_clear_numbers_has_tokens_and_keyed_digests() {
    let (_mock, setup) = setup("tokens", 1, 1);
    let extra = format!("[decode.tokenise]\nfield = \"pan\"\nsecret = \"{KEY}\"\n");
    let config = setup.config("tillwatch.toml", &extra);
    let time_ms = 1_767_600_000_000;
    let clear = format!(r#""pan":"{PAN}""#);
    let records = vec![record("e0", time_ms, &clear), record("e1", 3, &clear)];
    produce(&setup.brokers, &setup.topic, records).expect("records can be sent");
    let instance = Instance::start(&config);
    wait_for("a score and a letter", || {
        setup.scores().len() == 1 && setup.dead_letters().len() == 1
    });
    let letter = &setup.dead_letters()[0];
    assert_eq!(header(letter, "tillwatch.payload.hmac_sha256").len(), 64);
    assert!(!shown(letter).contains("1111111111"));
    let mut check = tillwatch();
    let check = check.args(["check", "--offline", "--config"]).arg(&config);
    let said = String::from_utf8(succeed(check).stdout).expect("text");
    assert!(
        said.contains("card numbers in `pan` become tokens"),
        "{said}"
    );
    assert!(!said.contains(KEY) && !instance.log().contains(KEY));
    instance.stop();
}
