//! The catalogs of all stages, compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use tillwatch_feature_extraction::{EngineSettings, FeatureError, FeatureLane};
use tillwatch_records::{Column, KeySpec};
use tillwatch_scoring::InputScope;

use super::carried::Carried;
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
    carried: Carried,
}

impl Plans {
    /// Compiles the catalogs of `stages`, in the order in which a record passes them.
    ///
    /// # Errors
    /// Refuses a catalog with its origin, features of one name in two stages, a feature called like one of
    /// the site's own columns, and no stage at all.
    pub fn compile(
        stages: &[StageText],
        settings: &EngineSettings,
        carried: Carried,
    ) -> Result<Self, AssemblyError> {
        let Some((first, others)) = stages.split_first() else {
            return Err(AssemblyError::NoStage);
        };
        let mut known = carried.fields();
        let mut compile = |text: &StageText| {
            let compiled = StagePlan::compile(text, settings, &known);
            let stage = compiled.map_err(|source| refused(text, source, &carried))?;
            carried.refuse_hidden(&stage)?;
            known.extend(stage.plan.schema().fields().iter().cloned());
            Ok(stage)
        };
        let first = compile(first)?;
        let mut rest = Vec::new();
        for text in others {
            let next = compile(text)?;
            refuse_same_names([&first].into_iter().chain(&rest), &next)?;
            rest.push(next);
        }
        Ok(Self {
            first,
            rest,
            carried,
        })
    }

    /// The stages, in order.
    pub fn stages(&self) -> impl Iterator<Item = &StagePlan> {
        [&self.first].into_iter().chain(&self.rest)
    }

    /// What models may read: the features of all stages, the columns of the record types that are scored, the
    /// site's own and those of the reference table.
    pub fn scope(&self) -> InputScope {
        scope(
            &self.stages().collect::<Vec<_>>(),
            &Schema::new(self.carried.fields()),
            self.carried.scored,
        )
    }

    /// The keys of all stages, in order: every transaction must have one of them.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeySpec> {
        self.stages().map(|stage| &stage.key)
    }

    /// The columns of records that the catalogs read.
    pub(super) fn columns_read(&self) -> impl Iterator<Item = Column> {
        self.stages().flat_map(|stage| stage.plan.columns_read())
    }

    /// The columns by which stages compare records.
    pub(super) fn columns_compared(&self) -> BTreeSet<Column> {
        let compared = self
            .stages()
            .flat_map(|stage| stage.plan.columns_compared());
        compared.collect()
    }

    /// Names that the catalogs read and that are no canonical columns.
    pub(super) fn names_needed(&self) -> BTreeSet<String> {
        let needed = self.stages().flat_map(|stage| stage.plan.joined_needed());
        needed.map(|origin| origin.name.to_string()).collect()
    }

    /// The columns of the reference table that the catalogs read, and those called `others`.
    pub(super) fn reference_needed(&self, others: impl Iterator<Item = String>) -> Schema {
        let mut names = self.names_needed();
        names.extend(others);
        let fields = self.carried.reference.iter().flat_map(Schema::fields);
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
                .scoring(self.carried.scored)
        };
        let first = Chain::new(&self.first.name, lane(&self.first));
        let rest = self.rest.iter();
        rest.fold(first, |chain, stage| chain.then(&stage.name, lane(stage)))
    }
}

fn refused(text: &StageText, source: FeatureError, carried: &Carried) -> AssemblyError {
    // Of a feature nothing is known but what is wrong with it, in words; what the catalog asks for is known.
    let of_feature = matches!(source, FeatureError::Feature { .. });
    let needs_reference =
        of_feature && carried.reference.is_none() && mentions_reference(&text.catalog.text);
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
