//! Lines of arbitrary bytes as records: nothing panics, every record is a row or a refusal, and a
//! refused record leaves its neighbours as if it had never been there.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::{Column, KeySpec, Projection, RawBatch, TopicPartition};

const SETTINGS: &str = r#"
    [fields]
    card_token = "card.token"
    event_id = { from = ["terminal_id", "stan", "event_time"] }
    maintenance_start = { fields = ["date", "time"] }
    [columns]
    tier = { type = "text", field = "store.tier" }
    queue_ms = { type = "integer" }
    is_kiosk = { type = "boolean", field = "store.kiosk" }
    basket = { type = "float" }
    received = { type = "timestamp" }
    zoned = { type = "timestamp", format = { format = "auto", zone = "Europe/Berlin" } }
    de7 = { type = "timestamp", format = "de7" }
    local = { type = "timestamp", format = { pattern = "%a %d-%b-%y %I:%M:%S%.f %p %z" } }
    digits = { type = "timestamp", format = { pattern = "%y%j%H%M%S%3f", zone = "America/New_York" } }
    step = { type = "timestamp", format = { base = "2026-01-01", unit = "h" } }
    [units]
    amount = "major"
    event_time = "auto"
    [record_type]
    field = "type"
"#;

static PLAN: LazyLock<Arc<DecodePlan>> = LazyLock::new(|| {
    let settings: DecodeSettings = toml::from_str(SETTINGS).expect("valid settings");
    let projection = Arc::new(Projection::new(Column::ALL.iter().copied()));
    let own = settings.own_columns().expect("valid columns");
    let key = KeySpec::terminal();
    let plan = DecodePlan::with_own_columns(&settings, projection, &own, &key);
    Arc::new(plan.expect("valid plan"))
});

const GOOD: &[u8] = br#"{"type":"transaction","stan":7,"event_time":1522540831,"acquirer_id":"A",
    "merchant_id":"M","terminal_id":"T","amount_minor":57.16,"currency":"EUR","card":{"token":"x"}}"#;

fn batch<'a>(payloads: impl IntoIterator<Item = &'a [u8]>) -> RawBatch {
    let mut batch = RawBatch::new(TopicPartition::new("t", 0));
    for (offset, payload) in payloads.into_iter().enumerate() {
        batch.push(
            offset as i64,
            Some(1_600_000_000_000),
            None,
            Some(payload),
            [],
        );
    }
    batch
}

fuzz_target!(|data: &[u8]| {
    // A good record before, between and after the lines.
    let payloads: Vec<&[u8]> = std::iter::once(GOOD)
        .chain(
            data.split(|byte| *byte == b'\n')
                .flat_map(|line| [line, GOOD]),
        )
        .collect();
    let mut decoder = Decoder::new(Arc::clone(&PLAN));
    let together = decoder.decode(&batch(payloads.iter().copied()));
    assert_eq!(
        together.events.len() + together.refusals.len(),
        payloads.len()
    );
    assert!(
        together
            .refusals
            .iter()
            .all(|refusal| refusal.index % 2 == 1)
    );

    let mut refused = together
        .refusals
        .iter()
        .map(|refusal| refusal.index)
        .peekable();
    let good = payloads
        .iter()
        .enumerate()
        .filter(|(index, _)| refused.next_if_eq(index).is_none())
        .map(|(_, payload)| *payload);
    let without = Decoder::new(Arc::clone(&PLAN)).decode(&batch(good));
    assert!(without.refusals.is_empty());
    assert_eq!(without.events.columns, together.events.columns);
    assert_eq!(without.events.joined, together.events.joined);
});
