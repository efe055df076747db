//! What a changed line-up says of the rows scored last.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tillwatch_records::FeatureBatch;
use tillwatch_scoring::{BackTest, InputScope, Lineup, LoadedModel, backtest};

/// A count by the active model, and by the one that is to take its place.
pub type OldAndNew = [u64; 2];

/// What two line-ups say of the same rows.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// How many rows.
    pub rows: u64,
    /// The champions.
    #[serde(flatten)]
    pub champion: Said,
    /// The challenger and the shadows that are not as they were. They are tried on all rows, whatever share
    /// of keys a challenger has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
}

/// What a model and the one that takes its place say.
#[derive(Debug, Serialize)]
pub struct Said {
    /// Rows in the lowest decision band.
    pub approved: OldAndNew,
    /// Rows in the middle one.
    pub reviewed: OldAndNew,
    /// Rows in the highest one.
    pub declined: OldAndNew,
    /// How often each rule fires, `member/CODE` (rules of one code and member together).
    pub rules: BTreeMap<String, OldAndNew>,
    /// What the new model reads and these rows do not have: it may say more of new records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A model beside the champion.
#[derive(Debug, Serialize)]
pub struct Other {
    /// What it is there for.
    pub role: Role,
    /// `name@version`.
    pub model: String,
    /// What it says.
    #[serde(flatten)]
    pub said: Said,
}

/// What a model beside the champion is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To score a share of the keys.
    Challenger,
    /// To be compared.
    Shadow,
}

impl Role {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Challenger => "challenger",
            Self::Shadow => "shadow",
        }
    }
}

impl Trial {
    /// Tries both line-ups on `batches`; `None` where there are none. `pause` is called before each
    /// batch: this is work that nobody waits for.
    pub(crate) fn run(
        before: &Lineup,
        after: &Lineup,
        scope: &InputScope,
        batches: &[Arc<FeatureBatch>],
        mut pause: impl FnMut(),
    ) -> Option<Self> {
        if batches.is_empty() {
            return None;
        }
        let mut run = |lineup: &Lineup, model: &Arc<LoadedModel>| {
            let batches = batches.iter().inspect(|_| pause()).map(Arc::as_ref);
            backtest(model, scope, lineup.settings(), batches)
        };
        let champion = run(after, after.champion());
        let others = changed(before, after).map(|(role, old, new)| {
            let old = old.map(|old| run(before, old));
            Other {
                role,
                model: new.info().versioned_name(),
                said: Said::new(old, run(after, new)),
            }
        });
        let others = others.collect();
        Some(Self {
            rows: champion.rows,
            champion: Said::new(Some(run(before, before.champion())), champion),
            others,
        })
    }
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
