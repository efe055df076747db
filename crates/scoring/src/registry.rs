//! From files to models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use sha2::{Digest as _, Sha256};
use tillwatch_predicate::Scope;
use tillwatch_records::ReasonDefinition;
use tillwatch_records::limits::MODEL_BYTES_MAX;
use tillwatch_records::suggest::did_you_mean;

use crate::calibration::Calibration;
use crate::describe::{Description, OutputTable, ReasonEntry, WrittenBaseline};
use crate::ensemble::Combine;
use crate::error::ScoringError;
use crate::golden;
use crate::limits::INPUTS_MAX;
use crate::loaded::{LoadedMember, LoadedModel, MemberKind};
use crate::model::{Baseline, InputReason, ModelInfo};
use crate::models;
use crate::scope::{CatalogId, InputScope};
use crate::text::{read_toml, utf8};

/// The kind that is made of other models.
pub(crate) const ENSEMBLE: &str = "ensemble";

/// The bytes of a model's directory.
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    /// Text of model.toml.
    pub description: String,
    /// Every other file, by its name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The directories of an ensemble's members, by the path that model.toml gives them.
    pub members: BTreeMap<String, ModelFiles>,
}

impl ModelFiles {
    /// The paths of an ensemble's members, as model.toml writes them; none for another kind.
    ///
    /// # Errors
    /// Refuses a model.toml that cannot be read.
    pub fn member_paths(description: &str) -> Result<Vec<String>, ScoringError> {
        let description: Description = read_toml("model.toml", description)?;
        let table = description.ensemble.into_iter();
        let members = table.flat_map(|table| table.members);
        Ok(members.map(|member| member.model).collect())
    }

    /// Hash over everything that decides what the model says: model.toml, artefact, members.
    fn hash(&self, artefact: &str) -> String {
        let mut hasher = Sha256::new();
        self.hash_into(artefact, &mut hasher);
        let digest = hasher.finalize();
        let hex = digest[..8].iter().map(|byte| format!("{byte:02x}"));
        hex.collect()
    }

    fn hash_into(&self, artefact: &str, hasher: &mut Sha256) {
        let parts = [
            self.description.as_bytes(),
            self.files.get(artefact).map_or(&[], Vec::as_slice),
        ];
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        for (path, member) in &self.members {
            hasher.update(path);
            let artefact = read_toml::<Description>("model.toml", &member.description);
            member.hash_into(&artefact.map_or(String::new(), |d| d.artefact), hasher);
        }
    }
}

/// What a factory gets beside the artefact.
#[derive(Debug)]
pub struct LoadContext<'a> {
    /// What the model may read.
    pub scope: &'a InputScope,
    /// Name, version, kind, reasons and the inputs of model.toml, each known to `scope`.
    pub info: ModelInfo,
    /// Name of the artefact, for messages.
    pub artefact: &'a str,
    /// Which output of a graph is the score, where model.toml says.
    pub output: Option<&'a OutputTable>,
    /// What makes a probability of a raw score, where model.toml says; only learners need it, the others are
    /// calibrated for.
    pub calibration: Option<&'a Calibration>,
    /// Names that switch parts of models on.
    pub flags: &'a [String],
}

impl LoadContext<'_> {
    /// An error about the artefact.
    pub fn error(&self, message: impl Into<String>) -> ScoringError {
        ScoringError::file(self.artefact, message)
    }

    /// Refuses inputs that are text.
    ///
    /// # Errors
    /// Names the first one.
    pub fn require_numbers(&self) -> Result<(), ScoringError> {
        for input in &self.info.inputs {
            if self.scope.data_type(input) == Some(DataType::Utf8) {
                return Err(ScoringError::InputType {
                    model: self.info.name.clone(),
                    input: input.clone(),
                });
            }
        }
        Ok(())
    }

    /// Checks that `names`, as the artefact has them, are the inputs in their order; where a library made
    /// them up because it was given none, only that they are as many.
    ///
    /// # Errors
    /// Names the first that differs.
    pub fn require_inputs(&self, names: &[String], are_given: bool) -> Result<(), ScoringError> {
        let inputs = &self.info.inputs;
        if names.len() != inputs.len() {
            return Err(self.error(format!(
                "has {} features, model.toml names {} inputs",
                names.len(),
                inputs.len()
            )));
        }
        for (position, (name, input)) in names.iter().zip(inputs).enumerate() {
            if name != input && are_given {
                return Err(self.error(format!(
                    "feature {} is `{name}`, model.toml has `{input}` there; give the inputs in training order",
                    position + 1
                )));
            }
        }
        Ok(())
    }
}

/// Makes models of one kind.
///
/// Implement [`ModelFactory::load`]; [`Registry::register`] adds the kind.
pub trait ModelFactory: Send + Sync + 'static {
    /// The kind, as in model.toml.
    fn kind(&self) -> &'static str;

    /// Makes a model of the artefact's bytes, which may be hostile: bounded work and memory, an error
    /// instead of a panic. Called once per model, before its golden vectors are checked.
    ///
    /// # Errors
    /// Says what is wrong with the artefact and where.
    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError>;
}

/// The kinds of model that can be loaded.
pub struct Registry {
    factories: BTreeMap<&'static str, Box<dyn ModelFactory>>,
    flags: Vec<String>,
}

impl Registry {
    /// A registry without any kind.
    pub fn empty() -> Self {
        Self {
            factories: BTreeMap::new(),
            flags: Vec::new(),
        }
    }

    /// A registry of the kinds in [`models`].
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.register(models::rules::Factory);
        registry.register(models::logistic::Factory);
        registry.register(models::trees::Factory::LIGHTGBM);
        registry.register(models::trees::Factory::XGBOOST);
        registry.register(models::trees::Factory::ISOLATION_FOREST);
        registry.register(models::detector::HalfSpaceFactory);
        registry.register(models::detector::CutForestFactory);
        registry
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

    /// The kinds, sorted; `ensemble`, which is made of the others, is not among them.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
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

    /// As [`Registry::load`], for tables that hold the inputs of model.toml as numbers: what made them,
    /// and so for which catalog the model was made, does not matter. Returns the scope as well.
    ///
    /// # Errors
    /// As [`Registry::load`], but for the catalog. Refuses rules, and ensembles with rules, that name
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
            let known = || self.kinds().chain([ENSEMBLE]);
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

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
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

/// What is fixed about the model that `description` describes.
fn info(
    description: &Description,
    files: &ModelFiles,
    scope: &InputScope,
) -> Result<ModelInfo, ScoringError> {
    let refuse = |message: String| Err(ScoringError::file("model.toml", message));
    if description.name.is_empty() || description.name.contains(['@', '+', '/', '\\']) {
        return refuse(format!(
            "`{}` cannot be a name; it is empty or has one of @ + / \\",
            description.name
        ));
    }
    if description.inputs.len() > INPUTS_MAX {
        return refuse(format!("more than {INPUTS_MAX} inputs"));
    }
    let known = scope.names();
    for (position, input) in description.inputs.iter().enumerate() {
        if scope.data_type(input).is_none() {
            return Err(ScoringError::UnknownInput {
                model: description.name.clone(),
                input: input.clone(),
                hint: did_you_mean(input, known.iter().map(String::as_str)),
            });
        }
        if description.inputs[..position].contains(input) {
            return refuse(format!("input `{input}` is there twice"));
        }
    }
    let mut reasons = vec![None; description.inputs.len()];
    for entry in &description.reasons {
        let position = input_position(description, &entry.feature, &entry.code)?;
        reasons[position] = Some(reason(description, entry, scope)?);
    }
    Ok(ModelInfo {
        name: description.name.clone(),
        version: description.version.clone(),
        kind: description.kind.clone(),
        hash: files.hash(&description.artefact),
        inputs: description.inputs.clone(),
        reasons,
    })
}

fn input_position(
    description: &Description,
    name: &str,
    code: &str,
) -> Result<usize, ScoringError> {
    let inputs = &description.inputs;
    let found = inputs.iter().position(|input| input == name);
    found.ok_or_else(|| {
        let hint = did_you_mean(name, inputs.iter().map(String::as_str));
        let message = format!("reason `{code}` is about `{name}`, which is no input{hint}");
        ScoringError::file("model.toml", message)
    })
}

fn reason(
    description: &Description,
    entry: &ReasonEntry,
    scope: &InputScope,
) -> Result<InputReason, ScoringError> {
    let known = scope.words.get(&entry.feature);
    let words = entry.words.clone();
    let words = words.or_else(|| Some(known?.description.clone()));
    // A table has no catalog that could describe it.
    let words = words.or_else(|| scope.is_table().then(|| entry.feature.clone()));
    let Some(words) = words.filter(|words| !words.is_empty()) else {
        let message = format!(
            "reason `{}` has no `words`, and the catalog describes no `{}`",
            entry.code, entry.feature
        );
        return Err(ScoringError::file("model.toml", message));
    };
    let window = entry.window.clone();
    let baseline = match &entry.baseline {
        None => None,
        Some(WrittenBaseline::Number(number)) => Some(Baseline::Number(*number)),
        Some(WrittenBaseline::Input(name)) => Some(Baseline::Input(input_position(
            description,
            name,
            &entry.code,
        )?)),
    };
    Ok(InputReason {
        definition: Arc::new(ReasonDefinition {
            code: entry.code.clone(),
            typology: entry.typology,
            severity: entry.severity,
            feature: entry.feature.clone(),
            threshold: entry.threshold,
            window: window.unwrap_or_else(|| known.map_or(String::new(), |k| k.window.clone())),
            words,
            action: entry.action.clone(),
        }),
        baseline,
    })
}
