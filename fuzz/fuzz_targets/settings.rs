//! Arbitrary text as a `[decode]` table: it is refused, or makes a plan that decodes.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::{Column, KeySpec, Projection, RawBatch, TopicPartition};

fuzz_target!(|text: &str| {
    let Ok(settings) = toml::from_str::<DecodeSettings>(text) else {
        return;
    };
    let projection = Arc::new(Projection::new(Column::ALL.iter().copied()));
    let Ok(own) = settings.own_columns() else {
        return;
    };
    let key = KeySpec::terminal();
    let Ok(plan) = DecodePlan::with_own_columns(&settings, projection, &own, &key) else {
        return;
    };
    let mut raw = RawBatch::new(TopicPartition::new("t", 0));
    let payload =
        br#"{"event_id":"e","event_time":1522540831250,"acquirer_id":"A","merchant_id":"M",
        "terminal_id":"T","amount_minor":1,"currency":"EUR","card":{"token":"x"}}"#;
    raw.push(0, Some(1_600_000_000_000), None, Some(payload), []);
    let decoded = Decoder::new(Arc::new(plan)).decode(&raw);
    assert_eq!(decoded.events.len() + decoded.refusals.len(), 1);
});
