//! What a configuration makes of the stages: validated once, then shared by every lane.

mod scope;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use tillwatch_decode::{DecodeError, DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, FeatureError, FeatureLane, Plan};
use tillwatch_records::{Column, KeySpec, Projection, Versions};
use tillwatch_scoring::{InputScope, Lineup, ModelFiles, Scorer, ScoringError, ScoringSettings};

use crate::chain::Chain;
use crate::config::{Config, ConfigError, StageSettings, read_text};
use crate::in_force::{InForce, Models};
use crate::kinds;
use crate::lane::Lane;
use crate::lineup::Memory;
use crate::lineup::{LineupFiles, ModelFileError};
use crate::reference::{Joiner, Loaded, Reference, RegistryError};
pub use scope::catalog_scope;
use scope::scope;

/// What a configuration makes of the stages of the flow, before any record.
#[derive(Debug)]
pub struct Core {
    first: StagePlan,
    /// The stages after it, in order.
    rest: Vec<StagePlan>,
    /// What any model may read.
    scope: Arc<InputScope>,
    scoring: ScoringSettings,
    decode: DecodeSettings,
    /// The columns of all keys.
    key: KeySpec,
    /// Columns that are read whatever models score.
    base_columns: BTreeSet<Column>,
    /// The models that score, and how records are decoded for them.
    models: Arc<Models>,
    /// What is joined to records before the first stage.
    reference: Option<Arc<Reference>>,
}

/// One key and the compiled catalog of what is computed of it.
#[derive(Debug)]
pub struct StagePlan {
    /// As configured.
    pub name: String,
    pub key: KeySpec,
    /// Name of the catalog.
    pub catalog: String,
    pub plan: Arc<Plan>,
}

/// Why the stages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("catalog {path}: {source}", path = path.display())]
    Catalog { path: PathBuf, source: FeatureError },
    #[error(
        "stages `{first}` and `{second}` both have a feature `{feature}`; rename it in one of their catalogs"
    )]
    FeatureTwice {
        feature: String,
        first: String,
        second: String,
    },
    #[error(transparent)]
    ModelFiles(#[from] ModelFileError),
    #[error("model {path}: {source}", path = path.display())]
    Model { path: PathBuf, source: ScoringError },
    #[error("[registry]: {0}")]
    Registry(#[from] RegistryError),
    #[error(
        "{0}; columns called `{prefix}…` are those of a table of reference data: name its file in [registry] path",
        prefix = tillwatch_reference::PREFIX
    )]
    NoRegistry(Box<CoreError>),
    #[error("the models read `{column}` of the registry, which is not joined; restart to join it")]
    NotJoined { column: String },
    #[error("[scoring]: {0}")]
    Scoring(ScoringError),
    #[error("[decode]: {0}")]
    Decode(DecodeError),
}

/// Columns that every score carries or needs, whatever catalog and models read.
const ALWAYS: [Column; 2] = [Column::EventId, Column::EventTime];

impl Core {
    /// Reads catalogs and models and fits the stages together.
    pub fn load(config: &Config) -> Result<Self, CoreError> {
        let models = LineupFiles::read(&config.models)?;
        Self::assemble(config, |path| Ok(read_text(path)?), &models)
    }

    /// As [`Core::load`], with a reader of catalogs and the models' files passed in.
    pub fn assemble(
        config: &Config,
        read: impl Fn(&Path) -> Result<String, CoreError>,
        models: &LineupFiles,
    ) -> Result<Self, CoreError> {
        let loaded = config.registry.as_ref().map(Loaded::read).transpose()?;
        let joined = loaded.as_ref().map(|loaded| loaded.table.schema());
        let joined = joined.map_or_else(|| Arc::new(Schema::empty()), Arc::clone);
        let fitted = Self::fit(config, read, models, &joined);
        let mut core = fitted.map_err(|error| match &config.registry {
            None if reads_registry(&error) => CoreError::NoRegistry(Box::new(error)),
            _ => error,
        })?;
        if let (Some(settings), Some(loaded)) = (&config.registry, loaded) {
            let wanted = core.joined_needed(&joined);
            let reference = Reference::new(settings.clone(), loaded, Arc::new(wanted));
            core.reference = Some(Arc::new(reference));
        }
        Ok(core)
    }

    /// What models may read by `config`, whatever models it names.
    pub fn input_scope(config: &Config) -> Result<InputScope, CoreError> {
        let loaded = config.registry.as_ref().map(Loaded::read).transpose()?;
        let joined = loaded.as_ref().map(|loaded| loaded.table.schema());
        let joined = joined.map_or_else(|| Arc::new(Schema::empty()), Arc::clone);
        let (first, rest) = plans(config, |path| Ok(read_text(path)?), &joined)?;
        let stages: Vec<&StagePlan> = [&first].into_iter().chain(&rest).collect();
        Ok(scope(&stages, &joined, config.scoring.record_types))
    }

    /// Fits the stages together over records that `joined` can be joined to.
    fn fit(
        config: &Config,
        read: impl Fn(&Path) -> Result<String, CoreError>,
        models: &LineupFiles,
        joined: &Schema,
    ) -> Result<Self, CoreError> {
        let (first, rest) = plans(config, read, joined)?;
        let stages = || [&first].into_iter().chain(&rest);
        let stages_all: Vec<&StagePlan> = stages().collect();
        let scope = scope(&stages_all, joined, config.scoring.record_types);
        let scope = Arc::new(scope);
        let key = config.stages.key_columns();
        let registered = config.registry.iter();
        let base_columns = ALWAYS
            .into_iter()
            .chain(key.columns().iter().copied())
            .chain(registered.flat_map(|settings| settings.key.columns().iter().copied()))
            .chain(stages().flat_map(|stage| stage.plan.columns_needed()))
            .collect();
        let fit = Fit {
            scope: &scope,
            scoring: &config.scoring,
            decode: &config.decode,
            key: &key,
            columns: &base_columns,
        };
        let in_force = fit.in_force(models)?;
        Ok(Self {
            first,
            rest,
            scope,
            scoring: config.scoring.clone(),
            decode: config.decode.clone(),
            key,
            base_columns,
            models: Arc::new(Models::new(in_force)),
            reference: None,
        })
    }

    /// What `files` would put in force here.
    ///
    /// # Errors
    /// Refuses models that do not fit catalogs, columns and settings, and those that read a column of the
    /// registry that is not joined: which ones are is settled when the process starts.
    pub fn fit_models(&self, files: &LineupFiles) -> Result<InForce, CoreError> {
        let fit = Fit {
            scope: &self.scope,
            scoring: &self.scoring,
            decode: &self.decode,
            key: &self.key,
            columns: &self.base_columns,
        };
        let mut next = fit.in_force(files)?;
        if let Some(reference) = &self.reference {
            let wanted = reference.wanted();
            let needed = next.lineup.joined_needed();
            let missing = |field: &&Field| wanted.field_with_name(field.name()).is_err();
            if let Some(field) = needed.iter().find(missing) {
                return Err(CoreError::NotJoined {
                    column: field.name().clone(),
                });
            }
        }
        let current = self.models.current();
        if current.decode.projection().columns() == next.decode.projection().columns() {
            // Lanes keep their decoders.
            next.decode = Arc::clone(&current.decode);
        }
        Ok(next)
    }

    /// The columns of `joined` that catalogs and models read.
    fn joined_needed(&self, joined: &Schema) -> Schema {
        let models = self.models.current().lineup.joined_needed();
        let models = models.iter().map(|field| field.name().clone());
        let plans = self.stages().flat_map(|stage| stage.plan.joined_needed());
        let names: BTreeSet<String> = plans
            .map(|source| source.name.to_string())
            .chain(models)
            .collect();
        let fields = joined.fields().iter();
        let fields: Vec<Field> = fields
            .filter(|field| names.contains(field.name()))
            .map(|field| field.as_ref().clone())
            .collect();
        Schema::new(fields)
    }

    /// A new lane whose first record is at `start_offset` of its partition.
    pub fn lane(&self, start_offset: i64) -> Lane {
        let lane = |stage: &StagePlan| {
            FeatureLane::new(Arc::clone(&stage.plan), stage.key.clone(), start_offset)
                .scoring(self.scoring.record_types)
        };
        let rest = self.rest.iter().map(lane);
        let in_force = self.models.current();
        Lane {
            decoder: Decoder::new(Arc::clone(&in_force.decode)),
            joiner: self.reference.as_ref().map(Joiner::new),
            chain: rest.fold(Chain::new(lane(&self.first)), Chain::then),
            scorer: Scorer::new(&in_force.lineup),
            models: Arc::clone(&self.models),
            _counted: self.models.enter(),
            in_force,
            is_told: false,
            recent: self.models.memory().map(Memory::lane),
        }
    }

    /// The stages with their compiled catalogs, in order.
    pub fn stages(&self) -> impl Iterator<Item = &StagePlan> {
        [&self.first].into_iter().chain(&self.rest)
    }

    /// What is joined to records, if there is anything.
    pub fn reference(&self) -> Option<&Arc<Reference>> {
        self.reference.as_ref()
    }

    /// The columns that are decoded: what keys, catalogs, models and output read.
    pub fn columns(&self) -> Vec<Column> {
        let in_force = self.models.current();
        in_force.decode.projection().columns().to_vec()
    }

    /// What any model may read.
    pub fn scope(&self) -> &InputScope {
        &self.scope
    }

    /// The models that score.
    pub fn models(&self) -> &Arc<Models> {
        &self.models
    }

    /// What scores will say made them.
    pub fn versions(&self) -> Arc<Versions> {
        Arc::clone(self.models.current().lineup.versions())
    }
}

/// Whether the error is about a column that only reference data has.
fn reads_registry(error: &CoreError) -> bool {
    let named = format!("`{}", tillwatch_reference::PREFIX);
    matches!(error, CoreError::Catalog { .. } | CoreError::Model { .. })
        && error.to_string().contains(&named)
}

/// Compiles the catalogs of all stages: the first and the rest.
fn plans(
    config: &Config,
    read: impl Fn(&Path) -> Result<String, CoreError>,
    joined: &Schema,
) -> Result<(StagePlan, Vec<StagePlan>), CoreError> {
    let mut rest: Vec<StagePlan> = Vec::new();
    let mut passed = joined.fields().to_vec();
    let first = stage(config, config.stages.first(), &read, &mut passed)?;
    for settings in config.stages.rest() {
        let next = stage(config, settings, &read, &mut passed)?;
        refuse_same_names([&first].into_iter().chain(&rest), &next)?;
        rest.push(next);
    }
    Ok((first, rest))
}

/// Compiles the catalog of a stage. It may name what is `joined` by then: reference data and the features
/// of the stages before. Its own are added to that.
fn stage(
    config: &Config,
    settings: &StageSettings,
    read: impl Fn(&Path) -> Result<String, CoreError>,
    joined: &mut Vec<FieldRef>,
) -> Result<StagePlan, CoreError> {
    let failed = |source| CoreError::Catalog {
        path: settings.catalog.clone(),
        source,
    };
    let text = read(&settings.catalog)?;
    let known = Schema::new(joined.clone());
    let catalog = Catalog::parse_with(&text, &known).map_err(failed)?;
    let plan = Plan::compile(&catalog, &config.engine).map_err(failed)?;
    joined.extend(plan.schema().fields().iter().cloned());
    Ok(StagePlan {
        name: settings.name.clone(),
        key: settings.key.clone(),
        catalog: catalog.name().to_owned(),
        plan: Arc::new(plan),
    })
}

/// Models and outputs know a feature by its name alone, so it must be the only one of the chain.
fn refuse_same_names<'a>(
    mut before: impl Iterator<Item = &'a StagePlan>,
    next: &StagePlan,
) -> Result<(), CoreError> {
    let twice = before.find_map(|stage| {
        let mut names = stage.plan.feature_names();
        let name = names.find(|name| next.plan.feature(name).is_some())?;
        Some((stage, name))
    });
    match twice {
        None => Ok(()),
        Some((stage, feature)) => Err(CoreError::FeatureTwice {
            feature: feature.to_owned(),
            first: stage.name.clone(),
            second: next.name.clone(),
        }),
    }
}

/// What models must fit to.
struct Fit<'a> {
    scope: &'a Arc<InputScope>,
    scoring: &'a ScoringSettings,
    decode: &'a DecodeSettings,
    key: &'a KeySpec,
    /// Columns that are read whatever models score.
    columns: &'a BTreeSet<Column>,
}

impl Fit<'_> {
    fn in_force(&self, files: &LineupFiles) -> Result<InForce, CoreError> {
        let registry = kinds::registry(&self.scoring.flags);
        let load = |(path, files): &(PathBuf, ModelFiles)| {
            let refused = |source| CoreError::Model {
                path: path.clone(),
                source,
            };
            registry.load(files, self.scope).map_err(refused)
        };
        let champion = load(&files.champion)?;
        let lineup = Lineup::new(champion, self.scoring.clone(), Arc::clone(self.scope));
        let mut lineup = lineup.map_err(CoreError::Scoring)?;
        if let Some((challenger, share)) = &files.challenger {
            let challenged = lineup.with_challenger(load(challenger)?, *share);
            lineup = challenged.map_err(CoreError::Scoring)?;
        }
        for shadow in &files.shadows {
            let watched = lineup.with_shadow(load(shadow)?);
            lineup = watched.map_err(CoreError::Scoring)?;
        }
        let columns = self.columns.iter().copied().chain(lineup.columns_needed());
        let projection = Arc::new(Projection::new(columns));
        let decode = DecodePlan::new(self.decode, projection, self.key);
        let decode = Arc::new(decode.map_err(CoreError::Decode)?);
        Ok(InForce::new(lineup, decode, files.stamp.clone()))
    }
}
