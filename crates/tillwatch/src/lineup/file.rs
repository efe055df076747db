//! The file that says which models score, where it is not the configuration.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{ChallengerTable, ConfigError, LineupSettings, read_text};

/// Champions that are remembered to go back to.
const PREVIOUS_MAX: usize = 16;

/// What a reader of the file should know.
const HEADER: &str = "\
# Which models score: `tillwatch models promote` and `tillwatch models rollback` write this file, and a
# running tillwatch follows it. Paths start at its directory.
";

/// A line-up as it is written. Paths start at the directory of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineupFile {
    pub champion: PathBuf,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<PathBuf>,
    /// Champions before, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<ChallengerTable>,
}

/// Why a line-up file cannot be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum LineupFileError {
    #[error(transparent)]
    Read(#[from] ConfigError),
    #[error("{path}: {reason}", path = path.display())]
    Format { path: PathBuf, reason: String },
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is the champion already", path = path.display())]
    IsChampion { path: PathBuf },
    #[error("there is no champion before {path}: `previous` is empty", path = path.display())]
    NoPrevious { path: PathBuf },
}

impl LineupFile {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, LineupFileError> {
        let text = read_text(path)?;
        toml::from_str(&text).map_err(|error| LineupFileError::Format {
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

    /// The same with the model in `directory`, as seen from the working directory, in force. It leaves its
    /// place among shadows or as the challenger; the champion before is remembered.
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

    /// The same with the champion before in force again.
    pub fn rolled_back(&self) -> Result<Self, LineupFileError> {
        let mut next = self.clone();
        let Some(champion) = next.previous.pop() else {
            return Err(LineupFileError::NoPrevious {
                path: self.champion.clone(),
            });
        };
        next.shadows.retain(|shadow| *shadow != champion);
        next.champion = champion;
        Ok(next)
    }

    /// Writes it to `path` in one step: a reader sees the file before or the file after, whatever happens
    /// in between.
    pub fn write(&self, path: &Path) -> Result<(), LineupFileError> {
        self.replace(path).map_err(|source| LineupFileError::Write {
            path: path.to_owned(),
            source,
        })
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = path.with_file_name(name);
        let mut file = File::create(&beside)?;
        let written = file
            .write_all(format!("{HEADER}{text}").as_bytes())
            .and_then(|()| match std::fs::metadata(path) {
                // Whoever may read the file before may read this one.
                Ok(metadata) => file.set_permissions(metadata.permissions()),
                Err(_) => Ok(()),
            })
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&beside, path));
        if written.is_err() {
            // The error before says more than this one would.
            let _ = std::fs::remove_file(&beside);
        }
        written?;
        // The rename itself is on disk when the directory is.
        let directory = base(path);
        let directory = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        File::open(directory)?.sync_all()
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
