//! Scores and alerts in fewer bytes, where the whole ones are refused.

use serde_json::{Map, Value};

use super::letter::Parts;

/// What the first form leaves out.
const LARGE: [&str; 2] = ["features", "shadows"];

/// What the last form keeps: which record, what was decided, by what.
const ESSENTIAL: [&str; 22] = [
    "alert_id",
    "score_id",
    "event_id",
    "key",
    "event_time",
    "cause",
    "typology",
    "severity",
    "action",
    "score",
    "probability",
    "band",
    "flags",
    "suppressed_count",
    "decision_time",
    "model",
    "model_hash",
    "catalog",
    "registry",
    "topic",
    "partition",
    "offset",
];

/// A form of the score or alert in `refused`, from 0 for the largest. It says `"reduced": true`, and has its
/// id as key where it had none. `None` when there is no such form.
pub(crate) fn reduce(refused: &Parts, form: u8) -> Option<Parts> {
    let mut fields = fields(refused)?;
    match form {
        0 => fields.retain(|name, _| !LARGE.contains(&name.as_str())),
        1 => fields.retain(|name, _| ESSENTIAL.contains(&name.as_str()) || name == "reduced"),
        _ => return None,
    }
    fields.insert("reduced".to_owned(), Value::Bool(true));
    let id = fields.get("score_id").and_then(Value::as_str);
    let key = refused.key.clone();
    Some(Parts {
        key: key.or_else(|| Some(id?.as_bytes().to_vec())),
        payload: serde_json::to_vec(&fields).ok(),
        headers: Vec::new(),
    })
}

/// Where the record that was scored is in the input.
pub(crate) fn position(parts: &Parts) -> String {
    let id = fields(parts).and_then(|fields| match fields.get("score_id") {
        Some(Value::String(id)) => Some(id.clone()),
        _ => None,
    });
    id.unwrap_or_default()
}

fn fields(parts: &Parts) -> Option<Map<String, Value>> {
    serde_json::from_slice(parts.payload.as_deref()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoreEncoder;
    use crate::test_support::batch;

    fn score() -> Parts {
        let scores = batch(1, 1);
        let mut payload = Vec::new();
        ScoreEncoder::new(&scores, true).score(0, &mut payload);
        Parts {
            payload: Some(payload),
            ..Parts::default()
        }
    }

    #[test]
    fn a_reduced_score_keeps_the_decision_and_says_so() {
        let whole = score();
        let before = fields(&whole).unwrap();
        assert!(before.contains_key("features") && before.contains_key("reasons"));
        let first = reduce(&whole, 0).unwrap();
        let after = fields(&first).unwrap();
        assert!(!after.contains_key("features") && after.contains_key("reasons"));
        let last = fields(&reduce(&first, 1).unwrap()).unwrap();
        assert!(!last.contains_key("reasons"));
        for name in [
            "score_id",
            "score",
            "probability",
            "band",
            "offset",
            "model",
        ] {
            assert_eq!(last[name], before[name], "{name}");
        }
        assert_eq!(last["reduced"], Value::Bool(true));
        assert!(reduce(&whole, 2).is_none());
    }

    #[test]
    fn a_score_without_a_key_gets_its_id() {
        let whole = score();
        let id = position(&whole);
        assert!(id.starts_with("payments/3/"), "{id}");
        assert_eq!(reduce(&whole, 0).unwrap().key, Some(id.into_bytes()));
    }
}
