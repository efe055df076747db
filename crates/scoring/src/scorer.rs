//! One lane's scoring: a fold of batches into scores and alerts.

mod explain;
mod share;

use std::sync::Arc;

use tillwatch_records::{
    Attribution, Challenge, FeatureBatch, Flags, ScoreBatch, ShadowScores, Versions,
};

use crate::alerts::Alerts;
use crate::cut::ScorerCut;
use crate::learners::Learners;
use crate::lineup::{Entrant, Lineup};
use crate::math::score_of;
use crate::model::{Depth, Signal};
use crate::runner::{Effort, Room, Runner, Tools};
use crate::settings::{AttributionPolicy, Below};
use crate::workspace::Workspace;
use explain::explain;
use share::challenged;

/// Scores the batches of one lane, in order. The same batches give the same scores and alerts,
/// however the records were cut into batches.
#[derive(Debug)]
pub struct Scorer {
    pub(crate) lineup: Arc<Lineup>,
    pub(crate) champion: Runner,
    pub(crate) challenger: Option<Runner>,
    pub(crate) shadows: Vec<Runner>,
    /// What is on the champion's scores, and on the challenger's.
    pub(crate) versions: [Arc<Versions>; 2],
    pub(crate) alerts: Alerts,
    /// For batches that are scored without another one.
    pub(crate) own: Workspace,
    /// The cut under way.
    pub(crate) cut: Option<ScorerCut>,
}

/// What a batch does not say of itself, and its scoring depends on.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoreContext<'a> {
    /// How much of the models is asked of the batch.
    pub effort: Effort,
    /// Version of the reference table that is joined to the batch; see [`Versions::reference`].
    pub reference: Option<&'a str>,
}

/// The score of every row, whoever gave it.
struct Decided {
    probabilities: Vec<f64>,
    challenge: Option<Challenge>,
    flags: Vec<Flags>,
}

impl Scorer {
    /// A scorer that has seen nothing.
    pub fn new(lineup: &Arc<Lineup>) -> Self {
        Self::with(lineup, &mut Learners::default())
    }

    /// As [`Scorer::new`], with those learners that are among `learners`.
    fn with(lineup: &Arc<Lineup>, learners: &mut Learners) -> Self {
        let challenger = lineup.challenger.as_ref().map(|(entrant, _)| entrant);
        let mut runner = |entrant: &Entrant| Runner::with(&entrant.model, &entrant.reads, learners);
        let second = challenger.unwrap_or(&lineup.champion);
        Self {
            champion: runner(&lineup.champion),
            challenger: challenger.map(&mut runner),
            shadows: lineup.shadows.iter().map(&mut runner).collect(),
            versions: [&lineup.champion, second].map(|entrant| Arc::clone(&entrant.versions)),
            alerts: Alerts::new(&lineup.settings),
            own: Workspace::default(),
            cut: None,
            lineup: Arc::clone(lineup),
        }
    }

    /// Scores with `lineup` from the next batch on; whether it is another one. A learner whose model is in
    /// both goes on with what it knows, cool-downs of alerts go on as well.
    ///
    /// Other learners are taken from `learners`, or made anew where they are not there. Left there are those
    /// that score no more, for the caller to drop when there is time.
    pub fn set_lineup(&mut self, lineup: &Arc<Lineup>, learners: &mut Learners) -> bool {
        if Arc::ptr_eq(&self.lineup, lineup) {
            return false;
        }
        let fresh = std::mem::take(learners);
        for runner in self.runners_mut() {
            runner.end(learners);
        }
        learners.append(fresh);
        let mut next = Self::with(lineup, learners);
        next.alerts = std::mem::replace(&mut self.alerts, Alerts::new(&lineup.settings));
        next.alerts.set_settings(&lineup.settings);
        next.cut = self.cut.take();
        *self = next;
        true
    }

    /// The models that score.
    pub fn lineup(&self) -> &Arc<Lineup> {
        &self.lineup
    }

    /// What is on the champion's scores. Which reference table they name is known once a batch was scored.
    pub fn versions(&self) -> &Arc<Versions> {
        &self.versions[0]
    }

    /// Scores one batch. An input that the batch lacks counts as missing on every row.
    pub fn score(&mut self, batch: FeatureBatch, context: &ScoreContext<'_>) -> ScoreBatch {
        let mut own = std::mem::take(&mut self.own);
        let scores = self.score_in(&mut own, batch, context);
        self.own = own;
        scores
    }

    /// As [`Scorer::score`], in a workspace that others use before and after.
    pub fn score_in(
        &mut self,
        workspace: &mut Workspace,
        batch: FeatureBatch,
        context: &ScoreContext<'_>,
    ) -> ScoreBatch {
        let Workspace {
            rooms,
            tools,
            signals,
        } = workspace;
        self.lend(rooms);
        let scores = self.score_with(tools, signals, batch, context);
        self.lend(rooms);
        for room in rooms.iter_mut() {
            room.release();
        }
        scores
    }

    /// Scores in the rooms that the runners have.
    fn score_with(
        &mut self,
        tools: &mut Tools,
        signals: &mut Vec<Signal>,
        batch: FeatureBatch,
        context: &ScoreContext<'_>,
    ) -> ScoreBatch {
        let rows = batch.len();
        let effort = context.effort;
        self.note_reference(context.reference);
        let decided = self.decide(tools, &batch, effort, signals);
        let attributions = self.attribute(tools, &decided, effort, signals);
        let shadows = self.watch(tools, &batch, effort);
        // Stable, so that equals keep the order of members and rules.
        signals.sort_by(|a, b| {
            let by_share = || b.reason.contribution.total_cmp(&a.reason.contribution);
            a.row.cmp(&b.row).then_with(by_share)
        });
        let settings = &self.lineup.settings;
        let scores: Vec<u16> = decided.probabilities.iter().map(|p| score_of(*p)).collect();
        let bands = scores.iter().map(|score| settings.band(*score)).collect();
        let (reasons, alerts) = explain(&mut self.alerts, &batch, &scores, signals);
        debug_assert_eq!(scores.len(), rows);
        ScoreBatch {
            events: batch.events,
            emissions: batch.emissions,
            features: batch.features,
            scores,
            probabilities: decided.probabilities,
            bands,
            reasons,
            flags: decided.flags,
            attributions,
            versions: Arc::clone(&self.versions[0]),
            challenge: decided.challenge,
            shadows,
            alerts,
        }
    }

    /// Lends the runners a room each, or takes the rooms back.
    fn lend(&mut self, rooms: &mut Vec<Room>) {
        let runners = 1 + usize::from(self.challenger.is_some()) + self.shadows.len();
        rooms.resize_with(runners, Room::default);
        for (runner, room) in self.runners_mut().zip(rooms) {
            runner.swap_room(room);
        }
    }

    /// Puts the version of the reference table on the scores.
    fn note_reference(&mut self, version: Option<&str>) {
        for versions in &mut self.versions {
            if versions.reference.as_deref() != version {
                *versions = Arc::new(Versions {
                    reference: version.map(str::to_owned),
                    ..Versions::clone(versions)
                });
            }
        }
    }

    /// Scores with the models that decide.
    fn decide(
        &mut self,
        tools: &mut Tools,
        batch: &FeatureBatch,
        effort: Effort,
        signals: &mut Vec<Signal>,
    ) -> Decided {
        let from = self.explain_from();
        self.champion.bind_batch(batch);
        self.champion.score_with(tools, effort, from, signals);
        let mut probabilities = self.champion.probability().to_vec();
        let mut challenge = None;
        if let (Some(runner), Some((_, share))) = (&mut self.challenger, &self.lineup.challenger) {
            let theirs = challenged(&batch.emissions.keys, *share);
            signals.retain(|signal| !theirs[signal.row as usize]);
            let first = signals.len();
            runner.bind_batch(batch);
            runner.score_with(tools, effort, from, signals);
            let added = signals.split_off(first);
            signals.extend(
                added
                    .into_iter()
                    .filter(|signal| theirs[signal.row as usize]),
            );
            let pairs = probabilities.iter_mut().zip(runner.probability());
            for ((mine, their), is_theirs) in pairs.zip(&theirs) {
                *mine = if *is_theirs { *their } else { *mine };
            }
            challenge = theirs.contains(&true).then(|| Challenge {
                versions: Arc::clone(&self.versions[1]),
                rows: theirs,
            });
        }
        let mut flags = batch.flags.clone();
        for (row, probability) in probabilities.iter_mut().enumerate() {
            let runner = self.runner_of(challenge.as_ref(), row);
            if runner.is_warming(row) {
                flags[row] |= Flags::MODEL_WARMING;
            }
            if runner.is_degraded() {
                flags[row] |= Flags::DEGRADED;
            }
            if probability.is_nan() {
                *probability = 0.0;
            }
        }
        Decided {
            probabilities,
            challenge,
            flags,
        }
    }

    fn runner_of(&self, challenge: Option<&Challenge>, row: usize) -> &Runner {
        match (challenge, &self.challenger) {
            (Some(challenge), Some(challenger)) if challenge.rows[row] => challenger,
            _ => &self.champion,
        }
    }

    /// Adds what contributions say, as deep as the policy wants for each row.
    fn attribute(
        &self,
        tools: &mut Tools,
        decided: &Decided,
        effort: Effort,
        signals: &mut Vec<Signal>,
    ) -> Vec<Attribution> {
        let settings = self.lineup.settings.attribution;
        let is_late = effort > Effort::Full && settings.policy == AttributionPolicy::Deadline;
        let mut found = vec![Attribution::None; decided.probabilities.len()];
        // By runner and depth: champion exact, champion cheap, challenger exact, challenger cheap.
        let mut asked: [Vec<u32>; 4] = Default::default();
        let from = self.explain_from();
        for (row, probability) in decided.probabilities.iter().enumerate() {
            let is_exact = *probability >= from && !is_late;
            if !is_exact && settings.below == Below::None && !(is_late && *probability >= from) {
                continue;
            }
            let challenge = decided.challenge.as_ref();
            let is_theirs = challenge.is_some_and(|challenge| challenge.rows[row]);
            asked[usize::from(is_theirs) * 2 + usize::from(!is_exact)].push(row as u32);
        }
        for (position, rows) in asked.iter().enumerate() {
            let runner = match (position / 2, &self.challenger) {
                (1, Some(challenger)) => challenger,
                _ => &self.champion,
            };
            let depth = if position % 2 == 0 {
                Depth::Exact
            } else {
                Depth::Cheap
            };
            let how = runner.explain_with(tools, rows, depth, signals);
            rows.iter().for_each(|row| found[*row as usize] = how);
        }
        found
    }

    /// The probability from which contributions are exact.
    fn explain_from(&self) -> f64 {
        let settings = self.lineup.settings.attribution;
        match settings.policy {
            AttributionPolicy::Always => 0.0,
            AttributionPolicy::AboveThreshold | AttributionPolicy::Deadline => settings.from,
        }
    }

    /// Asks the shadows. Under load they are the first to be skipped.
    fn watch(
        &mut self,
        tools: &mut Tools,
        batch: &FeatureBatch,
        effort: Effort,
    ) -> Vec<ShadowScores> {
        let mut unused = Vec::new();
        let entrants = self.lineup.shadows.iter();
        entrants
            .zip(&mut self.shadows)
            .map(|(entrant, runner)| {
                let model = Arc::clone(&entrant.label);
                // A shadow that learns sees every row, or it would not be the model it is compared as.
                if effort > Effort::Full && !runner.model().learns() {
                    return ShadowScores {
                        model,
                        probabilities: Vec::new(),
                    };
                }
                runner.bind_batch(batch);
                runner.score_with(tools, Effort::Full, f64::INFINITY, &mut unused);
                unused.clear();
                ShadowScores {
                    model,
                    probabilities: runner.probability().to_vec(),
                }
            })
            .collect()
    }

    pub(crate) fn runners(&self) -> impl Iterator<Item = &Runner> {
        [&self.champion]
            .into_iter()
            .chain(&self.challenger)
            .chain(&self.shadows)
    }

    pub(crate) fn runners_mut(&mut self) -> impl Iterator<Item = &mut Runner> {
        let first = [&mut self.champion].into_iter();
        first.chain(&mut self.challenger).chain(&mut self.shadows)
    }
}
