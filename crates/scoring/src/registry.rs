//! From files to models.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use tillwatch_predicate::Scope;
use tillwatch_records::ReasonDefinition;
use tillwatch_records::limits::MODEL_BYTES_MAX;
use tillwatch_records::suggest::did_you_mean;

use crate::describe::Description;
use crate::error::ScoringError;
use crate::golden;
use crate::limits::INPUTS_MAX;
use crate::model::{CatalogId, InputScope, Model, ModelInfo};
use crate::models;
use crate::text::{read_toml, utf8};

/// The bytes of a model's directory.
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    /// Text of model.toml.
    pub description: String,
    /// Every other file, by its name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What a factory gets beside the artefact.
#[derive(Debug)]
pub struct LoadContext<'a> {
    /// What the model may read.
    pub scope: &'a InputScope,
    /// Name, version, kind and the inputs of model.toml, each known to `scope`.
    pub info: ModelInfo,
    /// Name of the artefact, for messages.
    pub artefact: &'a str,
    /// Rows with at least this probability need reasons, 0 to 1.
    pub reasons_from: f64,
    /// Per input of `info`, the reason that its share in a score stands for.
    pub reasons: Vec<Option<Arc<ReasonDefinition>>>,
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
}

/// Makes models of one kind.
///
/// Implement [`ModelFactory::load`] for a concrete model type; [`Registry::register`] erases it.
pub trait ModelFactory: Send + Sync + 'static {
    /// What it makes.
    type Model: Model + 'static;

    /// The kind, as in model.toml.
    const KIND: &'static str;

    /// Makes a model of the artefact's bytes, which may be hostile: bounded work and memory, an error
    /// instead of a panic. Called once per model, before its golden vectors are checked.
    ///
    /// # Errors
    /// Says what is wrong with the artefact and where.
    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<Self::Model, ScoringError>;
}

type Erased = Box<
    dyn Fn(&[u8], LoadContext<'_>) -> Result<Arc<dyn Model>, ScoringError> + Send + Sync + 'static,
>;

/// The kinds of model that can be loaded.
pub struct Registry {
    factories: BTreeMap<&'static str, Erased>,
}

impl Registry {
    /// A registry without any kind.
    pub fn empty() -> Self {
        Self {
            factories: BTreeMap::new(),
        }
    }

    /// A registry of the kinds in [`models`].
    pub fn standard() -> Self {
        let mut registry = Self::empty();
        registry.register(models::rules::Factory);
        registry.register(models::logistic::Factory);
        registry.register(models::lightgbm::Factory);
        registry
    }

    /// Adds a kind, in place of an earlier one of the same name.
    pub fn register<F: ModelFactory>(&mut self, factory: F) {
        let erased: Erased = Box::new(move |artefact, context| {
            let model = factory.load(artefact, context)?;
            Ok(Arc::new(model))
        });
        self.factories.insert(F::KIND, erased);
    }

    /// The kinds, sorted.
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
    ) -> Result<Arc<dyn Model>, ScoringError> {
        let description: Description = read_toml("model.toml", &files.description)?;
        let Some(factory) = self.factories.get(description.kind.as_str()) else {
            return Err(ScoringError::UnknownKind {
                hint: did_you_mean(&description.kind, self.kinds()),
                kind: description.kind,
                known: self.kinds().collect::<Vec<_>>().join(", "),
            });
        };
        check_catalog(&description, scope)?;
        let context = context(&description, scope)?;
        let artefact = file(files, &description, &description.artefact)?;
        let model = factory(artefact, context)?;
        if let Some(name) = &description.golden {
            golden::check(
                name,
                utf8(name, file(files, &description, name)?)?,
                &*model,
                scope,
            )?;
        }
        Ok(model)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}

fn check_catalog(description: &Description, scope: &InputScope) -> Result<(), ScoringError> {
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

fn context<'a>(
    description: &'a Description,
    scope: &'a InputScope,
) -> Result<LoadContext<'a>, ScoringError> {
    let refuse = |message: String| Err(ScoringError::file("model.toml", message));
    if description.name.is_empty() || description.name.contains(['@', '+']) {
        return refuse(format!(
            "`{}` cannot be a name; it is empty or has `@` or `+`",
            description.name
        ));
    }
    if description.inputs.len() > INPUTS_MAX {
        return refuse(format!("more than {INPUTS_MAX} inputs"));
    }
    if !(0.0..=1.0).contains(&description.reasons_from) {
        return refuse("reasons_from is a probability, 0 to 1".to_owned());
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
        match description
            .inputs
            .iter()
            .position(|input| *input == entry.feature)
        {
            Some(position) => reasons[position] = Some(Arc::new(entry.definition())),
            None => {
                let inputs = description.inputs.iter().map(String::as_str);
                let hint = did_you_mean(&entry.feature, inputs);
                return refuse(format!(
                    "reason `{}` is about `{}`, which is no input{hint}",
                    entry.code, entry.feature
                ));
            }
        }
    }
    Ok(LoadContext {
        scope,
        info: ModelInfo {
            name: description.name.clone(),
            version: description.version.clone(),
            kind: description.kind.clone(),
            inputs: description.inputs.clone(),
        },
        artefact: &description.artefact,
        reasons_from: description.reasons_from,
        reasons,
    })
}
