//! Which records a feature sees.

use tillwatch_records::{Flags, RecordKind};

use super::{OracleFeature, OracleSettings};
use crate::stream::Event;

/// An accepted record.
#[derive(Debug, Clone)]
pub(super) struct Accepted<'a> {
    pub(super) event: &'a Event,
    /// Whether it was not older than its key's watermark.
    pub(super) in_order: bool,
    /// Whether it came under the id of another record.
    pub(super) is_reused: bool,
    /// The label that arrived last for it.
    pub(super) label: Option<&'a Event>,
}

/// What is remembered of a key.
#[derive(Debug, Default)]
pub(super) struct Key<'a> {
    /// In order of arrival.
    pub(super) accepted: Vec<Accepted<'a>>,
    pub(super) watermark_ms: Option<i64>,
}

/// One record, and all that its features may look at.
pub(super) struct Moment<'a, 'b> {
    pub(super) event: &'a Event,
    pub(super) flags: Flags,
    pub(super) key: &'b Key<'a>,
    /// The accepted records of every key, in order of arrival.
    pub(super) lane: &'b [&'a Event],
    /// No window sees records at or before it.
    pub(super) forgotten_ms: i64,
}

/// How long a key keeps records one by one, in milliseconds: the longest exact window plus the
/// lateness. Of a window with a resolution only the end is exact.
pub(super) fn retention_ms(features: &[OracleFeature], settings: &OracleSettings) -> i64 {
    let reach_ms = |feature: &OracleFeature| match feature.resolution_ms {
        Some(_) => feature.delay_ms,
        None => feature.window_ms + feature.delay_ms,
    };
    let longest_ms = features.iter().map(reach_ms).max();
    longest_ms.unwrap_or(0) + settings.allowed_lateness_ms
}

/// How long a key may be idle before it starts afresh, in milliseconds: never shorter than any
/// window, with the whole of its oldest pane, plus the lateness.
pub(super) fn idle_ttl_ms(features: &[OracleFeature], settings: &OracleSettings) -> i64 {
    let windows = features.iter();
    let longest_ms = windows
        .map(|f| f.window_ms + f.delay_ms + f.resolution_ms.unwrap_or(0))
        .max();
    settings
        .idle_ttl_ms
        .max(longest_ms.unwrap_or(0) + settings.allowed_lateness_ms)
}

impl<'a> Key<'a> {
    /// Gives `label` to the transaction it speaks of, if that is remembered: one with its event id,
    /// where it has an id; the one that happened when the label says, which without an id there must be,
    /// before any other; else the newest one; the newest-arrived among those of one time.
    pub(super) fn join(&mut self, label: &'a Event, forgotten_ms: i64) {
        let has_id = !label.event_id.is_empty();
        let meant = self.accepted.iter_mut().filter(|record| {
            let event = record.event;
            let is_at = label.occurred_time_ms == Some(event.event_time_ms);
            let is_named = has_id && event.event_id == label.event_id;
            event.kind == RecordKind::Transaction
                && event.event_time_ms > forgotten_ms
                && (is_named || (!has_id && is_at))
        });
        // Of equal ones it is the last.
        let meant = meant.max_by_key(|record| {
            let time_ms = record.event.event_time_ms;
            (label.occurred_time_ms == Some(time_ms), time_ms)
        });
        if let Some(record) = meant {
            record.label = Some(label);
        }
    }
}

impl<'a> Moment<'a, '_> {
    pub(super) fn now_ms(&self) -> i64 {
        self.event.event_time_ms
    }

    /// Whether the record is older than its key's watermark.
    pub(super) fn is_behind(&self) -> bool {
        self.key
            .watermark_ms
            .is_some_and(|time| self.now_ms() < time)
    }

    /// The record as it would be remembered. It has no label: that arrives later.
    pub(super) fn current(&self) -> Accepted<'a> {
        Accepted {
            event: self.event,
            in_order: !self.is_behind(),
            is_reused: self.flags.contains(Flags::ID_REUSED),
            label: None,
        }
    }

    /// The records of `feature`'s window that `counts` lets pass, by event time and then arrival, the
    /// record itself last; only the newest of them where the feature says `last`.
    pub(super) fn window(
        &self,
        feature: &OracleFeature,
        counts: impl Fn(&Accepted<'a>) -> bool,
    ) -> Vec<Accepted<'a>> {
        let end_ms = self.now_ms() - feature.delay_ms;
        let first_ms = end_ms - feature.window_ms + 1;
        let remembered_ms = self.forgotten_ms.saturating_add(1);
        let first_ms = match feature.resolution_ms {
            // Panes outlive what is remembered record by record, for all but those who come too late.
            Some(pane_ms) if !self.flags.contains(Flags::LATE) => {
                first_ms.div_euclid(pane_ms) * pane_ms
            }
            Some(pane_ms) => (first_ms.div_euclid(pane_ms) * pane_ms).max(remembered_ms),
            None => first_ms.max(remembered_ms),
        };
        let mut seen: Vec<Accepted<'a>> = self
            .key
            .accepted
            .iter()
            .filter(|record| (first_ms..=end_ms).contains(&record.event.event_time_ms))
            .filter(|record| counts(record))
            .cloned()
            .collect();
        // Stable: equal times stay in order of arrival.
        seen.sort_by_key(|record| record.event.event_time_ms);
        let sees_itself = feature.delay_ms == 0
            && !feature.exclude_current
            && !self.flags.contains(Flags::DUPLICATE);
        if sees_itself {
            seen.extend(Some(self.current()).filter(|record| counts(record)));
        }
        let surplus = feature
            .last
            .map_or(0, |last| seen.len().saturating_sub(last));
        seen.split_off(surplus)
    }

    /// The counted records of `feature`'s window.
    pub(super) fn counted(&self, feature: &OracleFeature) -> Vec<&'a Event> {
        let counted = self.window(feature, |record| {
            feature.counts(record.event) && has_label(feature, record)
        });
        counted.into_iter().map(|record| record.event).collect()
    }

    /// Every counted record that the key remembers, in order of arrival.
    pub(super) fn remembered(&self, feature: &OracleFeature) -> Vec<&'a Event> {
        let accepted = self.key.accepted.iter().map(|record| record.event);
        accepted.filter(|event| feature.counts(event)).collect()
    }
}

/// Whether the label that `feature` asks for has arrived.
pub(super) fn has_label(feature: &OracleFeature, record: &Accepted<'_>) -> bool {
    feature
        .label
        .is_none_or(|wanted| record.label.is_some_and(|label| (wanted.holds)(label)))
}

/// `events`, each with 2^(−age / half-life), the newest weighing 1: where only the proportions of
/// weights matter, from when age is counted does not.
pub(super) fn weighted<'a>(events: &[&'a Event], half_life_ms: i64) -> Vec<(&'a Event, f64)> {
    let newest_ms = events.iter().map(|event| event.event_time_ms).max();
    let age_ms = |event: &Event| newest_ms.unwrap_or(0) - event.event_time_ms;
    events
        .iter()
        .map(|event| (*event, weight(age_ms(event), half_life_ms)))
        .collect()
}

/// 2^(−age / half-life).
pub(super) fn weight(age_ms: i64, half_life_ms: i64) -> f64 {
    libm::exp2(-(age_ms as f64) / half_life_ms as f64)
}
