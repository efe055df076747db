//! What models are loaded against: a configuration, a catalog, or a table of their own inputs.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tillwatch_scoring::{InputScope, LoadedModel, ModelFiles, ModelKinds, ScoringError};

use crate::cli::models::GroundArgs;
use crate::config::Config;
use crate::core::{Core, catalog_scope};
use crate::exit::misconfigured;
use crate::kinds;
use crate::lineup::directory;

/// What models are loaded against.
pub struct Ground {
    registry: ModelKinds,
    /// None for a table that has whatever the model reads.
    scope: Option<InputScope>,
}

/// A model with what it was loaded against.
pub struct Opened {
    pub model: Arc<LoadedModel>,
    pub scope: InputScope,
}

impl Ground {
    /// Reads the configuration or catalog that `args` name.
    pub fn new(args: &GroundArgs) -> Result<Self> {
        if let Some(path) = &args.config {
            let config = Config::load(path)?;
            return Ok(Self {
                registry: kinds::registry(&config.scoring.flags),
                scope: Some(Core::input_scope(&config)?),
            });
        }
        let catalog = args.catalog.as_deref();
        Ok(Self {
            registry: kinds::registry(&[]),
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
    ///
    /// # Errors
    /// As for a wrong configuration, with the directory.
    pub fn open(&self, directory: &Path) -> Result<Opened> {
        let files = directory::read(directory).map_err(misconfigured)?;
        let (model, scope) = self.load(&files, directory)?;
        Ok(Opened { model, scope })
    }

    /// Loads the model that `directory` holds, or is to hold.
    ///
    /// # Errors
    /// As for a wrong configuration, with the directory.
    pub fn load(
        &self,
        files: &ModelFiles,
        directory: &Path,
    ) -> Result<(Arc<LoadedModel>, InputScope)> {
        let loaded = match &self.scope {
            Some(scope) => {
                let model = self.registry.load(files, scope);
                model.map(|model| (model, scope.clone()))
            }
            None => self.registry.load_for_table(files),
        };
        loaded.map_err(|error| {
            let hint = match self.is_table() && names_a_stranger(&error) {
                true => "; name what it was written for: --catalog or --config",
                false => "",
            };
            misconfigured(format!("model {}: {error}{hint}", directory.display()))
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
