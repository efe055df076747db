//! What models are loaded against: a configuration, a catalog, or a table of their own inputs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tillwatch_scoring::{InputScope, LoadedModel, ModelFiles, ModelKinds, ScoringError};

use crate::cli::models::GroundArgs;
use crate::config::Config;
use crate::kinds;
use crate::lineup::{ModelFileError, directory};
use crate::setup::{catalog_scope, input_scope};

/// What models are loaded against.
pub struct Ground {
    kinds: ModelKinds,
    /// None for a table that has whatever the model reads.
    scope: Option<InputScope>,
}

/// A model with what it was loaded against.
pub struct Opened {
    pub model: Arc<LoadedModel>,
    pub scope: InputScope,
}

/// Why a model cannot be opened. A person must change the model or what it is loaded against.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    #[error(transparent)]
    Files(#[from] ModelFileError),
    #[error("model {directory}: {source}{hint}", directory = directory.display())]
    Model {
        directory: PathBuf,
        source: ScoringError,
        /// What else to do, or nothing.
        hint: &'static str,
    },
}

impl Ground {
    /// Reads the configuration or catalog that `args` name.
    pub fn new(args: &GroundArgs) -> Result<Self> {
        if let Some(path) = &args.config {
            let config = Config::load(path)?;
            return Ok(Self {
                kinds: kinds::of_this_build(&config.scoring.flags),
                scope: Some(input_scope(&config)?),
            });
        }
        let catalog = args.catalog.as_deref();
        Ok(Self {
            kinds: kinds::of_this_build(&[]),
            scope: catalog.map(catalog_scope).transpose()?,
        })
    }

    /// Whether models are loaded against their own inputs.
    pub fn is_table(&self) -> bool {
        self.scope.is_none()
    }

    /// What models may read; `None` where that is whatever they read.
    pub fn scope(&self) -> Option<&InputScope> {
        self.scope.as_ref()
    }

    /// Reads and loads the model in `directory`.
    pub fn open(&self, directory: &Path) -> Result<Opened, GroundError> {
        let files = directory::read(directory)?;
        let (model, scope) = self.load(&files, directory)?;
        Ok(Opened { model, scope })
    }

    /// Loads the model that `directory` holds, or is to hold.
    pub fn load(
        &self,
        files: &ModelFiles,
        directory: &Path,
    ) -> Result<(Arc<LoadedModel>, InputScope), GroundError> {
        let loaded = match &self.scope {
            Some(scope) => {
                let model = self.kinds.load(files, scope);
                model.map(|model| (model, scope.clone()))
            }
            None => self.kinds.load_for_table(files),
        };
        loaded.map_err(|source| {
            let hint = match self.is_table() && names_a_stranger(&source) {
                true => "; name what it was written for: --catalog or --config",
                false => "",
            };
            GroundError::Model {
                directory: directory.to_owned(),
                source,
                hint,
            }
        })
    }
}

/// Whether the model names what is not among the inputs of its model.toml, as rules do.
fn names_a_stranger(error: &ScoringError) -> bool {
    match error {
        ScoringError::Rule { .. } | ScoringError::UnknownInput { .. } => true,
        ScoringError::Member { source, .. } => names_a_stranger(source),
        _ => false,
    }
}
