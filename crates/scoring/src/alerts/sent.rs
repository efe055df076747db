//! Alerts that were sent, of one key.

use tillwatch_records::Typology;

/// Alerts that are remembered of one key and typology, so that records whose event times come in any order
/// raise about one per cool-down and not one each: an hour apart, four cover the backlog of an afternoon.
pub(super) const SENT_MAX: usize = 4;

/// An alert that was sent. At most [`SENT_MAX`] of a key and typology, in the order in which they were sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) typology: Option<Typology>,
    /// Its event time.
    pub(super) sent_ms: i64,
    /// Event time from which the next alert is sent, unless a rule has a cool-down of its own.
    pub(super) until_ms: i64,
    /// Event time from which no rule that raised it is held back; not before `until_ms`.
    pub(super) last_ms: i64,
    /// Alerts held back since it was sent, where it is the last of its key and typology.
    pub(super) suppressed: u32,
}

impl Sent {
    /// Whether a rule with this cool-down is held back at `time_ms`.
    fn holds_back(&self, cooldown_ms: Option<i64>, time_ms: i64) -> bool {
        let span_ms = cooldown_ms.unwrap_or(self.until_ms.saturating_sub(self.sent_ms));
        let apart_ms = time_ms.saturating_sub(self.sent_ms).saturating_abs();
        apart_ms < span_ms
    }
}

/// Whether alerts of one key and typology, those in `sent`, hold back a rule with this cool-down at
/// `time_ms`. Of what lies before all of [`SENT_MAX`] nobody knows whether it was told, so it is held back.
pub(super) fn is_held_back<'a>(
    sent: impl Iterator<Item = &'a Sent>,
    cooldown_ms: Option<i64>,
    time_ms: i64,
) -> bool {
    let (mut count, mut is_before_all) = (0, true);
    for sent in sent {
        if sent.holds_back(cooldown_ms, time_ms) {
            return true;
        }
        count += 1;
        is_before_all &= time_ms < sent.sent_ms;
    }
    count >= SENT_MAX && is_before_all && cooldown_ms != Some(0)
}

/// Forgets the oldest alert of a typology where there are [`SENT_MAX`] of it; gives whether it did.
pub(super) fn make_way(list: &mut Vec<Sent>, typology: Option<Typology>) -> bool {
    let of_typology = list.iter().enumerate();
    let of_typology = of_typology.filter(|(_, sent)| sent.typology == typology);
    if of_typology.clone().count() < SENT_MAX {
        return false;
    }
    let oldest = of_typology.min_by_key(|(_, sent)| sent.sent_ms);
    let oldest = oldest.map(|(place, _)| place);
    oldest.map(|place| list.remove(place)).is_some()
}
