//! The file that says which models score, where it is not the configuration.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::{ChallengerTable, ConfigError, LineupSettings, read_text};

/// Champions that are remembered to go back to.
const PREVIOUS_MAX: usize = 16;

/// A line-up as it is written. Paths start at the directory of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineupFile {
    pub champion: PathBuf,
    #[serde(default)]
    pub shadows: Vec<PathBuf>,
    /// Champions before, the last one last.
    #[serde(default)]
    pub previous: Vec<PathBuf>,
    pub challenger: Option<ChallengerTable>,
}

/// Why a line-up file cannot be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum LineupFileError {
    #[error(transparent)]
    Read(#[from] ConfigError),
    #[error("{path}: {reason}", path = path.display())]
    Format { path: PathBuf, reason: String },
    #[error(
        "cannot write {path}: {source}; whoever changes the line-up needs to write in its directory",
        path = path.display()
    )]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot lock {path}, which keeps two changes apart: {source}", path = path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("{path} was changed by somebody else meanwhile; look at it and try again", path = path.display())]
    Changed { path: PathBuf },
    #[error("{path} is not written in UTF-8, which a line-up file needs; rename it", path = path.display())]
    Name { path: PathBuf },
    #[error("{path} is the champion already", path = path.display())]
    IsChampion { path: PathBuf },
    #[error("there is no champion before {path}: `previous` is empty", path = path.display())]
    NoPrevious { path: PathBuf },
}

impl LineupFile {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, LineupFileError> {
        Self::parse(&read_text(path)?, path)
    }

    /// Reads `text`, which is the file's at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, LineupFileError> {
        toml::from_str(text).map_err(|error| LineupFileError::Format {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })
    }

    /// What it says, with paths that can be opened; the file is at `path`.
    pub fn settings(&self, path: &Path) -> Result<LineupSettings, LineupFileError> {
        let challenger = self.challenger.as_ref();
        let base = base(path);
        LineupSettings::new(&self.champion, challenger, &self.shadows, base).map_err(|reason| {
            LineupFileError::Format {
                path: path.to_owned(),
                reason,
            }
        })
    }

    /// The same with the model in `directory`, as seen from the working directory, as the champion. It leaves
    /// its place among shadows or as the challenger; the champion before is remembered.
    pub fn promoted(&self, directory: &Path, path: &Path) -> Result<Self, LineupFileError> {
        let base = base(path);
        let is_it = |other: &PathBuf| is_same(&base.join(other), directory);
        if is_it(&self.champion) {
            return Err(LineupFileError::IsChampion {
                path: directory.to_owned(),
            });
        }
        let mut next = self.clone();
        next.champion = seen_from(base, directory);
        next.shadows.retain(|shadow| !is_it(shadow));
        next.challenger
            .take_if(|challenger| is_it(&challenger.model));
        next.previous.push(self.champion.clone());
        let surplus = next.previous.len().saturating_sub(PREVIOUS_MAX);
        next.previous.drain(..surplus);
        Ok(next)
    }

    /// The same with the champion before as the champion again.
    pub fn rolled_back(&self, path: &Path) -> Result<Self, LineupFileError> {
        let base = base(path);
        let mut next = self.clone();
        let Some(champion) = next.previous.pop() else {
            return Err(LineupFileError::NoPrevious {
                path: self.champion.clone(),
            });
        };
        let is_it = |other: &PathBuf| is_same(&base.join(other), &base.join(&champion));
        next.shadows.retain(|shadow| !is_it(shadow));
        next.challenger
            .take_if(|challenger| is_it(&challenger.model));
        next.champion = champion;
        Ok(next)
    }
}

/// Where the paths in the file start.
fn base(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// `directory` as a path from `base` where it is below it, else in full.
fn seen_from(base: &Path, directory: &Path) -> PathBuf {
    let base = if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        base
    };
    let (Ok(base), Ok(directory)) = (base.canonicalize(), directory.canonicalize()) else {
        return directory.to_owned();
    };
    match directory.strip_prefix(&base) {
        Ok(below) => below.to_owned(),
        Err(_) => directory,
    }
}
