//! The kinds of model that can be loaded: from files to models.

mod files;
mod info;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tillwatch_records::limits::MODEL_BYTES_MAX;
use tillwatch_records::suggest::did_you_mean;

use self::info::info;
use crate::calibration::Calibration;
use crate::description::Description;
use crate::ensemble::{Combine, KIND as ENSEMBLE};
use crate::error::ScoringError;
use crate::factory::{LoadContext, ModelFactory};
use crate::golden;
use crate::loaded::{LoadedMember, LoadedModel};
use crate::model::ModelInfo;
use crate::models;
use crate::scope::{CatalogId, InputScope};
use crate::text::{read_toml, utf8};
pub use files::ModelFiles;

/// The kinds of model that can be loaded.
pub struct ModelKinds {
    factories: BTreeMap<&'static str, Box<dyn ModelFactory>>,
    flags: Vec<String>,
}

impl ModelKinds {
    /// No kind at all.
    pub fn empty() -> Self {
        Self {
            factories: BTreeMap::new(),
            flags: Vec::new(),
        }
    }

    /// The kinds in [`models`].
    pub fn standard() -> Self {
        let mut kinds = Self::empty();
        kinds.register(models::rules::Factory);
        kinds.register(models::logistic::Factory);
        kinds.register(models::trees::Factory::LIGHTGBM);
        kinds.register(models::trees::Factory::XGBOOST);
        kinds.register(models::trees::Factory::ISOLATION_FOREST);
        kinds.register(models::detector::HalfSpaceFactory);
        kinds.register(models::detector::CutForestFactory);
        kinds
    }

    /// With names that switch parts of models on.
    #[must_use]
    pub fn with_flags(mut self, flags: &[String]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    /// Adds a kind, in place of an earlier one of the same name.
    pub fn register(&mut self, factory: impl ModelFactory) {
        self.factories.insert(factory.kind(), Box::new(factory));
    }

    /// Names of the kinds, sorted; `ensemble`, which is made of the others, is not among them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.factories.keys().copied()
    }

    /// Loads a model and checks its golden vectors.
    ///
    /// # Errors
    /// Refuses an unknown kind, key or input, another catalog than the one that model.toml names, a
    /// file that is missing or wrong, and golden vectors that the model does not reproduce.
    pub fn load(
        &self,
        files: &ModelFiles,
        scope: &InputScope,
    ) -> Result<Arc<LoadedModel>, ScoringError> {
        let description: Description = read_toml("model.toml", &files.description)?;
        check_catalog(&description, scope)?;
        let mut model = self.assemble(&description, files, scope)?;
        if let Some(name) = &description.golden {
            let text = utf8(name, file(files, &description, name)?)?;
            model.golden_rows += golden::check(name, text, &model, scope)?;
        }
        Ok(Arc::new(model))
    }

    /// As [`ModelKinds::load`], for tables that hold the inputs of model.toml as numbers: what made them,
    /// and so for which catalog the model was made, does not matter. Returns the scope as well.
    ///
    /// # Errors
    /// As [`ModelKinds::load`], but for the catalog. Refuses rules, and ensembles with rules, that name
    /// more than the inputs of model.toml: only a catalog says what these are.
    pub fn load_for_table(
        &self,
        files: &ModelFiles,
    ) -> Result<(Arc<LoadedModel>, InputScope), ScoringError> {
        let mut inputs = BTreeSet::new();
        for files in std::iter::once(files).chain(files.members.values()) {
            let description: Description = read_toml("model.toml", &files.description)?;
            inputs.extend(description.inputs);
        }
        let scope = InputScope::of_table(inputs);
        Ok((self.load(files, &scope)?, scope))
    }

    fn assemble(
        &self,
        description: &Description,
        files: &ModelFiles,
        scope: &InputScope,
    ) -> Result<LoadedModel, ScoringError> {
        let calibration = description.calibration.clone();
        let calibration = calibration
            .map(Calibration::new)
            .transpose()
            .map_err(|message| ScoringError::file("model.toml", message))?;
        if description.kind == ENSEMBLE {
            return self.ensemble(description, files, scope, calibration);
        }
        let Some(factory) = self.factories.get(description.kind.as_str()) else {
            let known = || self.names().chain([ENSEMBLE]);
            return Err(ScoringError::UnknownKind {
                hint: did_you_mean(&description.kind, known()),
                kind: description.kind.clone(),
                known: known().collect::<Vec<_>>().join(", "),
            });
        };
        if description.ensemble.is_some() {
            let message = "[ensemble] is for kind `ensemble` alone";
            return Err(ScoringError::file("model.toml", message));
        }
        let context = LoadContext {
            scope,
            info: info(description, files, scope)?,
            artefact: &description.artefact,
            output: description.output.as_ref(),
            calibration: calibration.as_ref(),
            flags: &self.flags,
        };
        let artefact = file(files, description, &description.artefact)?;
        let kind = factory.load(artefact, context)?;
        Ok(LoadedModel::single(kind, calibration))
    }

    /// An ensemble: its members are loaded as models of their own.
    fn ensemble(
        &self,
        description: &Description,
        files: &ModelFiles,
        scope: &InputScope,
        calibration: Option<Calibration>,
    ) -> Result<LoadedModel, ScoringError> {
        let refuse = |message: String| ScoringError::file("model.toml", message);
        let Some(table) = &description.ensemble else {
            return Err(refuse("kind `ensemble` needs an [ensemble] table".into()));
        };
        let unused = [
            ("artefact", !description.artefact.is_empty()),
            ("inputs", !description.inputs.is_empty()),
            ("reasons", !description.reasons.is_empty()),
        ];
        if let Some((key, _)) = unused.iter().find(|(_, written)| *written) {
            let message = format!("an ensemble has no `{key}` of its own; its members have");
            return Err(refuse(message));
        }
        let combine = Combine::new(table).map_err(refuse)?;
        let mut members: Vec<LoadedMember> = Vec::new();
        let mut golden_rows = 0;
        for entry in &table.members {
            let Some(found) = files.members.get(&entry.model) else {
                let message = format!("member `{}` is not there", entry.model);
                return Err(refuse(message));
            };
            let member = self
                .load(found, scope)
                .map_err(|source| ScoringError::Member {
                    member: entry.model.clone(),
                    source: Box::new(source),
                })?;
            let name = &member.info.name;
            let [only] = member.members.as_slice() else {
                return Err(refuse(format!(
                    "member `{name}` is an ensemble itself; name its members"
                )));
            };
            if members.iter().any(|other| other.kind.info().name == *name) {
                return Err(refuse(format!("two members are called `{name}`")));
            }
            members.push(only.clone());
            golden_rows += member.golden_rows;
        }
        let mut inputs: Vec<String> = Vec::new();
        for input in members.iter().flat_map(|member| &member.kind.info().inputs) {
            if !inputs.contains(input) {
                inputs.push(input.clone());
            }
        }
        let info = ModelInfo {
            inputs,
            ..info(description, files, scope)?
        };
        Ok(LoadedModel {
            info,
            members,
            combine,
            calibration,
            golden_rows,
        })
    }
}

impl std::fmt::Debug for ModelKinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn check_catalog(description: &Description, scope: &InputScope) -> Result<(), ScoringError> {
    if scope.is_table() {
        return Ok(());
    }
    let (name, version) = (&description.catalog, &description.catalog_version);
    let is_wanted = |found_name: &str, found_version: &str| {
        name.as_ref().is_none_or(|wanted| wanted == found_name)
            && version
                .as_ref()
                .is_none_or(|wanted| wanted == found_version)
    };
    let is_part = |part: &CatalogId| is_wanted(&part.name, &part.version);
    if is_wanted(&scope.catalog, &scope.catalog_version) || scope.parts.iter().any(is_part) {
        return Ok(());
    }
    let pairs = [(name, &scope.catalog), (version, &scope.catalog_version)];
    let differing = pairs
        .into_iter()
        .find_map(|(wanted, found)| wanted.as_ref().filter(|w| *w != found).zip(Some(found)));
    let (wanted, found) = differing.unzip();
    Err(ScoringError::Catalog {
        model: description.name.clone(),
        wanted: format!("`{}`", wanted.map_or("", String::as_str)),
        found: format!("`{}`", found.map_or("", String::as_str)),
    })
}

fn file<'a>(
    files: &'a ModelFiles,
    description: &Description,
    name: &str,
) -> Result<&'a [u8], ScoringError> {
    let Some(bytes) = files.files.get(name) else {
        return Err(ScoringError::MissingFile {
            model: description.name.clone(),
            file: name.to_owned(),
            hint: did_you_mean(name, files.files.keys().map(String::as_str)),
        });
    };
    if bytes.len() > MODEL_BYTES_MAX {
        let message = format!(
            "has {} bytes, at most {MODEL_BYTES_MAX} are read",
            bytes.len()
        );
        return Err(ScoringError::file(name, message));
    }
    Ok(bytes)
}
