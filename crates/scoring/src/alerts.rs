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
    /// Event time from which the next alert is sent.
    until_ms: i64,
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

    /// Appends what `row` raises: one alert per typology in `fired` that is not cooling down, and
    /// one for the score, under the typology of the strongest reason.
    pub(crate) fn raise(
        &mut self,
        row: &Row<'_>,
        fired: &[(Option<Typology>, Severity)],
        out: &mut Vec<Alert>,
    ) {
        for (position, (typology, _)) in fired.iter().enumerate() {
            if fired[..position]
                .iter()
                .any(|(earlier, _)| earlier == typology)
            {
                continue;
            }
            let same = fired.iter().filter(|(other, _)| other == typology);
            let severity = same.map(|(_, severity)| *severity).max();
            self.send(row, *typology, severity.unwrap_or(self.severity), out);
        }
        if self.wants_score(row.score) {
            let strongest = row.reasons.first();
            let typology = strongest.and_then(|reason| reason.definition.typology);
            if !fired.iter().any(|(earlier, _)| *earlier == typology) {
                let severities = row.reasons.iter().map(|reason| reason.definition.severity);
                self.send(
                    row,
                    typology,
                    severities.max().unwrap_or(Severity::Warning),
                    out,
                );
            }
        }
    }

    fn send(
        &mut self,
        row: &Row<'_>,
        typology: Option<Typology>,
        severity: Severity,
        out: &mut Vec<Alert>,
    ) {
        let until_ms = row.time_ms.saturating_add(self.cooldown_ms);
        let known = self
            .states
            .get_mut(row.key)
            .and_then(|list| list.iter_mut().find(|state| state.typology == typology));
        let suppressed_count = match known {
            Some(state) if row.time_ms < state.until_ms => {
                state.suppressed = state.suppressed.saturating_add(1);
                return;
            }
            Some(state) => {
                state.until_ms = until_ms;
                std::mem::take(&mut state.suppressed)
            }
            None => {
                self.make_room(row.time_ms);
                let list = self.states.entry(row.key.into()).or_default();
                list.push(State {
                    typology,
                    until_ms,
                    suppressed: 0,
                });
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
        self.keep(|state| state.until_ms > now_ms);
        if self.count <= self.max / 2 {
            return;
        }
        let mut ends: Vec<i64> = self.states.values().flatten().map(|s| s.until_ms).collect();
        let middle = ends.len() / 2;
        let (_, cut, _) = ends.select_nth_unstable(middle);
        let cut = *cut;
        self.keep(|state| state.until_ms > cut);
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

    #[test]
    fn cools_down_per_key_and_typology_in_event_time() {
        let mut alerts = Alerts::new(&ScoringSettings::default());
        let mut sent = |key: &str, time_ms, typology| {
            let mut out = Vec::new();
            alerts.raise(
                &row(key, time_ms),
                &[(Some(typology), Severity::Critical)],
                &mut out,
            );
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
        let fired = [(None, Severity::Critical)];
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
