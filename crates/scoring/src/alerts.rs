//! Which scores a person must hear of, and how often.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tillwatch_records::{Alert, Reason, Severity, Typology};

use crate::limits::ALERT_STATES_MAX;
use crate::settings::ScoringSettings;

/// Alerts that are remembered of one key and typology, so that records whose event times come in any order
/// raise about one per cool-down and not one each: an hour apart, four cover the backlog of an afternoon.
const SENT_MAX: usize = 4;

/// Alerts sent, per key and typology, and what they hold back: an alert less than a cool-down before or after
/// one that was sent, in event time. So a terminal that was offline and sends what is hours old is heard of,
/// though it was heard of since. A function of the records seen alone.
#[derive(Debug, Clone)]
pub(crate) struct Alerts {
    severity: Severity,
    score_from: u16,
    cooldown_ms: i64,
    /// By key; at most [`ALERT_STATES_MAX`] entries in all the lists together.
    states: HashMap<Box<str>, Vec<Sent>, FixedState>,
    /// Entries of all lists.
    count: usize,
    max: usize,
}

/// An alert that was sent. At most [`SENT_MAX`] of a key and typology, in the order in which they were sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    typology: Option<Typology>,
    /// Its event time.
    sent_ms: i64,
    /// Event time from which the next alert is sent, unless a rule has a cool-down of its own.
    until_ms: i64,
    /// Event time from which no rule that raised it is held back; not before `until_ms`.
    last_ms: i64,
    /// Alerts held back since it was sent, where it is the last of its key and typology.
    suppressed: u32,
}

/// One row, as far as alerts look at it.
pub(crate) struct Row<'a> {
    pub(crate) row: u32,
    pub(crate) key: &'a str,
    /// Milliseconds since 1970.
    pub(crate) time_ms: i64,
    pub(crate) score: u16,
    /// Strongest first.
    pub(crate) reasons: &'a [Reason],
}

/// A rule that fired, as far as alerts look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fired {
    pub(crate) typology: Option<Typology>,
    pub(crate) severity: Severity,
    /// In place of the configured one: how far before or after an alert of its key and typology the rule
    /// raises another. Not negative.
    pub(crate) cooldown_ms: Option<i64>,
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
fn is_held_back<'a>(
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

impl Alerts {
    pub(crate) fn new(settings: &ScoringSettings) -> Self {
        Self {
            severity: settings.alert_severity,
            score_from: settings.alert_from,
            cooldown_ms: settings.alert_cooldown.as_ms(),
            states: HashMap::with_hasher(FixedState::default()),
            count: 0,
            max: ALERT_STATES_MAX,
        }
    }

    /// Bytes that what was sent takes, about: tables are at most half empty, and a list has room for a few
    /// alerts from its first one on.
    pub(crate) fn bytes(&self) -> usize {
        const KEY_BYTES: usize = 64;
        let slot = size_of::<(Box<str>, Vec<Sent>)>() + 1;
        let keys = self.states.len();
        let entries = self.count.max(SENT_MAX * keys);
        self.states.capacity() * slot + keys * KEY_BYTES + entries * size_of::<Sent>()
    }

    /// Raises by other settings from now on; cool-downs that are running go on as they began.
    pub(crate) fn set_settings(&mut self, settings: &ScoringSettings) {
        self.severity = settings.alert_severity;
        self.score_from = settings.alert_from;
        self.cooldown_ms = settings.alert_cooldown.as_ms();
    }

    /// Whether a fired rule of `severity` raises an alert.
    pub(crate) fn wants(&self, severity: Severity) -> bool {
        severity >= self.severity
    }

    /// Whether a score raises an alert.
    pub(crate) fn wants_score(&self, score: u16) -> bool {
        score >= self.score_from
    }

    /// Appends what `row` raises: one alert per typology in `fired` of which a rule is not cooling down, and
    /// one for the score, under the typology of the strongest reason.
    pub(crate) fn raise(&mut self, row: &Row<'_>, fired: &[Fired], out: &mut Vec<Alert>) {
        for (position, Fired { typology, .. }) in fired.iter().enumerate() {
            if fired[..position].iter().any(|f| f.typology == *typology) {
                continue;
            }
            let same = || fired.iter().filter(|other| other.typology == *typology);
            let severity = same().map(|rule| rule.severity).max();
            let severity = severity.unwrap_or(self.severity);
            let cooldowns = same().map(|rule| rule.cooldown_ms);
            self.send(row, *typology, severity, cooldowns, out);
        }
        if self.wants_score(row.score) {
            let strongest = row.reasons.first();
            let typology = strongest.and_then(|reason| reason.definition.typology);
            if !fired.iter().any(|earlier| earlier.typology == typology) {
                let severities = row.reasons.iter().map(|reason| reason.definition.severity);
                let severity = severities.max().unwrap_or(Severity::Warning);
                self.send(row, typology, severity, [None].into_iter(), out);
            }
        }
    }

    /// Sends an alert unless all that raise it, each with its `cooldowns`, are held back.
    fn send(
        &mut self,
        row: &Row<'_>,
        typology: Option<Typology>,
        severity: Severity,
        mut cooldowns: impl Iterator<Item = Option<i64>> + Clone,
        out: &mut Vec<Alert>,
    ) {
        let until_ms = row.time_ms.saturating_add(self.cooldown_ms);
        let own = cooldowns.clone().flatten().max().unwrap_or(0);
        let sent = Sent {
            typology,
            sent_ms: row.time_ms,
            until_ms,
            last_ms: until_ms.max(row.time_ms.saturating_add(own)),
            suppressed: 0,
        };
        let is_same = |other: &&Sent| other.typology == typology;
        let mut suppressed_count = 0;
        if let Some(list) = self.states.get_mut(row.key) {
            let known = || list.iter().filter(is_same);
            if cooldowns.all(|own| is_held_back(known(), own, row.time_ms)) {
                let last = list.iter_mut().rev().find(|sent| is_same(&&**sent));
                if let Some(last) = last {
                    last.suppressed = last.suppressed.saturating_add(1);
                }
                return;
            }
            let told = list.iter_mut().filter(|sent| is_same(&&**sent));
            suppressed_count = told.fold(0, |count: u32, sent| {
                count.saturating_add(std::mem::take(&mut sent.suppressed))
            });
            self.count -= usize::from(make_way(list, typology));
        }
        self.make_room(row.time_ms);
        let list = self.states.entry(row.key.into()).or_default();
        list.push(sent);
        self.count += 1;
        out.push(Alert {
            row: row.row,
            typology,
            severity,
            suppressed_count,
        });
    }

    /// When full: forgets what is no longer cooling down, and if that is less than half, also what
    /// ends first. So a sweep over everything is paid for by as many insertions.
    fn make_room(&mut self, now_ms: i64) {
        if self.count < self.max {
            return;
        }
        self.keep(|state| state.last_ms > now_ms);
        if self.count <= self.max / 2 {
            return;
        }
        let mut ends: Vec<i64> = self.states.values().flatten().map(|s| s.last_ms).collect();
        let middle = ends.len() / 2;
        let (_, cut, _) = ends.select_nth_unstable(middle);
        let cut = *cut;
        self.keep(|state| state.last_ms > cut);
    }

    fn keep(&mut self, wanted: impl Fn(&Sent) -> bool) {
        let mut count = 0;
        self.states.retain(|_, list| {
            list.retain(|state| wanted(state));
            count += list.len();
            !list.is_empty()
        });
        self.count = count;
    }
}

/// Forgets the oldest alert of a typology where there are [`SENT_MAX`] of it; gives whether it did.
fn make_way(list: &mut Vec<Sent>, typology: Option<Typology>) -> bool {
    let of_typology = list.iter().enumerate();
    let of_typology = of_typology.filter(|(_, sent)| sent.typology == typology);
    if of_typology.clone().count() < SENT_MAX {
        return false;
    }
    let oldest = of_typology.min_by_key(|(_, sent)| sent.sent_ms);
    let oldest = oldest.map(|(place, _)| place);
    oldest.map(|place| list.remove(place)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, time_ms: i64) -> Row<'_> {
        Row {
            row: 0,
            key,
            time_ms,
            score: 0,
            reasons: &[],
        }
    }

    fn fired(typology: Option<Typology>, cooldown_ms: Option<i64>) -> Fired {
        Fired {
            typology,
            severity: Severity::Critical,
            cooldown_ms,
        }
    }

    #[test]
    fn a_rule_with_its_own_cooldown_waits_that_long_after_the_last_alert() {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let mut sent = |minute: i64, cooldowns: &[Option<i64>]| {
            let minutes = |n: i64| n * 60_000;
            let rules: Vec<Fired> = cooldowns
                .iter()
                .map(|own| fired(Some(Typology::Skimming), own.map(minutes)))
                .collect();
            let mut out = Vec::new();
            alerts.raise(&row("a", minutes(minute)), &rules, &mut out);
            out.first().map(|alert| alert.suppressed_count)
        };
        let (hasty, patient, usual) = (Some(5), Some(1_440), None);
        assert_eq!(sent(0, &[patient]), Some(0));
        // An hour is over for the others, a day is not.
        assert_eq!(sent(59, &[usual]), None);
        assert_eq!(sent(60, &[patient]), None);
        assert_eq!(sent(60, &[patient, usual]), Some(2));
        assert_eq!(sent(64, &[hasty, usual]), None);
        assert_eq!(sent(65, &[hasty]), Some(1));
        assert_eq!(sent(65, &[Some(0)]), Some(0));
        assert_eq!(sent(65 + 1_439, &[patient]), None);
        assert_eq!(sent(65 + 1_440, &[patient]), Some(1));
    }

    #[test]
    fn cools_down_per_key_and_typology_in_event_time() {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let mut sent = |key: &str, time_ms, typology| {
            let mut out = Vec::new();
            alerts.raise(&row(key, time_ms), &[fired(Some(typology), None)], &mut out);
            out.first().map(|alert| alert.suppressed_count)
        };
        assert_eq!(sent("a", 0, Typology::Skimming), Some(0));
        assert_eq!(sent("a", 3_599_999, Typology::Skimming), None);
        assert_eq!(sent("a", 10, Typology::CashOut), Some(0));
        assert_eq!(sent("b", 10, Typology::Skimming), Some(0));
        assert_eq!(sent("a", 3_600_000, Typology::Skimming), Some(1));
        assert_eq!(sent("a", 7_200_000, Typology::Skimming), Some(0));
    }

    /// Minutes at which rows raise an alert that is sent, of rows at `minutes`, in their order.
    fn sent_at(alerts: &mut Alerts, minutes: &[i64]) -> Vec<i64> {
        let rules = [fired(Some(Typology::Skimming), None)];
        let mut all = Vec::new();
        for minute in minutes {
            let mut out = Vec::new();
            alerts.raise(&row("a", minute * 60_000), &rules, &mut out);
            all.extend(out.iter().map(|_| *minute));
        }
        all
    }

    #[test]
    fn a_cooldown_holds_back_within_its_span_before_and_after() {
        let sent =
            |minutes: &[i64]| sent_at(&mut Alerts::new(&ScoringSettings::default()), minutes);
        // An hour, exclusive, on both sides.
        assert_eq!(sent(&[600, 659, 541]), [600]);
        assert_eq!(sent(&[600, 660]), [600, 660]);
        assert_eq!(sent(&[600, 540]), [600, 540]);
        // What was sent while it was offline does not hide what the terminal kept.
        assert_eq!(sent(&[600, 300, 301, 359, 360, 601]), [600, 300, 360]);
        // And what it kept does not let the newest be told again.
        assert_eq!(sent(&[600, 300, 630, 310, 640]), [600, 300]);
        assert_eq!(sent(&[600, 541, 500, 559]), [600, 500]);
    }

    #[test]
    fn records_in_any_order_raise_one_alert_per_cooldown_at_most() {
        let minutes: Vec<i64> = (0..20_000).map(|n| n * 7_919 % 1_440).collect();
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let sent = sent_at(&mut alerts, &minutes);
        assert!((4..=24).contains(&sent.len()), "{sent:?}");
        for (at, minute) in sent.iter().enumerate() {
            let close = sent[..at].iter().find(|other| (*other - minute).abs() < 60);
            assert_eq!(close, None, "{minute} in {sent:?}");
        }
        assert_eq!(alerts.count, SENT_MAX);
        // Back and forth over two days, and from the newest to the oldest.
        let minutes: Vec<i64> = (0..4_000).map(|n| n % 7 * 480).collect();
        let mut alerts = Alerts::new(&ScoringSettings::default());
        assert!(sent_at(&mut alerts, &minutes).len() <= 7);
        let backwards: Vec<i64> = (0..2_880).rev().collect();
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let sent = sent_at(&mut alerts, &backwards);
        assert_eq!(sent, [2_879, 2_819, 2_759, 2_699]);
    }

    #[test]
    fn every_alert_that_was_held_back_is_counted_once() {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let rules = [fired(Some(Typology::Skimming), None)];
        let (mut sent, mut suppressed) = (0, 0);
        let minutes = (0..5_000).map(|n: i64| n * 31 % 900).chain([9_000]);
        for minute in minutes {
            let mut out = Vec::new();
            alerts.raise(&row("a", minute * 60_000), &rules, &mut out);
            for alert in out {
                sent += 1;
                suppressed += alert.suppressed_count;
            }
        }
        assert_eq!(sent + suppressed, 5_001);
    }

    #[test]
    fn memory_is_bounded_and_the_longest_cooldowns_stay() {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        alerts.max = 8;
        let fired = [fired(None, None)];
        for time in 0..100 {
            let mut out = Vec::new();
            alerts.raise(&row(&format!("k{time}"), time), &fired, &mut out);
            assert_eq!(out.len(), 1);
            assert!(alerts.count <= 8);
        }
        let mut out = Vec::new();
        alerts.raise(&row("k99", 100), &fired, &mut out);
        assert!(out.is_empty(), "the latest is still cooling down");
    }
}
