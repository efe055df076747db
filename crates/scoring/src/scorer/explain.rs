//! Why each row has its score, and which rows a person must hear of.

use tillwatch_records::limits::REASONS_MAX;
use tillwatch_records::score::ReasonLists;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Alert, FeatureBatch, Flags, Reason};

use crate::alerts::{Alerts, Fired, Row};
use crate::model::Signal;

/// The reasons of every row and the alerts they raise.
pub(super) fn explain(
    alerts: &mut Alerts,
    batch: &FeatureBatch,
    scores: &[u16],
    signals: &mut Vec<Signal>,
) -> (ReasonLists, Vec<Alert>) {
    let mut lists = ReasonLists::with_capacity(scores.len());
    let mut raised = Vec::new();
    let mut fired = Vec::new();
    let mut rest = signals.drain(..).peekable();
    for (row, score) in scores.iter().enumerate() {
        fired.clear();
        let mut reasons: Vec<Reason> = Vec::new();
        while let Some(signal) = rest.next_if(|signal| signal.row as usize == row) {
            let definition = &signal.reason.definition;
            if signal.fired && alerts.wants(definition.severity) {
                fired.push(Fired {
                    typology: definition.typology,
                    severity: definition.severity,
                    cooldown_ms: signal.cooldown.map(DurationMs::as_ms),
                });
            }
            // The strongest of a code speaks for it.
            let told = reasons.iter().any(|r| r.definition.code == definition.code);
            if !told && reasons.len() < REASONS_MAX {
                reasons.push(signal.reason);
            }
        }
        lists.push_row(reasons);
        if fired.is_empty() && !alerts.wants_score(*score) {
            continue;
        }
        let about = Row {
            row: row as u32,
            key: batch.emissions.key(row).unwrap_or_default(),
            time_ms: time_of(batch, row),
            score: *score,
            reasons: lists.row(row),
        };
        alerts.raise(&about, &fired, &mut raised);
    }
    (lists, raised)
}

/// Time by which alerts of a row cool down: that of its emission; the record's own timestamp where the
/// event's time runs ahead, since one such record would silence its terminal for as long as its clock is
/// wrong.
fn time_of(batch: &FeatureBatch, row: usize) -> i64 {
    if batch.flags[row].contains(Flags::CLOCK_SKEW) {
        return batch.events.record_timestamps_ms[row];
    }
    batch.emissions.times_ms[row]
}
