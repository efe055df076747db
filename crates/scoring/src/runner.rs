//! One model at work in one lane.

mod member;
mod room;

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::SchemaRef;
use tillwatch_records::{Attribution, Cause, FeatureBatch};

use self::member::{Instance, Member, members};
use crate::column::{InputColumn, joined};
use crate::learners::Learners;
use crate::loaded::LoadedModel;
use crate::math::log_odds;
use crate::model::{
    Contributions, Depth, Explain, Learner, ModelInfo, ModelInput, Shedding, Signal,
};
use crate::reads::Reads;
use crate::reasons::push_contributions;
use crate::scope::InputScope;
use crate::values::value_at;
pub(crate) use room::{Room, Tools};

/// A model with what one lane keeps for it: the learners' state. What it works in is its own, or lent to it.
///
/// Per batch: [`Runner::bind`], [`Runner::score`], and if wanted [`Runner::explain`] or
/// [`Runner::contributions`] for some of its rows.
#[derive(Debug)]
pub struct Runner {
    model: Arc<LoadedModel>,
    members: Vec<Member>,
    /// Schema of the features that `positions` are of.
    schema: Option<SchemaRef>,
    rows: usize,
    room: Room,
    tools: Tools,
}

/// How much of a model is asked of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Effort {
    /// Everything.
    #[default]
    Full,
    /// The score itself, without shadows, and with cheap contributions where the policy allows them.
    Reduced,
    /// Only members that are never skipped ([`Shedding::Never`]) and learners, where the model has a member
    /// that is never skipped. Rules are such members.
    Least,
}

impl Runner {
    /// Puts a model to work; its learners have seen nothing.
    pub fn new(model: &Arc<LoadedModel>, scope: &InputScope) -> Self {
        let reads = Reads::of(model, scope);
        Self::with(model, &reads, &mut Learners::default())
    }

    /// As [`Runner::new`], with those learners that are among `learners`; `reads` is of the model.
    pub(crate) fn with(model: &Arc<LoadedModel>, reads: &Reads, learners: &mut Learners) -> Self {
        Self {
            members: members(model, reads, learners),
            model: Arc::clone(model),
            schema: None,
            rows: 0,
            room: Room::default(),
            tools: Tools::default(),
        }
    }

    /// Works in `room` from here on, and gives the one before: lends it, and takes it back.
    pub(crate) fn swap_room(&mut self, room: &mut Room) {
        std::mem::swap(&mut self.room, room);
    }

    /// The model.
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.model
    }

    /// Fetches every member's inputs of a batch of `rows` rows; a missing one is null on every row. Learners
    /// learn from all of them.
    pub fn bind(&mut self, rows: usize, fetch: impl Fn(&InputColumn) -> Option<ArrayRef>) {
        self.rows = rows;
        let room = &mut self.room;
        room.fit(self.members.len());
        room.lessons.clear();
        if self.model.learns() {
            room.lessons.resize(rows, true);
        }
        for (member, room) in self.members.iter().zip(&mut room.members) {
            room.columns.clear();
            let columns = member.reads.iter().map(|input| {
                fetch(input).unwrap_or_else(|| new_null_array(&input.data_type(), rows))
            });
            room.columns.extend(columns);
        }
    }

    /// As [`Runner::bind`], from a batch of the flow. Where features stand is looked up once per schema. What
    /// learners learn from says [`Learner`].
    pub fn bind_batch(&mut self, batch: &FeatureBatch) {
        self.rows = batch.len();
        self.room.fit(self.members.len());
        self.room.lessons.clear();
        if self.model.learns() {
            let teacher = Cause::Record(batch.emissions.scored.first());
            let rows = batch.emissions.causes.iter().zip(&batch.flags);
            let lessons = rows.map(|(cause, flags)| *cause == teacher && flags.changes_state());
            self.room.lessons.extend(lessons);
        }
        let schema = batch.features.schema_ref();
        if !self
            .schema
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, schema))
        {
            for member in &mut self.members {
                let position = |input: &InputColumn| match input {
                    InputColumn::Feature(name) => schema.index_of(name).ok(),
                    InputColumn::Event(_) | InputColumn::Joined(_) => None,
                };
                member.positions = member.reads.iter().map(position).collect();
            }
            self.schema = Some(Arc::clone(schema));
        }
        for (member, room) in self.members.iter().zip(&mut self.room.members) {
            room.columns.clear();
            let reads = member.reads.iter().zip(&member.positions);
            room.columns.extend(reads.map(|(input, position)| {
                let found = match (input, position) {
                    (InputColumn::Feature(_), None) => None,
                    (InputColumn::Feature(_), Some(at)) => {
                        Some(Arc::clone(batch.features.column(*at)))
                    }
                    (InputColumn::Event(column), _) => batch.events.column(*column).map(Arc::clone),
                    (InputColumn::Joined(field), _) => joined(&batch.events, field),
                };
                found.unwrap_or_else(|| new_null_array(&input.data_type(), self.rows))
            }));
        }
    }

    /// Scores the rows that were bound. Reasons that come with the score go to `signals`.
    pub fn score(&mut self, effort: Effort, explain_from: f64, signals: &mut Vec<Signal>) {
        let mut tools = std::mem::take(&mut self.tools);
        self.score_with(&mut tools, effort, explain_from, signals);
        self.tools = tools;
    }

    /// As [`Runner::score`], with `tools`.
    pub(crate) fn score_with(
        &mut self,
        tools: &mut Tools,
        effort: Effort,
        explain_from: f64,
        signals: &mut Vec<Signal>,
    ) {
        let sheds = effort == Effort::Least && self.has_unshed();
        let members = self.members.iter().zip(&mut self.room.members);
        for (position, (member, room)) in members.enumerate() {
            let output = &mut room.output;
            output.clear();
            room.is_skipped = false;
            let Instance::Fixed(model) = &member.instance else {
                // Until it is asked it has no opinion.
                output.probability.resize(self.rows, f64::NAN);
                continue;
            };
            room.is_skipped = sheds && member.shedding == Shedding::UnderLoad;
            if room.is_skipped {
                output.raw.resize(self.rows, f64::NAN);
                output.probability.resize(self.rows, f64::NAN);
                continue;
            }
            let input = ModelInput {
                columns: &room.columns,
                rows: self.rows,
            };
            std::mem::swap(&mut output.scratch, &mut tools.trees);
            model.score(&input, output);
            std::mem::swap(&mut output.scratch, &mut tools.trees);
            if let Some(calibration) = &self.model.members[position].calibration {
                let pairs = output.probability.iter_mut().zip(&output.raw);
                pairs.for_each(|(p, raw)| *p = calibration.probability(*raw));
            }
        }
        if self.model.learns() {
            self.learn(explain_from);
        }
        for (position, room) in self.room.members.iter_mut().enumerate() {
            let share = self.model.combine.share(position);
            signals.extend(room.output.signals.drain(..).map(|mut signal| {
                signal.reason.contribution *= share;
                signal
            }));
        }
        self.combine();
    }

    /// Whether some member answers however little is asked, learners aside.
    fn has_unshed(&self) -> bool {
        let mut fixed = self.members.iter().filter(|member| !member.learns());
        fixed.any(|member| member.shedding == Shedding::Never)
    }

    /// Asks the learners, which are told what the others say: what is suspicious to those, they explain.
    fn learn(&mut self, explain_from: f64) {
        let others: Vec<f64> = (0..self.rows).map(|row| self.joint(row)).collect();
        let explain = Explain {
            from: explain_from,
            others: &others,
        };
        let Room {
            members, lessons, ..
        } = &mut self.room;
        for (member, room) in self.members.iter_mut().zip(members) {
            if let Instance::Learning { learner, .. } = &mut member.instance {
                let input = ModelInput {
                    columns: &room.columns,
                    rows: self.rows,
                };
                room.output.clear();
                learner.score_and_learn(&input, lessons, &explain, &mut room.output);
            }
        }
    }

    /// The members' joint probability of `row`.
    fn joint(&self, row: usize) -> f64 {
        let members = self.room.members.iter();
        let answers = members.map(|member| member.output.probability[row]);
        self.model.combine.probability(answers)
    }

    /// Joins the members' answers.
    fn combine(&mut self) {
        let Room { members, .. } = &self.room;
        debug_assert!(
            members
                .iter()
                .all(|m| m.output.probability.len() == self.rows)
        );
        debug_assert!(members.iter().all(|m| m.output.raw.len() == self.rows));
        self.room.raw.clear();
        self.room.probability.clear();
        if let Room {
            members,
            raw,
            probability,
            ..
        } = &mut self.room
            && let [only] = members.as_slice()
        {
            raw.extend_from_slice(&only.output.raw);
            probability.extend_from_slice(&only.output.probability);
            return;
        }
        for row in 0..self.rows {
            let joint = self.joint(row);
            let raw = log_odds(joint);
            self.room.raw.push(raw);
            self.room.probability.push(match &self.model.calibration {
                Some(calibration) => calibration.probability(raw),
                None => joint,
            });
        }
    }

    /// Raw score of each row of the last batch: the model's own, or an ensemble's log-odds.
    pub fn raw(&self) -> &[f64] {
        &self.room.raw
    }

    /// Probability of each row of the last batch; NaN where the model has no opinion yet.
    pub fn probability(&self) -> &[f64] {
        &self.room.probability
    }

    /// Whether a learner had no opinion of `row`.
    pub fn is_warming(&self, row: usize) -> bool {
        let members = self.members.iter().zip(&self.room.members);
        let mut learners = members.filter(|(member, _)| member.learns());
        learners.any(|(_, room)| room.output.probability[row].is_nan())
    }

    /// Whether the last batch was scored without one of the members.
    pub fn is_degraded(&self) -> bool {
        self.room.members.iter().any(|member| member.is_skipped)
    }

    /// Appends the reasons that contributions to the score of `rows` stand for; says how they were found.
    pub fn explain(
        &mut self,
        rows: &[u32],
        depth: Depth,
        signals: &mut Vec<Signal>,
    ) -> Attribution {
        let mut tools = std::mem::take(&mut self.tools);
        let found = self.explain_with(&mut tools, rows, depth, signals);
        self.tools = tools;
        found
    }

    /// As [`Runner::explain`], with `tools`.
    pub(crate) fn explain_with(
        &self,
        tools: &mut Tools,
        rows: &[u32],
        depth: Depth,
        signals: &mut Vec<Signal>,
    ) -> Attribution {
        let contributions = &mut tools.contributions;
        let mut found = Attribution::None;
        let members = self.members.iter().zip(&self.room.members);
        for (position, (member, room)) in members.enumerate() {
            let Instance::Fixed(model) = &member.instance else {
                continue;
            };
            let info = member.info();
            if rows.is_empty() || room.is_skipped || !info.has_reasons() {
                continue;
            }
            let input = ModelInput {
                columns: &room.columns,
                rows: self.rows,
            };
            contributions.reset();
            let how = model.contribute(&input, rows, depth, contributions);
            if how == Attribution::None {
                continue;
            }
            found = found.max(how);
            let share = self.model.combine.share(position);
            let width = room.columns.len();
            let sign = if contributions.lower_is_riskier {
                -share
            } else {
                share
            };
            let each = contributions.values.chunks_exact_mut(width);
            for (row, values) in rows.iter().zip(each) {
                values.iter_mut().for_each(|value| *value *= sign);
                let value = |input: usize| value_at(&room.columns[input], *row as usize);
                push_contributions(*row as usize, &info.reasons, values, value, signals);
            }
        }
        found
    }

    /// What each input of the only member adds to the raw scores of `rows`; `None` for an ensemble and for
    /// kinds that have no contributions.
    pub fn contributions(&mut self, rows: &[u32], depth: Depth) -> Option<&Contributions> {
        let ([member], [room]) = (self.members.as_slice(), self.room.members.as_slice()) else {
            return None;
        };
        let Instance::Fixed(model) = &member.instance else {
            return None;
        };
        let input = ModelInput {
            columns: &room.columns,
            rows: self.rows,
        };
        let contributions = &mut self.tools.contributions;
        contributions.reset();
        let how = model.contribute(&input, rows, depth, contributions);
        (how != Attribution::None).then_some(contributions)
    }

    /// Gives up the learners, and with them its work.
    pub(crate) fn end(&mut self, learners: &mut Learners) {
        for member in self.members.drain(..) {
            if let Instance::Learning { learner, model } = member.instance {
                learners.push(model.info().clone(), learner);
            }
        }
    }

    /// The learners, each with the model it belongs to: all that a runner remembers.
    pub(crate) fn learners(&self) -> impl Iterator<Item = (&ModelInfo, &dyn Learner)> {
        let Self {
            members,
            model: _,
            // Found again with the next batch.
            schema: _,
            // Of the last batch.
            rows: _,
            room: _,
            tools: _,
        } = self;
        members.iter().filter_map(Member::learner)
    }

    /// As [`Runner::learners`], to be given what they knew.
    pub(crate) fn learners_mut(
        &mut self,
    ) -> impl Iterator<Item = (&ModelInfo, &mut Box<dyn Learner>)> {
        self.members.iter_mut().filter_map(Member::learner_mut)
    }
}
