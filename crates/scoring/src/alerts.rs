//! Which scores a person must hear of, and how often.

mod changes;
mod image;
mod sent;
#[cfg(test)]
mod tests;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tillwatch_records::cut::{Entries, Entry};
use tillwatch_records::{Alert, Reason, Severity, Typology};

use self::changes::Changes;
use self::image::{Totals, read_key, read_list};
use self::sent::{SENT_MAX, Sent, is_held_back, make_way};
use crate::error::ScoringError;
use crate::limits::ALERT_STATES_MAX;
use crate::settings::ScoringSettings;

/// Alerts sent, per key and typology, and what they hold back: an alert less than a cool-down before or after
/// one that was sent, in event time. So a terminal that was offline and sends what is hours old is heard of,
/// though it was heard of since. A function of the records seen alone.
#[derive(Debug)]
pub(crate) struct Alerts {
    severity: Severity,
    score_from: u16,
    cooldown_ms: i64,
    /// By key; at most [`ALERT_STATES_MAX`] entries in all the lists together.
    states: HashMap<Box<str>, Vec<Sent>, FixedState>,
    /// Entries of all lists.
    count: usize,
    max: usize,
    changes: Changes,
    /// What is to be restored, while it is.
    expected: Option<Totals>,
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

impl Alerts {
    pub(crate) fn new(settings: &ScoringSettings) -> Self {
        Self {
            severity: settings.alert_severity,
            score_from: settings.alert_from,
            cooldown_ms: settings.alert_cooldown.as_ms(),
            states: HashMap::with_hasher(FixedState::default()),
            count: 0,
            max: ALERT_STATES_MAX,
            changes: Changes::default(),
            expected: None,
        }
    }

    /// Bytes that what was sent takes, about: tables are at most half empty, and a list has room for a few
    /// alerts from its first one on.
    pub(crate) fn bytes(&self) -> usize {
        const KEY_BYTES: usize = 64;
        let slot = size_of::<(Box<str>, Vec<Sent>)>() + 1;
        let keys = self.states.len();
        let entries = self.count.max(SENT_MAX * keys);
        let states = self.states.capacity() * slot + keys * KEY_BYTES + entries * size_of::<Sent>();
        states + self.changes.bytes()
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

    /// Takes note of what changes from now on. Everything that is remembered counts as changed and unknown to
    /// any store, and a cut under way is given up.
    pub(crate) fn track(&mut self) {
        self.changes.track(self.states.keys().map(|key| &**key));
    }

    /// Whether changes are noted: from [`Alerts::track`] or [`Alerts::end_restore`] on.
    pub(crate) fn is_tracked(&self) -> bool {
        self.changes.is_tracked()
    }

    /// Begins a cut: freezes the list of keys that have changed, and gives what is said of all keys together.
    pub(crate) fn begin_cut(&mut self) -> Vec<u8> {
        let Self {
            states,
            count,
            changes,
            // Settings.
            severity: _,
            score_from: _,
            cooldown_ms: _,
            max: _,
            // Nothing is restored while a cut is made.
            expected: _,
        } = self;
        changes.begin_cut();
        let totals = Totals {
            keys: states.len() as u64,
            alerts: *count as u64,
        };
        totals.write()
    }

    /// Appends images of at most `keys_max` frozen keys, and of those that have changed since the last call;
    /// whether the cut is whole.
    pub(crate) fn continue_cut(&mut self, out: &mut Entries, keys_max: usize) -> bool {
        let Self {
            states, changes, ..
        } = self;
        let known = |key: &str| states.get(key).map(Vec::as_slice);
        changes.continue_cut(out, keys_max, known)
    }

    /// Lets the next cut hold at most `keys_max` keys of the one under way, which is given up; whether none
    /// is left.
    pub(crate) fn put_back(&mut self, keys_max: usize) -> bool {
        self.changes.put_back(keys_max)
    }

    /// Bytes of images that wait to be taken by a cut.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.changes.waiting_bytes()
    }

    /// Forgets everything, and expects what a cut says of all keys together.
    pub(crate) fn begin_restore(&mut self, totals: &[u8]) -> Result<(), ScoringError> {
        let totals = Totals::read(totals).ok_or_else(|| damaged("its totals cannot be read"))?;
        self.states.clear();
        self.count = 0;
        self.expected = Some(totals);
        Ok(())
    }

    /// Takes over the alerts of a key.
    pub(crate) fn restore(&mut self, entry: &Entry<'_>) -> Result<(), ScoringError> {
        let key = read_key(entry.key, entry.hash).ok_or_else(|| damaged("a key cannot be read"))?;
        let list = entry.image.and_then(read_list);
        let list = list.ok_or_else(|| damaged("the alerts of a key cannot be read"))?;
        self.count += list.len();
        if self.count > self.max {
            return Err(damaged("there are more alerts than are remembered"));
        }
        match self.states.insert(key.into(), list) {
            None => Ok(()),
            Some(_) => Err(damaged("a key is there twice")),
        }
    }

    /// Says that all keys were restored. What changes from now on is noted.
    pub(crate) fn end_restore(&mut self) -> Result<(), ScoringError> {
        let found = Totals {
            keys: self.states.len() as u64,
            alerts: self.count as u64,
        };
        if self.expected.take() != Some(found) {
            return Err(damaged("there are not as many alerts as it says"));
        }
        self.changes.track(std::iter::empty());
        Ok(())
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
        let list = self.states.get_mut(row.key);
        self.changes
            .touch(row.key, list.as_deref().map(Vec::as_slice));
        if let Some(list) = list {
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
        // The key itself may have been forgotten.
        let known = self.states.get(row.key).map(Vec::as_slice);
        self.changes.touch(row.key, known);
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
        let Self {
            states, changes, ..
        } = self;
        let mut count = 0;
        let over = states.extract_if(|key, list| {
            let kept = list.iter().filter(|state| wanted(state)).count();
            if kept > 0 && kept < list.len() {
                changes.touch(key, Some(list));
                list.retain(|state| wanted(state));
            }
            count += kept;
            kept == 0
        });
        let over: Vec<(Box<str>, Vec<Sent>)> = over.collect();
        for (key, list) in over {
            changes.forget(key, &list);
        }
        self.count = count;
    }
}

fn damaged(message: &str) -> ScoringError {
    ScoringError::AlertState(message.to_owned())
}
