//! What a configuration makes of the stages: validated once, then shared by every lane.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tillwatch_decode::{DecodeError, DecodePlan, Decoder};
use tillwatch_feature_extraction::{Catalog, FeatureError, FeatureLane, Plan};
use tillwatch_records::{Column, KeySpec, Projection, RecordKind, Versions};
use tillwatch_scoring::{InputScope, ModelFiles, Registry, Scorer, ScoringError};

use crate::config::{Config, ConfigError, read_text};
use crate::lane::Lane;
use crate::model_files::{self, ModelFileError};

/// The stages of a configuration, before any record.
#[derive(Debug)]
pub struct Core {
    decode: Arc<DecodePlan>,
    plan: Arc<Plan>,
    key: KeySpec,
    /// The scorer that every lane gets a copy of.
    scorer: Scorer,
}

/// Why the stages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("catalog {path}: {source}", path = path.display())]
    Catalog { path: PathBuf, source: FeatureError },
    #[error(transparent)]
    ModelFiles(#[from] ModelFileError),
    #[error("model {path}: {source}", path = path.display())]
    Model { path: PathBuf, source: ScoringError },
    #[error("[scoring]: {0}")]
    Scoring(ScoringError),
    #[error("[decode]: {0}")]
    Decode(DecodeError),
}

/// Columns that every score carries or needs, whatever catalog and models read.
const ALWAYS: [Column; 2] = [Column::EventId, Column::EventTime];

impl Core {
    /// Reads catalog and models and fits the stages together.
    pub fn load(config: &Config) -> Result<Self, CoreError> {
        let catalog = read_text(&config.catalog)?;
        let models = model_files::read_all(&config.models)?;
        Self::assemble(config, &catalog, &models)
    }

    /// As [`Core::load`], with the catalog's text and the models' files passed in.
    pub fn assemble(
        config: &Config,
        catalog: &str,
        models: &[(PathBuf, ModelFiles)],
    ) -> Result<Self, CoreError> {
        let failed = |source| CoreError::Catalog {
            path: config.catalog.clone(),
            source,
        };
        let catalog = Catalog::parse(catalog).map_err(failed)?;
        let plan = Arc::new(Plan::compile(&catalog, &config.engine).map_err(failed)?);
        let scorer = scorer(config, catalog.name(), &plan, models)?;
        let columns: BTreeSet<Column> = ALWAYS
            .into_iter()
            .chain(config.key.columns().iter().copied())
            .chain(plan.columns_needed())
            .chain(scorer.columns_needed())
            .collect();
        let projection = Arc::new(Projection::new(columns));
        let decode =
            DecodePlan::new(&config.decode, projection, &config.key).map_err(CoreError::Decode)?;
        Ok(Self {
            decode: Arc::new(decode),
            plan,
            key: config.key.clone(),
            scorer,
        })
    }

    /// A new lane whose first record is at `start_offset` of its partition.
    pub fn lane(&self, start_offset: i64) -> Lane {
        Lane::new(
            Decoder::new(Arc::clone(&self.decode)),
            FeatureLane::new(Arc::clone(&self.plan), self.key.clone(), start_offset),
            self.scorer.clone(),
        )
    }

    /// The compiled feature catalog.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The columns that are decoded: what keys, catalog, models and output read.
    pub fn columns(&self) -> &[Column] {
        self.decode.projection().columns()
    }

    /// What scores will say made them.
    pub fn versions(&self) -> &Arc<Versions> {
        self.scorer.versions()
    }
}

/// The scorer of all models together.
fn scorer(
    config: &Config,
    catalog: &str,
    plan: &Plan,
    files: &[(PathBuf, ModelFiles)],
) -> Result<Scorer, CoreError> {
    let transaction = Projection::of_kind(RecordKind::Transaction);
    let scope = InputScope {
        catalog: catalog.to_owned(),
        catalog_version: plan.version().to_owned(),
        features: plan.feature_names().map(str::to_owned).collect(),
        columns: transaction.columns().to_vec(),
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
