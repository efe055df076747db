//! One lane's scoring: a fold of batches into scores and alerts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType, Field, SchemaRef};
use tillwatch_records::limits::REASONS_MAX;
use tillwatch_records::score::ReasonLists;
use tillwatch_records::{Alert, Column, EventBatch, FeatureBatch, Flags, ScoreBatch, Versions};

use crate::alerts::{Alerts, Row};
use crate::error::ScoringError;
use crate::model::{InputScope, Model, ModelInput, ModelOutput, Signal};
use crate::settings::ScoringSettings;

/// Scores the batches of one lane, in order. The same batches give the same scores and alerts,
/// however the records were cut into batches. A clone of one that has scored nothing serves another
/// lane; the models are shared.
#[derive(Debug, Clone)]
pub struct Scorer {
    members: Vec<Member>,
    settings: ScoringSettings,
    versions: Arc<Versions>,
    alerts: Alerts,
    /// Schema of the features that `Source::Feature` positions were last looked up in.
    schema: Option<SchemaRef>,
    /// Signals of all members, reused.
    signals: Vec<Signal>,
}

#[derive(Debug, Clone)]
struct Member {
    model: Arc<dyn Model>,
    /// Where each input comes from.
    sources: Vec<Source>,
    columns: Vec<ArrayRef>,
    output: ModelOutput,
}

#[derive(Debug, Clone)]
enum Source {
    /// A feature, with its position in the batch's schema when it has it.
    Feature(String, Option<usize>),
    Event(Column),
    Joined(Field),
}

/// The event columns that `models` read, beside the catalog's own: only these need be decoded for
/// scoring. The event time is among them, alerts cool down by it.
pub fn columns_needed<'a>(
    models: impl IntoIterator<Item = &'a Arc<dyn Model>>,
    scope: &InputScope,
) -> Vec<Column> {
    let mut columns = vec![Column::EventTime];
    for model in models {
        let inputs = model.info().inputs.iter();
        columns.extend(inputs.filter_map(|input| scope.event_column(input)));
    }
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl Scorer {
    /// A scorer of `models`, at least one. The score is that of the member with the highest
    /// probability (the first of equals); reasons are merged over all members.
    ///
    /// # Errors
    /// Refuses settings that contradict each other, no model, and two of the same name.
    pub fn new(
        models: Vec<Arc<dyn Model>>,
        settings: ScoringSettings,
        scope: &InputScope,
    ) -> Result<Self, ScoringError> {
        settings.validate()?;
        if models.is_empty() {
            return Err(ScoringError::Settings("no model to score with".to_owned()));
        }
        for (position, model) in models.iter().enumerate() {
            let name = &model.info().name;
            if models[..position]
                .iter()
                .any(|other| other.info().name == *name)
            {
                return Err(ScoringError::Settings(format!(
                    "two models are called `{name}`"
                )));
            }
        }
        let names: Vec<String> = models.iter().map(|m| m.info().versioned_name()).collect();
        Ok(Self {
            alerts: Alerts::new(&settings),
            settings,
            versions: Arc::new(Versions {
                model: names.join("+"),
                catalog: scope.catalog_version.clone(),
                reference: None,
            }),
            members: models
                .into_iter()
                .map(|model| Member::new(model, scope))
                .collect(),
            schema: None,
            signals: Vec::new(),
        })
    }

    /// What is on every score.
    pub fn versions(&self) -> &Arc<Versions> {
        &self.versions
    }

    /// The event columns that the members read; see [`columns_needed`].
    pub fn columns_needed(&self) -> Vec<Column> {
        let sources = self.members.iter().flat_map(|member| &member.sources);
        let mut columns: Vec<Column> = sources
            .filter_map(|source| match source {
                Source::Event(column) => Some(*column),
                Source::Feature(..) | Source::Joined(_) => None,
            })
            .chain([Column::EventTime])
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The joined columns that the members read, by name and without repetition.
    pub fn joined_needed(&self) -> Vec<Field> {
        let sources = self.members.iter().flat_map(|member| &member.sources);
        let mut fields: Vec<Field> = sources
            .filter_map(|source| match source {
                Source::Joined(field) => Some(field.clone()),
                Source::Feature(..) | Source::Event(_) => None,
            })
            .collect();
        fields.sort_by(|a, b| a.name().cmp(b.name()));
        fields.dedup_by(|a, b| a.name() == b.name());
        fields
    }

    /// Says which version of the reference data is joined to the batches that come; see
    /// [`Versions::reference`].
    pub fn set_reference(&mut self, version: Option<&str>) {
        if self.versions.reference.as_deref() != version {
            self.versions = Arc::new(Versions {
                reference: version.map(str::to_owned),
                ..Versions::clone(&self.versions)
            });
        }
    }

    /// Scores one batch. An input that the batch lacks counts as missing on every row.
    pub fn score(&mut self, batch: FeatureBatch) -> ScoreBatch {
        let rows = batch.len();
        self.bind(&batch);
        let (probabilities, signals) = self.run_members(rows);
        let scores: Vec<u16> = probabilities.iter().map(|p| score_of(*p)).collect();
        let bands = scores
            .iter()
            .map(|score| self.settings.band(*score))
            .collect();
        let (reasons, alerts) = self.explain(&batch, &scores, signals);
        ScoreBatch {
            events: batch.events,
            keys: batch.keys,
            features: batch.features,
            scores,
            probabilities,
            bands,
            reasons,
            flags: batch.flags,
            versions: Arc::clone(&self.versions),
            alerts,
        }
    }

    /// Fetches every member's inputs.
    fn bind(&mut self, batch: &FeatureBatch) {
        let schema = batch.features.schema_ref();
        if !self
            .schema
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, schema))
        {
            for source in self
                .members
                .iter_mut()
                .flat_map(|member| &mut member.sources)
            {
                if let Source::Feature(name, position) = source {
                    *position = schema.index_of(name).ok();
                }
            }
            self.schema = Some(Arc::clone(schema));
        }
        let rows = batch.len();
        for member in &mut self.members {
            member.columns.clear();
            member
                .columns
                .extend(member.sources.iter().map(|source| match source {
                    Source::Feature(_, Some(position)) => {
                        Arc::clone(batch.features.column(*position))
                    }
                    Source::Feature(_, None) => new_null_array(&DataType::Float64, rows),
                    Source::Event(column) => match batch.events.column(*column) {
                        Some(array) => Arc::clone(array),
                        None => new_null_array(&column.kind().data_type(), rows),
                    },
                    Source::Joined(field) => joined(&batch.events, field),
                }));
        }
    }

    /// Scores with every member: the probability of each row, and all signals ordered by row, then
    /// by contribution.
    fn run_members(&mut self, rows: usize) -> (Vec<f64>, Vec<Signal>) {
        let mut signals = std::mem::take(&mut self.signals);
        let mut best = Vec::new();
        for member in &mut self.members {
            member.output.clear();
            let input = ModelInput {
                columns: &member.columns,
                rows,
            };
            member.model.score(&input, &mut member.output);
            debug_assert_eq!(member.output.probability.len(), rows);
            debug_assert_eq!(member.output.raw.len(), rows);
            signals.append(&mut member.output.signals);
            if best.is_empty() {
                best.clone_from(&member.output.probability);
                best.resize(rows, 0.0);
            } else {
                let pairs = best.iter_mut().zip(&member.output.probability);
                pairs.for_each(|(best, found)| *best = best.max(*found));
            }
            member.columns.clear();
        }
        // Stable, so that equals keep the order of members and rules.
        signals.sort_by(|a, b| {
            let by_share = || b.reason.contribution.total_cmp(&a.reason.contribution);
            a.row.cmp(&b.row).then_with(by_share)
        });
        (best, signals)
    }

    /// The reasons of every row and the alerts they raise.
    fn explain(
        &mut self,
        batch: &FeatureBatch,
        scores: &[u16],
        mut signals: Vec<Signal>,
    ) -> (ReasonLists, Vec<Alert>) {
        let mut lists = ReasonLists::with_capacity(scores.len());
        let mut alerts = Vec::new();
        let mut fired = Vec::new();
        let mut rest = signals.drain(..).peekable();
        for (row, score) in scores.iter().enumerate() {
            fired.clear();
            let mut reasons: Vec<tillwatch_records::Reason> = Vec::new();
            while let Some(signal) = rest.next_if(|signal| signal.row as usize == row) {
                let definition = &signal.reason.definition;
                if signal.fired && self.alerts.wants(definition.severity) {
                    fired.push((definition.typology, definition.severity));
                }
                // The strongest of a code speaks for it.
                let told = reasons.iter().any(|r| r.definition.code == definition.code);
                if !told && reasons.len() < REASONS_MAX {
                    reasons.push(signal.reason);
                }
            }
            lists.push_row(reasons);
            if fired.is_empty() && !self.alerts.wants_score(*score) {
                continue;
            }
            let key = batch.keys.is_valid(row).then(|| batch.keys.value(row));
            let about = Row {
                row: row as u32,
                key: key.unwrap_or_default(),
                time_ms: time_of(batch, row),
                score: *score,
                reasons: lists.row(row),
            };
            self.alerts.raise(&about, &fired, &mut alerts);
        }
        drop(rest);
        self.signals = signals;
        (lists, alerts)
    }
}

impl Member {
    fn new(model: Arc<dyn Model>, scope: &InputScope) -> Self {
        let source = |input: &String| {
            if let Some(column) = scope.event_column(input) {
                return Source::Event(column);
            }
            match scope.joined_column(input) {
                Some(field) => Source::Joined(field.clone()),
                None => Source::Feature(input.clone(), None),
            }
        };
        Self {
            sources: model.info().inputs.iter().map(source).collect(),
            columns: Vec::new(),
            output: ModelOutput::default(),
            model,
        }
    }
}

/// A joined column; null where the batch has none of its type.
fn joined(events: &EventBatch, field: &Field) -> ArrayRef {
    let found = events.joined.as_ref();
    let found = found.and_then(|joined| joined.column_by_name(field.name()));
    match found.filter(|array| array.data_type() == field.data_type()) {
        Some(array) => Arc::clone(array),
        None => new_null_array(field.data_type(), events.len()),
    }
}

/// `min(999, floor(1000 p))`. NaN gives 0.
fn score_of(probability: f64) -> u16 {
    (1000.0 * probability).floor().clamp(0.0, 999.0) as u16
}

/// Event time of a row; the record's own time where the event's runs ahead, since one such record
/// would silence its terminal for as long as its clock is wrong.
fn time_of(batch: &FeatureBatch, row: usize) -> i64 {
    let record_time = batch.events.record_timestamps_ms[row];
    if batch.flags[row].contains(Flags::CLOCK_SKEW) {
        return record_time;
    }
    let times = batch.events.event_times_ms();
    times.map_or(record_time, |times| times[row])
}
