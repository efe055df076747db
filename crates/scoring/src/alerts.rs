//! Which scores a person must hear of, and how often.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tillwatch_records::{Alert, Reason, Severity, Typology};

use crate::limits::ALERT_STATES_MAX;
use crate::settings::ScoringSettings;

/// Cool-downs that are running, per key and typology. A function of the records seen alone.
#[derive(Debug, Clone)]
pub(crate) struct Alerts {
    severity: Severity,
    score_from: u16,
    cooldown_ms: i64,
    /// By key; at most [`ALERT_STATES_MAX`] entries in all the lists together.
    states: HashMap<Box<str>, Vec<State>, FixedState>,
    /// Entries of all lists.
    count: usize,
    max: usize,
}

#[derive(Debug, Clone, Copy)]
struct State {
    typology: Option<Typology>,
    /// Event time of the last alert sent.
    sent_ms: i64,
    /// Event time from which the next alert is sent, unless a rule has a cool-down of its own.
    until_ms: i64,
    /// Event time from which no rule that raised the last alert is held back; not before `until_ms`.
    last_ms: i64,
    /// Alerts held back since the last one sent.
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
    /// In place of the configured one: how long after the last alert of its key and typology the rule raises
    /// the next. Not negative.
    pub(crate) cooldown_ms: Option<i64>,
}

impl State {
    /// Whether a rule with this cool-down is held back at `time_ms`.
    fn holds_back(&self, cooldown_ms: Option<i64>, time_ms: i64) -> bool {
        let from = cooldown_ms.map(|own| self.sent_ms.saturating_add(own));
        time_ms < from.unwrap_or(self.until_ms)
    }
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
        let sent = State {
            typology,
            sent_ms: row.time_ms,
            until_ms,
            last_ms: until_ms.max(row.time_ms.saturating_add(own)),
            suppressed: 0,
        };
        let known = self
            .states
            .get_mut(row.key)
            .and_then(|list| list.iter_mut().find(|state| state.typology == typology));
        let suppressed_count = match known {
            Some(state) if cooldowns.all(|own| state.holds_back(own, row.time_ms)) => {
                state.suppressed = state.suppressed.saturating_add(1);
                return;
            }
            Some(state) => std::mem::replace(state, sent).suppressed,
            None => {
                self.make_room(row.time_ms);
                let list = self.states.entry(row.key.into()).or_default();
                list.push(sent);
                self.count += 1;
                0
            }
        };
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

    fn keep(&mut self, wanted: impl Fn(&State) -> bool) {
        let mut count = 0;
        self.states.retain(|_, list| {
            list.retain(|state| wanted(state));
            count += list.len();
            !list.is_empty()
        });
        self.count = count;
    }
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
