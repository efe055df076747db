//! `[models]`: which models score.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The `[models]` table: paths of model directories, each with a `model.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsTable {
    /// The model in force.
    champion: PathBuf,
    /// A model that scores a share of the keys in its place.
    challenger: Option<ChallengerTable>,
    /// Models that score the same features and decide nothing.
    #[serde(default)]
    shadows: Vec<PathBuf>,
}

/// The `[models.challenger]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengerTable {
    model: PathBuf,
    share: f64,
}

/// Which models score, with paths that can be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    /// Directory of the model in force.
    pub champion: PathBuf,
    pub challenger: Option<ChallengerSettings>,
    /// Directories of the models that decide nothing.
    pub shadows: Vec<PathBuf>,
}

/// A model that scores a share of the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct ChallengerSettings {
    pub path: PathBuf,
    /// Share of keys, 0 to 1.
    pub share: f64,
}

impl ModelsTable {
    /// Checks the values; paths are found from `base`.
    pub fn validate(self, base: &Path) -> Result<ModelSettings, String> {
        let challenger = self.challenger.map(|table| {
            if !(table.share > 0.0 && table.share <= 1.0) {
                return Err(format!(
                    "challenger: share {} is not above 0 and at most 1",
                    table.share
                ));
            }
            Ok(ChallengerSettings {
                path: base.join(table.model),
                share: table.share,
            })
        });
        Ok(ModelSettings {
            champion: base.join(self.champion),
            challenger: challenger.transpose()?,
            shadows: self.shadows.iter().map(|path| base.join(path)).collect(),
        })
    }
}
