//! Labels: what becomes known of a fraud later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tillwatch_records::Column;

use crate::fraud::Scenario;
use crate::json::Object;
use crate::rng::Draws;
use crate::transaction::{EVENT_ID_BYTES, KEY_BYTES};

/// Delay of a report: median 14 days, clipped to 1 to 120 days.
const MEDIAN_DAYS: f64 = 14.0;
const SIGMA: f64 = 0.8;
const DAYS_RANGE: (f64, f64) = (1.0, 120.0);
const DAY_MS: f64 = 86_400_000.0;

/// Labels waiting for their time. One per fraudulent transaction of the last 120 simulated days.
#[derive(Debug, Default)]
pub struct Labels(BinaryHeap<Reverse<Label>>);

/// One label. The order is that of reporting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    pub reported_ms: i64,
    pub event_id: [u8; EVENT_ID_BYTES],
    pub key: [u8; KEY_BYTES],
    pub occurred_ms: i64,
    pub fraud_type: &'static [u8; 2],
    pub fraud: u32,
}

impl Labels {
    /// Plans the report of a transaction that happened at `occurred_ms` in scenario number `fraud`.
    pub fn plan(
        &mut self,
        draws: &mut Draws,
        scenario: Scenario,
        fraud: u32,
        occurred_ms: i64,
        event_id: [u8; EVENT_ID_BYTES],
        key: [u8; KEY_BYTES],
    ) {
        let days = draws
            .lognormal(MEDIAN_DAYS, SIGMA)
            .clamp(DAYS_RANGE.0, DAYS_RANGE.1);
        self.0.push(Reverse(Label {
            reported_ms: occurred_ms + (days * DAY_MS) as i64,
            event_id,
            key,
            occurred_ms,
            fraud_type: scenario.fraud_type(),
            fraud,
        }));
    }

    /// The next label reported at or before `now_ms`.
    pub fn due(&mut self, now_ms: i64) -> Option<Label> {
        let Reverse(next) = self.0.peek()?;
        if next.reported_ms > now_ms {
            return None;
        }
        self.0.pop().map(|Reverse(label)| label)
    }
}

impl Label {
    /// Appends the record to `out`. Its event time is that of the report, so labels keep the order of
    /// the stream.
    pub fn write(&self, out: &mut Vec<u8>) {
        use Column as C;
        let mut json = Object::begin(out);
        json.text(C::EventId, &self.event_id);
        json.unsigned(C::EventTime, self.reported_ms.max(0).unsigned_abs());
        json.text(C::AcquirerId, &self.key[..6]);
        json.text(C::MerchantId, &self.key[7..15]);
        json.text(C::TerminalId, &self.key[16..]);
        json.text(C::LabelKind, b"CONFIRMED");
        json.text(C::FraudType, self.fraud_type);
        json.unsigned(C::OccurredTime, self.occurred_ms.max(0).unsigned_abs());
        json.unsigned(C::ReportedTime, self.reported_ms.max(0).unsigned_abs());
        json.end();
    }
}
