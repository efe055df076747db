//! `[models]`: which models score.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::reference::reload_interval;

/// The `[models]` table: paths of model directories, each with a `model.toml`, or of a line-up file that
/// holds them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsTable {
    /// The model whose scores decide.
    champion: Option<PathBuf>,
    /// A model that scores a share of the keys in its place.
    challenger: Option<ChallengerTable>,
    /// Models that score the same features and decide nothing.
    #[serde(default)]
    shadows: Vec<PathBuf>,
    /// A file with these keys, in place of them.
    lineup: Option<PathBuf>,
    /// How often the files are looked at; `"off"` for only when asked by a signal.
    #[serde(default = "default_reload")]
    reload: String,
    /// File that gets a line for every change of what scores.
    audit: Option<PathBuf>,
    /// Last rows, of all lanes together, that a changed line-up is tried on before it takes effect.
    #[serde(default = "default_backtest_rows")]
    backtest_rows: usize,
}

/// The `[models.challenger]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengerTable {
    pub model: PathBuf,
    /// Share of keys, above 0 to 1.
    pub share: f64,
}

/// Where it is written which models score, and what happens when that changes; with paths that can be
/// opened.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    pub lineup: LineupPlace,
    /// How often the files are looked at; `None` for only when asked.
    pub reload: Option<Duration>,
    /// File that gets a line for every change.
    pub audit: Option<PathBuf>,
    /// Last rows, of all lanes together, to try a changed line-up on; 0 for none.
    pub backtest_rows: usize,
}

/// Where it is written which models score.
#[derive(Debug, Clone, PartialEq)]
pub enum LineupPlace {
    /// In the configuration.
    Written(LineupSettings),
    /// In a file of its own, that changes while the process runs.
    File(PathBuf),
}

/// Which models score, with paths that can be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct LineupSettings {
    /// Directory of the model whose scores decide.
    pub champion: PathBuf,
    pub challenger: Option<ChallengerSettings>,
    /// Directories of the models that decide nothing.
    pub shadows: Vec<PathBuf>,
}

/// A model that scores a share of the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct ChallengerSettings {
    pub path: PathBuf,
    /// Share of keys, above 0 to 1.
    pub share: f64,
}

/// Rows of a lane that are kept to try rules on: a million of them take about a gigabyte.
const BACKTEST_ROWS_MAX: usize = 1_000_000;

fn default_reload() -> String {
    "5s".into()
}

fn default_backtest_rows() -> usize {
    10_000
}

impl ModelsTable {
    /// Checks the values; paths are found from `base`.
    pub fn validate(self, base: &Path) -> Result<ModelSettings, String> {
        if self.backtest_rows > BACKTEST_ROWS_MAX {
            let rows = self.backtest_rows;
            return Err(format!(
                "backtest_rows: {rows} is more than {BACKTEST_ROWS_MAX}"
            ));
        }
        let reload = reload_interval(&self.reload).map_err(|reason| format!("reload: {reason}"))?;
        let lineup = match (self.lineup, self.champion) {
            (Some(_), Some(_)) => {
                return Err(
                    "champion: `lineup` names a file that says so; keep one of the two".into(),
                );
            }
            (Some(_), None) if self.challenger.is_some() || !self.shadows.is_empty() => {
                return Err(
                    "challenger and shadows are written in the file that `lineup` names".into(),
                );
            }
            (Some(path), None) => LineupPlace::File(base.join(path)),
            (None, Some(champion)) => LineupPlace::Written(LineupSettings::new(
                &champion,
                self.challenger.as_ref(),
                &self.shadows,
                base,
            )?),
            (None, None) => {
                return Err(
                    "champion: name the directory of a model, or a file that does in `lineup`"
                        .into(),
                );
            }
        };
        Ok(ModelSettings {
            lineup,
            reload,
            audit: self.audit.map(|path| base.join(path)),
            backtest_rows: self.backtest_rows,
        })
    }
}

impl LineupSettings {
    /// Checks the values; paths are found from `base`.
    pub fn new(
        champion: &Path,
        challenger: Option<&ChallengerTable>,
        shadows: &[PathBuf],
        base: &Path,
    ) -> Result<Self, String> {
        let challenger = challenger.map(|table| {
            if !(table.share > 0.0 && table.share <= 1.0) {
                return Err(format!(
                    "challenger: share {} is not above 0 and at most 1",
                    table.share
                ));
            }
            Ok(ChallengerSettings {
                path: base.join(&table.model),
                share: table.share,
            })
        });
        Ok(Self {
            champion: base.join(champion),
            challenger: challenger.transpose()?,
            shadows: shadows.iter().map(|path| base.join(path)).collect(),
        })
    }

    /// Every directory that is named, the champion's first.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        let challenger = self.challenger.iter().map(|challenger| &challenger.path);
        let all = [&self.champion].into_iter().chain(challenger);
        all.chain(&self.shadows).map(PathBuf::as_path)
    }
}
