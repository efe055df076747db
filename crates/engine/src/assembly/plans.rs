//! The catalogs of all stages, compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use tillwatch_feature_extraction::{EngineSettings, FeatureError, FeatureLane};
use tillwatch_records::{Column, KeySpec, RecordKinds};
use tillwatch_scoring::InputScope;

use super::error::AssemblyError;
use super::mention::mentions_reference;
use super::scope::scope;
use super::stage_plan::{StagePlan, StageText};
use crate::chain::Chain;

/// The stages of a lane with their compiled catalogs.
#[derive(Debug)]
pub struct Plans {
    first: StagePlan,
    /// The stages after it, in order.
    rest: Vec<StagePlan>,
    /// What is joined to records before the first stage.
    joined: Schema,
    /// Types of record that are scored.
    scored: RecordKinds,
}

impl Plans {
    /// Compiles the catalogs of `stages`, in the order in which a record passes them. `reference` are the
    /// columns of the reference table, where there is one; `scored` are the types of record that get a score.
    ///
    /// # Errors
    /// Refuses a catalog with its origin, features of one name in two stages, and no stage at all.
    pub fn compile(
        stages: &[StageText],
        settings: &EngineSettings,
        reference: Option<&Schema>,
        scored: RecordKinds,
    ) -> Result<Self, AssemblyError> {
        let Some((first, others)) = stages.split_first() else {
            return Err(AssemblyError::NoStage);
        };
        let joined = reference.cloned().unwrap_or_else(Schema::empty);
        let mut known = joined.fields().to_vec();
        let mut compile = |text: &StageText| {
            let compiled = StagePlan::compile(text, settings, &known);
            let stage = compiled.map_err(|source| refused(text, source, reference))?;
            known.extend(stage.plan.schema().fields().iter().cloned());
            Ok(stage)
        };
        let mut plans = Self {
            first: compile(first)?,
            rest: Vec::new(),
            joined,
            scored,
        };
        for text in others {
            let next = compile(text)?;
            refuse_same_names(plans.stages(), &next)?;
            plans.rest.push(next);
        }
        Ok(plans)
    }

    /// The stages, in order.
    pub fn stages(&self) -> impl Iterator<Item = &StagePlan> {
        [&self.first].into_iter().chain(&self.rest)
    }

    /// What models may read: the features of all stages, columns of the record types that are scored
    /// and of the reference table.
    pub fn scope(&self) -> InputScope {
        scope(
            &self.stages().collect::<Vec<_>>(),
            &self.joined,
            self.scored,
        )
    }

    /// The columns of all keys: what every transaction must have.
    pub(super) fn key(&self) -> KeySpec {
        let rest = self.rest.iter();
        rest.fold(self.first.key.clone(), |key, stage| key.union(&stage.key))
    }

    /// The columns of records that the catalogs read.
    pub(super) fn columns_needed(&self) -> impl Iterator<Item = Column> {
        self.stages().flat_map(|stage| stage.plan.columns_needed())
    }

    /// The columns of the reference table that the catalogs read, and those called `others`.
    pub(super) fn joined_needed(&self, others: impl Iterator<Item = String>) -> Schema {
        let plans = self.stages().flat_map(|stage| stage.plan.joined_needed());
        let names: BTreeSet<String> = plans
            .map(|origin| origin.name.to_string())
            .chain(others)
            .collect();
        let fields = self.joined.fields().iter();
        let fields: Vec<Field> = fields
            .filter(|field| names.contains(field.name()))
            .map(|field| field.as_ref().clone())
            .collect();
        Schema::new(fields)
    }

    /// The stages of a new lane whose first record is at `start_offset` of its partition.
    pub(super) fn chain(&self, start_offset: i64) -> Chain {
        let lane = |stage: &StagePlan| {
            FeatureLane::new(Arc::clone(&stage.plan), stage.key.clone(), start_offset)
                .scoring(self.scored)
        };
        let first = Chain::new(&self.first.name, lane(&self.first));
        let rest = self.rest.iter();
        rest.fold(first, |chain, stage| chain.then(&stage.name, lane(stage)))
    }
}

fn refused(text: &StageText, source: FeatureError, reference: Option<&Schema>) -> AssemblyError {
    // Of a feature nothing is known but what is wrong with it, in words; what the catalog asks for is known.
    let of_feature = matches!(source, FeatureError::Feature { .. });
    let needs_reference =
        of_feature && reference.is_none() && mentions_reference(&text.catalog.text);
    let error = AssemblyError::Catalog {
        origin: text.catalog.origin.clone(),
        source,
    };
    match needs_reference {
        true => AssemblyError::NeedsReference(Box::new(error)),
        false => error,
    }
}

/// Models and outputs know a feature by its name alone, so it must be the only one of the chain.
fn refuse_same_names<'a>(
    mut before: impl Iterator<Item = &'a StagePlan>,
    next: &StagePlan,
) -> Result<(), AssemblyError> {
    let twice = before.find_map(|stage| {
        let mut names = stage.plan.feature_names();
        let name = names.find(|name| next.plan.feature(name).is_some())?;
        Some((stage, name))
    });
    match twice {
        None => Ok(()),
        Some((stage, feature)) => Err(AssemblyError::FeatureTwice {
            feature: feature.to_owned(),
            first: stage.name.clone(),
            second: next.name.clone(),
        }),
    }
}
