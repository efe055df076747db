//! What a changed line-up would have said of the records seen last.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use tillwatch_records::FeatureBatch;
use tillwatch_scoring::{
    BackTest, InputScope, Lineup, LoadedModel, RECENT_BYTES, Recent, backtest,
};

use crate::clock;

/// How long a trial rests after each batch, in times of what that took. It is some tenths of a second of work,
/// in which lanes would share a processor with it; nobody waits for it.
const PAUSE_PER_WORK: u32 = 3;

/// The last rows of each lane.
#[derive(Debug)]
pub struct Memory {
    /// Rows that line-ups are tried on, above 0. Each lane keeps as many, since it may be the only one.
    rows: usize,
    /// Those of lanes that are no more are dropped when another one comes.
    lanes: Mutex<Vec<Weak<Mutex<Recent>>>>,
}

/// A count by the champion in force, and by the one that takes its place.
type OldAndNew = [u64; 2];

/// What two line-ups say of the same rows.
#[derive(Debug, Serialize)]
pub struct Trial {
    rows: u64,
    #[serde(flatten)]
    champion: Said,
    /// The challenger and the shadows that are not as they were. They are tried on all rows, whatever share
    /// of keys a challenger has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Other>,
}

/// What a model and the one that takes its place say.
#[derive(Debug, Serialize)]
struct Said {
    approved: OldAndNew,
    reviewed: OldAndNew,
    declined: OldAndNew,
    /// How often each rule fires, `member/CODE` (rules of one code and member together).
    rules: BTreeMap<String, OldAndNew>,
    /// What the new model reads and these rows do not have: it may say more of new records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

/// A model beside the champion.
#[derive(Debug, Serialize)]
struct Other {
    role: Role,
    /// `name@version`.
    model: String,
    #[serde(flatten)]
    said: Said,
}

/// What a model is there for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Challenger,
    Shadow,
}

impl Memory {
    /// Tries line-ups on about so many rows, the last ones of all lanes in equal parts.
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

    /// Tries both line-ups on what is kept; `None` where that is nothing. A lane waits no longer than it takes
    /// to list its batches.
    pub fn try_out(&self, before: &Lineup, after: &Lineup, scope: &InputScope) -> Option<Trial> {
        let lanes: Vec<_> = self.lanes.lock().iter().filter_map(Weak::upgrade).collect();
        let each = self.rows.div_ceil(lanes.len().max(1));
        let mut batches: Vec<Arc<FeatureBatch>> = Vec::new();
        for lane in lanes {
            let kept: Vec<Arc<FeatureBatch>> = lane.lock().batches().cloned().collect();
            let mut rows = 0;
            // One batch at least, whatever share of the rows it is.
            let newest = kept.into_iter().rev().take_while(|batch| {
                let is_room = rows < each;
                rows += batch.len();
                is_room
            });
            let first = batches.len();
            batches.extend(newest);
            batches[first..].reverse();
        }
        if batches.is_empty() {
            return None;
        }
        let run = |lineup: &Lineup, model: &Arc<LoadedModel>| {
            let mut since = clock::now();
            let batches = batches.iter().map(|batch| {
                clock::wait(PAUSE_PER_WORK * since.elapsed());
                since = clock::now();
                batch.as_ref()
            });
            backtest(model, scope, lineup.settings(), batches)
        };
        let champion = run(after, after.champion());
        let others = changed(before, after).map(|(role, old, new)| Other {
            role,
            model: new.info().versioned_name(),
            said: Said::new(old.map(|old| run(before, old)), run(after, new)),
        });
        let others = others.collect();
        Some(Trial {
            rows: champion.rows,
            champion: Said::new(Some(run(before, before.champion())), champion),
            others,
        })
    }
}

/// The challenger and the shadows of `after` that `before` has not as they are, each with the one whose place
/// it takes: the challenger before, the shadow of its name.
fn changed<'a>(
    before: &'a Lineup,
    after: &'a Lineup,
) -> impl Iterator<Item = (Role, Option<&'a Arc<LoadedModel>>, &'a Arc<LoadedModel>)> {
    let model = |(model, _share)| model;
    let old = before.challenger().map(model);
    let challenger = after.challenger().map(model).into_iter();
    let challenger = challenger.map(move |new| (Role::Challenger, old, new));
    let shadows = after.shadows().map(|new| {
        let is_same = |old: &&Arc<LoadedModel>| old.info().name == new.info().name;
        (Role::Shadow, before.shadows().find(is_same), new)
    });
    (challenger.chain(shadows))
        .filter(|(_, old, new)| old.is_none_or(|old| old.info().hash != new.info().hash))
}

impl Said {
    fn new(before: Option<BackTest>, after: BackTest) -> Self {
        let before = before.unwrap_or_default();
        let mut rules: BTreeMap<String, OldAndNew> = BTreeMap::new();
        for (side, found) in [&before, &after].into_iter().enumerate() {
            for rule in &found.rules {
                let name = format!("{}/{}", rule.member, rule.code);
                rules.entry(name).or_default()[side] += rule.fired;
            }
        }
        Self {
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

    fn log(&self, role: &str, model: &str, rows: u64) {
        let pair = |[old, new]: OldAndNew| format!("{old} → {new}");
        let fired: u64 = self.rules.values().map(|[_, new]| new).sum();
        tracing::info!(
            target: "audit",
            role,
            model,
            rows,
            approved = pair(self.approved),
            reviewed = pair(self.reviewed),
            declined = pair(self.declined),
            fired,
            differing = self.differing(),
            missing = ?self.missing,
            "what the new model says of the last rows, against the one before it"
        );
    }
}

impl Trial {
    /// Says it in the log; `champion` is the new one's name and version.
    pub fn log(&self, champion: &str) {
        self.champion.log("champion", champion, self.rows);
        for other in &self.others {
            let role = match other.role {
                Role::Challenger => "challenger",
                Role::Shadow => "shadow",
            };
            other.said.log(role, &other.model, self.rows);
        }
    }
}
