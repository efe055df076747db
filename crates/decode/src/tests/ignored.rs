//! Records that are passed over because of their type.

use super::*;

/// Indices of those of `raw` that are ignored, and reasons of those that are refused.
fn became(settings: &str, raw: &RawBatch) -> (Vec<usize>, Vec<(usize, &'static str)>) {
    let decoded = decoder(settings, all_columns()).decode(raw);
    let ended = decoded.events.len() + decoded.refusals.len() + decoded.ignored.len();
    assert_eq!(ended, raw.len(), "every record ends once");
    let refused = decoded.refusals.iter();
    let refused = refused.map(|refusal| (refusal.index, refusal.reason.code()));
    (decoded.ignored.clone(), refused.collect())
}

#[test]
fn a_field_may_say_so_whatever_else_the_record_lacks() {
    let settings = r#"
        record_type = { field = "op", values = { c = "transaction", d = "ignored" } }
        fields.event_id = "after.event_id"
    "#;
    let whole = r#","event_time":1522540831250,"acquirer_id":"A","merchant_id":"M","terminal_id":"T","amount_minor":1,"currency":"EUR"}"#;
    let records = [
        format!(r#"{{"op":"c","after":{{"event_id":"e"}}{whole}"#),
        r#"{"op":"d","after":null}"#.to_owned(),
        r#"{"op":"d","after":null"#.to_owned(),
        format!(r#"{{"op":"u","after":{{"event_id":"e"}}{whole}"#),
        r#"{"op":"\u0064","event_time":"soon","pan":"4111111111111111"}"#.to_owned(),
    ];
    assert_eq!(
        became(settings, &batch(&records)),
        (
            vec![1, 4],
            vec![(2, "bad_json"), (3, "unknown_record_type")]
        )
    );
}

#[test]
fn of_a_header_or_a_topic_the_payload_may_be_anything() {
    let settings = "record_type = { header = \"type\", values = { noise = \"ignored\" } }";
    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    let payloads: [(&[u8], &[u8]); 4] = [
        (b"noise", b"\x00\x01no json"),
        (b"transaction", GOOD.as_bytes()),
        (b"other", GOOD.as_bytes()),
        (b"noise", b""),
    ];
    for (offset, (word, payload)) in (0..).zip(payloads) {
        raw.push(offset, None, None, Some(payload), [("type", Some(word))]);
    }
    assert_eq!(
        became(settings, &raw),
        (vec![0, 3], vec![(2, "unknown_record_type")])
    );
    let topic = "record_type.topics.payments = \"ignored\"";
    assert_eq!(became(topic, &batch(&["{", GOOD])).0, [0, 1]);
    // A record that tells its type itself is not of its topic's.
    let both = "record_type = { field = \"t\", topics = { payments = \"ignored\" } }";
    let told = with(r#""t":"transaction""#);
    let records = [told.as_str(), GOOD, "{"];
    assert_eq!(
        became(both, &batch(&records)),
        (vec![1], vec![(2, "bad_json")])
    );
    let default = "record_type = { field = \"t\", default = \"ignored\" }";
    assert_eq!(became(default, &batch(&records)).0, [1]);
}

#[test]
fn tombstones_are_dead_letters_unless_they_are_ignored() {
    let mut raw = RawBatch::new(TopicPartition::new("payments", 0));
    raw.push(0, None, Some(b"k"), None, []);
    raw.push(1, None, Some(b"k"), Some(b""), []);
    let empty = "empty_payload";
    assert_eq!(became("", &raw), (vec![], vec![(0, empty), (1, empty)]));
    let ignored = "record_type.tombstones = \"ignored\"";
    assert_eq!(became(ignored, &raw), (vec![0], vec![(1, empty)]));
}

#[test]
fn our_own_words_name_no_ignored_type() {
    let settings = "record_type.field = \"t\"";
    let record = with(r#""t":"ignored""#);
    assert_eq!(code_of(settings, &record), Some("unknown_record_type"));
    assert!(toml::from_str::<DecodeSettings>("record_type.values = { d = \"skip\" }").is_err());
}

fn code_of(settings: &str, record: &str) -> Option<&'static str> {
    reason(settings, record).map(RefusalReason::code)
}
