//! What a changed line-up would have said of the records seen last.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use tillwatch_records::FeatureBatch;
use tillwatch_scoring::{BackTest, InputScope, Lineup, RECENT_BYTES, Recent, backtest};

/// Rows of all lanes together that a line-up is tried on: a rule that fires once in a thousand rows is seen
/// firing, and the lanes do without some hundredths of a second of one core.
const TRIAL_ROWS_MAX: usize = 20_000;

/// The last rows of each lane.
#[derive(Debug)]
pub struct Memory {
    /// Rows kept per lane, above 0.
    rows: usize,
    /// Those of lanes that are no more are dropped when another one comes.
    lanes: Mutex<Vec<Weak<Mutex<Recent>>>>,
}

/// A count by the champion in force, and by the one that takes its place.
type OldAndNew = [u64; 2];

/// What two champions say of the same rows.
#[derive(Debug, Serialize)]
pub struct Trial {
    rows: u64,
    approved: OldAndNew,
    reviewed: OldAndNew,
    declined: OldAndNew,
    /// How often each rule fires, `member/CODE` (rules of one code and member together).
    rules: BTreeMap<String, OldAndNew>,
    /// What the new champion reads and these rows do not have: it may say more of new records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

impl Memory {
    /// Keeps so many rows of each lane.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            lanes: Mutex::default(),
        }
    }

    /// Room for the rows of a new lane.
    pub fn lane(&self) -> Arc<Mutex<Recent>> {
        let recent = Arc::new(Mutex::new(Recent::new(self.rows, RECENT_BYTES)));
        let mut lanes = self.lanes.lock();
        lanes.retain(|lane| lane.strong_count() > 0);
        lanes.push(Arc::downgrade(&recent));
        recent
    }

    /// Tries the champions of both line-ups on what is kept; `None` where that is nothing. A lane waits no
    /// longer than it takes to list its batches, whose columns are shared.
    pub fn try_out(&self, before: &Lineup, after: &Lineup, scope: &InputScope) -> Option<Trial> {
        let lanes: Vec<_> = self.lanes.lock().iter().filter_map(Weak::upgrade).collect();
        let each = TRIAL_ROWS_MAX / lanes.len().max(1);
        let mut batches: Vec<FeatureBatch> = Vec::new();
        for lane in lanes {
            let kept: Vec<FeatureBatch> = lane.lock().batches().cloned().collect();
            let mut rows = 0;
            let newest = kept.into_iter().rev().take_while(|batch| {
                rows += batch.len();
                rows <= each
            });
            let first = batches.len();
            batches.extend(newest);
            batches[first..].reverse();
        }
        if batches.is_empty() {
            return None;
        }
        let run = |lineup: &Lineup| backtest(lineup.champion(), scope, lineup.settings(), &batches);
        Some(Trial::new(&run(before), run(after)))
    }
}

impl Trial {
    fn new(before: &BackTest, after: BackTest) -> Self {
        let mut rules: BTreeMap<String, OldAndNew> = BTreeMap::new();
        for (side, found) in [before, &after].into_iter().enumerate() {
            for rule in &found.rules {
                let name = format!("{}/{}", rule.member, rule.code);
                rules.entry(name).or_default()[side] += rule.fired;
            }
        }
        Self {
            rows: after.rows,
            approved: [before.approved, after.approved],
            reviewed: [before.reviewed, after.reviewed],
            declined: [before.declined, after.declined],
            rules,
            missing: after.missing,
        }
    }

    /// The rules that fire differently, in words.
    fn differing(&self) -> String {
        let rules = self.rules.iter().filter(|(_, [old, new])| old != new);
        let words = rules.map(|(name, [old, new])| format!("{name} {old} → {new}"));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Says it in the log.
    pub fn log(&self) {
        let pair = |[old, new]: OldAndNew| format!("{old} → {new}");
        let fired: u64 = self.rules.values().map(|[_, new]| new).sum();
        tracing::info!(
            target: "audit",
            rows = self.rows,
            approved = pair(self.approved),
            reviewed = pair(self.reviewed),
            declined = pair(self.declined),
            fired,
            differing = self.differing(),
            missing = ?self.missing,
            "what the new champion says of the last rows, against the one in force"
        );
    }
}
