//! Records of a chain of stages: which keys they need, and which columns they may lack.

use super::*;
use crate::Wanted;

const SETTINGS: &str = "[record_type]\nfield = \"type\"";

/// What becomes of `records` where state is kept per terminal and per card.
fn chained(records: &[&str], optional: &[Column]) -> Decoded {
    let key = |name| KeySpec::from_names(&[name]).unwrap();
    let columns = [Column::TerminalId, Column::CardToken, Column::AmountMinor];
    let wanted = Wanted {
        own: Vec::new(),
        projection: Arc::new(Projection::new(columns)),
        keys: vec![key("terminal_id"), key("card_token")],
        optional: optional.to_vec(),
    };
    let settings: DecodeSettings = toml::from_str(SETTINGS).unwrap();
    let plan = DecodePlan::for_wanted(&settings, &wanted).unwrap();
    Decoder::new(Arc::new(plan)).decode(&batch(records))
}

fn refused(record: &str) -> Option<String> {
    let refusals = chained(&[record], &[]).refusals;
    refusals.first().map(|refusal| refusal.detail.to_string())
}

#[test]
fn a_record_needs_the_key_of_one_stage() {
    const HEAD: &str = r#""event_id":"e","event_time":1522540831250"#;
    let transaction = |rest: &str| format!(r#"{{{HEAD},"amount_minor":1,"currency":"EUR"{rest}}}"#);
    for keys in [
        r#","terminal_id":"T","card_token":"c""#,
        r#","terminal_id":"T""#,
        r#","terminal_id":"T","card_token":null"#,
        r#","terminal_id":"T","card_token":"""#,
        r#","card_token":"c""#,
    ] {
        assert_eq!(refused(&transaction(keys)), None, "{keys}");
    }
    let keyless = refused(&transaction(r#","terminal_id":"""#)).unwrap();
    assert!(
        keyless.starts_with("`terminal_id`") && keyless.contains("no other stage"),
        "{keyless}"
    );
    // A terminal event has no card.
    let event = |rest: &str| format!(r#"{{{HEAD},"type":"terminal_event"{rest}}}"#);
    assert_eq!(refused(&event(r#","terminal_id":"T""#)), None);
    assert!(refused(&event("")).is_some());
    // A label is of a transaction by its id, or by one of its keys and its time.
    let label = |rest: &str| format!(r#"{{"type":"label","event_time":1522540831250{rest}}}"#);
    assert_eq!(refused(&label(r#","event_id":"e""#)), None);
    assert_eq!(refused(&label(r#","terminal_id":"T""#)), None);
    assert_eq!(refused(&label(r#","card_token":"c""#)), None);
    assert!(refused(&label("")).is_some());
    // It has the card of its transaction, though labels have none of their own.
    let decoded = chained(&[&label(r#","card_token":"c""#)], &[]);
    let cards = decoded.events.text(Column::CardToken).unwrap();
    assert_eq!(cards.value(0), "c");
}

#[test]
fn what_nothing_but_a_comparison_reads_may_be_absent() {
    let record = r#"{"event_id":"e","event_time":1522540831250,"terminal_id":"T"}"#;
    let refusals = chained(&[record], &[]).refusals;
    assert!(refusals[0].detail.contains("`amount_minor`"));
    let decoded = chained(&[record], &[Column::AmountMinor]);
    assert!(decoded.refusals.is_empty(), "{:?}", decoded.refusals);
    let amounts = decoded.events.column(Column::AmountMinor).unwrap();
    assert_eq!(amounts.null_count(), 1);
}
