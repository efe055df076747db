//! What a configuration makes of the stages: validated once, then shared by every lane.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use sha2::{Digest as _, Sha256};
use tillwatch_decode::{DecodeError, DecodePlan, Decoder};
use tillwatch_feature_extraction::{Catalog, FeatureError, FeatureLane, Plan};
use tillwatch_records::{Column, KeySpec, Projection, RecordKind, Versions};
use tillwatch_scoring::{CatalogId, InputScope, ModelFiles, Registry, Scorer, ScoringError};

use crate::chain::Chain;
use crate::config::{Config, ConfigError, StageSettings, read_text};
use crate::lane::Lane;
use crate::model_files::{self, ModelFileError};
use crate::reference::{Joiner, Loaded, Reference, RegistryError};

/// What a configuration makes of the stages of the flow, before any record.
#[derive(Debug)]
pub struct Core {
    decode: Arc<DecodePlan>,
    first: StagePlan,
    /// The stages after it, in order.
    rest: Vec<StagePlan>,
    /// The scorer that every lane gets a copy of.
    scorer: Scorer,
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
        let models = model_files::read_all(&config.models)?;
        Self::assemble(config, |path| Ok(read_text(path)?), &models)
    }

    /// As [`Core::load`], with a reader of catalogs and the models' files passed in.
    pub fn assemble(
        config: &Config,
        read: impl Fn(&Path) -> Result<String, CoreError>,
        models: &[(PathBuf, ModelFiles)],
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
            let version = reference.current();
            core.scorer.set_reference(Some(version.version()));
            core.reference = Some(Arc::new(reference));
        }
        Ok(core)
    }

    /// Fits the stages together over records that `joined` can be joined to.
    fn fit(
        config: &Config,
        read: impl Fn(&Path) -> Result<String, CoreError>,
        models: &[(PathBuf, ModelFiles)],
        joined: &Schema,
    ) -> Result<Self, CoreError> {
        let mut rest: Vec<StagePlan> = Vec::new();
        let mut passed = joined.fields().to_vec();
        let first = stage(config, config.stages.first(), &read, &mut passed)?;
        for settings in config.stages.rest() {
            let next = stage(config, settings, &read, &mut passed)?;
            refuse_same_names([&first].into_iter().chain(&rest), &next)?;
            rest.push(next);
        }
        let stages = || [&first].into_iter().chain(&rest);
        let scorer = scorer(config, &stages().collect::<Vec<_>>(), models, joined)?;
        let key = config.stages.key_columns();
        let registered = config.registry.iter();
        let columns: BTreeSet<Column> = ALWAYS
            .into_iter()
            .chain(key.columns().iter().copied())
            .chain(registered.flat_map(|settings| settings.key.columns().iter().copied()))
            .chain(stages().flat_map(|stage| stage.plan.columns_needed()))
            .chain(scorer.columns_needed())
            .collect();
        let projection = Arc::new(Projection::new(columns));
        let decode =
            DecodePlan::new(&config.decode, projection, &key).map_err(CoreError::Decode)?;
        Ok(Self {
            decode: Arc::new(decode),
            first,
            rest,
            scorer,
            reference: None,
        })
    }

    /// The columns of `joined` that catalogs and models read.
    fn joined_needed(&self, joined: &Schema) -> Schema {
        let models = self.scorer.joined_needed();
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
        };
        let rest = self.rest.iter().map(lane);
        Lane {
            decoder: Decoder::new(Arc::clone(&self.decode)),
            joiner: self.reference.as_ref().map(Joiner::new),
            chain: rest.fold(Chain::new(lane(&self.first)), Chain::then),
            scorer: self.scorer.clone(),
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
    pub fn columns(&self) -> &[Column] {
        self.decode.projection().columns()
    }

    /// What scores will say made them.
    pub fn versions(&self) -> &Arc<Versions> {
        self.scorer.versions()
    }
}

/// Whether the error is about a column that only reference data has.
fn reads_registry(error: &CoreError) -> bool {
    let named = format!("`{}", tillwatch_reference::PREFIX);
    matches!(error, CoreError::Catalog { .. } | CoreError::Model { .. })
        && error.to_string().contains(&named)
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

/// The scorer of all models together. They see the features of all stages as one catalog.
fn scorer(
    config: &Config,
    stages: &[&StagePlan],
    files: &[(PathBuf, ModelFiles)],
    joined: &Schema,
) -> Result<Scorer, CoreError> {
    let transaction = Projection::of_kind(RecordKind::Transaction);
    let names: Vec<&str> = stages.iter().map(|stage| stage.catalog.as_str()).collect();
    let features = stages.iter().flat_map(|stage| stage.plan.feature_names());
    let scope = InputScope {
        catalog: names.join("+"),
        catalog_version: version(stages),
        features: features.map(str::to_owned).collect(),
        columns: transaction.columns().to_vec(),
        joined: joined.fields().iter().map(|f| f.as_ref().clone()).collect(),
        parts: parts(stages),
    };
    let registry = Registry::standard();
    let load = |(path, files): &(PathBuf, ModelFiles)| {
        let refused = |source| CoreError::Model {
            path: path.clone(),
            source,
        };
        registry.load(files, &scope).map_err(refused)
    };
    let models = files.iter().map(load).collect::<Result<_, _>>()?;
    Scorer::new(models, config.scoring.clone(), &scope).map_err(CoreError::Scoring)
}

/// The catalogs of several stages; none of a single one, which is the whole.
fn parts(stages: &[&StagePlan]) -> Vec<CatalogId> {
    let parts = stages.iter().map(|stage| CatalogId {
        name: stage.catalog.clone(),
        version: stage.plan.version().to_owned(),
    });
    parts.filter(|_| stages.len() > 1).collect()
}

/// The version of the only catalog; of several, a hash over keys and versions in their order, 16
/// hexadecimal digits as well.
fn version(stages: &[&StagePlan]) -> String {
    if let [only] = stages {
        return only.plan.version().to_owned();
    }
    let mut hasher = Sha256::new();
    for stage in stages {
        for column in stage.key.columns() {
            hasher.update(column.name());
            hasher.update(b" ");
        }
        hasher.update(stage.plan.version());
        hasher.update(b"\n");
    }
    let digest = hasher.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
