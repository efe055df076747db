//! Stages: what state is kept per, and which features are computed of it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tillwatch_records::KeySpec;
use tillwatch_records::suggest::did_you_mean;

/// What state is kept per, when there is one key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityTable {
    /// Text columns that together name an entity. Default: acquirer, merchant and terminal id.
    key: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesTable {
    /// Feature catalog file.
    catalog: PathBuf,
}

/// One `[[stage]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageTable {
    /// What it is called on the command line and in messages.
    name: String,
    /// Text columns that together name its entity.
    key: Vec<String>,
    /// Its feature catalog file.
    catalog: PathBuf,
}

/// One key and the catalog of what is computed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSettings {
    /// Unique among the stages.
    pub name: String,
    pub key: KeySpec,
    /// Feature catalog file.
    pub catalog: PathBuf,
}

/// The stages that a transaction passes, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    first: StageSettings,
    /// Those after it, in order.
    rest: Vec<StageSettings>,
}

/// Name of the only stage of a configuration without `[[stage]]`.
const ONLY_STAGE: &str = "features";

/// Each stage folds every record and keeps state for every key of its own; more than this is a slip of the
/// pen.
const STAGES_MAX: usize = 8;

/// Why there is no stage to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// There are several, and none was named.
    #[error(
        "the configuration has several stages, and a topic is keyed for one of them: name it with \
         --stage ({known})"
    )]
    Several {
        /// Names of the stages.
        known: String,
    },
    /// No stage is called so.
    #[error("there is no stage `{name}`{hint}; known are {known}")]
    Unknown {
        /// As given.
        name: String,
        /// The nearest known name, in words.
        hint: String,
        /// Names of the stages.
        known: String,
    },
}

impl Stages {
    /// The stages as written; paths are taken from `base`. An error names its table.
    pub fn read(
        entity: Option<EntityTable>,
        features: Option<FeaturesTable>,
        stages: Vec<StageTable>,
        base: &Path,
    ) -> Result<Self, (&'static str, String)> {
        let mut stages = stages.into_iter();
        let Some(first) = stages.next() else {
            let first = only(entity, features, base)?;
            return Ok(Self::one(first));
        };
        if entity.is_some() || features.is_some() {
            let reason = "takes the place of [entity] and [features]; write either the stages or \
                          the two tables";
            return Err(("[[stage]]", reason.into()));
        }
        let mut all = Self::one(first.validate(base)?);
        for stage in stages {
            let stage = stage.validate(base)?;
            if all.iter().any(|other| other.name == stage.name) {
                let reason = format!("two stages are called `{}`", stage.name);
                return Err(("[[stage]] name", reason));
            }
            all.rest.push(stage);
        }
        match all.iter().count() {
            0..=STAGES_MAX => Ok(all),
            count => Err((
                "[[stage]]",
                format!("there are {count}, at most {STAGES_MAX} are run"),
            )),
        }
    }

    fn one(first: StageSettings) -> Self {
        Self {
            first,
            rest: Vec::new(),
        }
    }

    /// In the order in which a transaction passes them.
    pub fn iter(&self) -> impl Iterator<Item = &StageSettings> {
        [&self.first].into_iter().chain(&self.rest)
    }

    /// The first one.
    pub fn first(&self) -> &StageSettings {
        &self.first
    }

    /// The stage called `name`.
    pub fn named(&self, name: &str) -> Result<&StageSettings, StageError> {
        let found = self.iter().find(|stage| stage.name == name);
        found.ok_or_else(|| StageError::Unknown {
            name: name.to_owned(),
            hint: did_you_mean(name, self.iter().map(|stage| stage.name.as_str())),
            known: self.names(),
        })
    }

    /// The stage called `name` alone, or the only one when no name is given.
    pub fn alone(&self, name: Option<&str>) -> Result<Self, StageError> {
        match name {
            Some(name) => Ok(Self::one(self.named(name)?.clone())),
            None if self.rest.is_empty() => Ok(self.clone()),
            None => Err(StageError::Several {
                known: self.names(),
            }),
        }
    }

    /// The key columns of all stages: what a label carries.
    pub fn key_columns(&self) -> KeySpec {
        let rest = self.rest.iter();
        rest.fold(self.first.key.clone(), |key, stage| key.union(&stage.key))
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|stage| stage.name.as_str()).collect();
        names.join(", ")
    }
}

fn only(
    entity: Option<EntityTable>,
    features: Option<FeaturesTable>,
    base: &Path,
) -> Result<StageSettings, (&'static str, String)> {
    let Some(features) = features else {
        let reason =
            "is missing; name a catalog in it, or write a [[stage]] for each of several keys";
        return Err(("[features]", reason.into()));
    };
    let key = match entity.and_then(|entity| entity.key) {
        None => KeySpec::terminal(),
        Some(names) => {
            KeySpec::from_names(&names).map_err(|error| ("[entity] key", error.to_string()))?
        }
    };
    Ok(StageSettings {
        name: ONLY_STAGE.into(),
        key,
        catalog: base.join(features.catalog),
    })
}

impl StageTable {
    fn validate(self, base: &Path) -> Result<StageSettings, (&'static str, String)> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if self.name.is_empty() || !self.name.bytes().all(is_name) {
            let reason = format!(
                "`{}` is no name: write letters, digits, `_` and `-`",
                self.name
            );
            return Err(("[[stage]] name", reason));
        }
        let key = KeySpec::from_names(&self.key)
            .map_err(|error| ("[[stage]] key", format!("of `{}`: {error}", self.name)))?;
        Ok(StageSettings {
            name: self.name,
            key,
            catalog: base.join(self.catalog),
        })
    }
}
