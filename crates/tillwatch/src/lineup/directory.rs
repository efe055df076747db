//! Model directories on disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tillwatch_engine::{LineupFiles, ModelOrigin};
use tillwatch_records::limits::{CONFIG_BYTES_MAX, MODEL_BYTES_MAX};
use tillwatch_scoring::ModelFiles;

use super::file::{LineupFile, LineupFileError};
use crate::config::{LineupPlace, LineupSettings, ModelSettings};
use crate::watch::Stamp;

/// The file that every model directory has.
pub const DESCRIPTION: &str = "model.toml";

/// Files in a model directory: description, artefact, golden vectors, a training script, a card.
const FILES_MAX: usize = 64;

/// Why a model directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    #[error(
        "cannot read {path}: {source}; a model is a directory with a {DESCRIPTION}",
        path = path.display()
    )]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{path} has {bytes} bytes, more than the {MODEL_BYTES_MAX} that a model file may have",
        path = path.display()
    )]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error(
        "{path} holds more than {FILES_MAX} files; a model directory holds one model",
        path = path.display()
    )]
    TooMany { path: PathBuf },
    #[error(transparent)]
    Lineup(#[from] LineupFileError),
}

/// The files of every model that a configuration names.
#[derive(Debug, Clone, Default)]
pub struct LoadedLineup {
    pub files: LineupFiles,
    /// How the files looked before they were read.
    pub stamp: Stamp,
}

impl LoadedLineup {
    /// Reads each directory whole, and those of the members of ensembles.
    pub fn read(settings: &ModelSettings) -> Result<Self, ModelFileError> {
        let stamp = stamp(settings);
        let settings = named(settings)?;
        let model = |path: &PathBuf| -> Result<ModelOrigin, ModelFileError> {
            Ok(ModelOrigin {
                origin: path.display().to_string(),
                files: read(path)?,
            })
        };
        let challenger = match &settings.challenger {
            Some(found) => Some((model(&found.path)?, found.share)),
            None => None,
        };
        let shadows = settings.shadows.iter().map(model);
        let files = LineupFiles {
            champion: model(&settings.champion)?,
            challenger,
            shadows: shadows.collect::<Result<_, _>>()?,
        };
        Ok(Self { files, stamp })
    }
}

/// The directories that `settings` name, or the file that they name does.
fn named(settings: &ModelSettings) -> Result<Cow<'_, LineupSettings>, ModelFileError> {
    Ok(match &settings.lineup {
        LineupPlace::Written(written) => Cow::Borrowed(written),
        LineupPlace::File(path) => Cow::Owned(LineupFile::read(path)?.settings(path)?),
    })
}

/// How everything looks that [`LoadedLineup::read`] reads, and what lies beside it in the models'
/// directories.
pub fn stamp(settings: &ModelSettings) -> Stamp {
    let mut stamp = Stamp::default();
    if let LineupPlace::File(path) = &settings.lineup {
        stamp.add_file(path);
    }
    // A file that names no models is refused when it is read, and changes when it is mended.
    let Ok(named) = named(settings) else {
        return stamp;
    };
    for directory in named.directories() {
        stamp.add_directory(directory, FILES_MAX + 1);
        let description = read_bounded(&directory.join(DESCRIPTION), CONFIG_BYTES_MAX);
        let description = description
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let members = description.map(|text| ModelFiles::member_paths(&text));
        for member in members.and_then(Result::ok).unwrap_or_default() {
            stamp.add_directory(&directory.join(member), FILES_MAX + 1);
        }
    }
    stamp
}

/// Reads a model's directory and, for an ensemble, those of its members.
pub fn read(directory: &Path) -> Result<ModelFiles, ModelFileError> {
    let mut model = read_one(directory)?;
    let paths = ModelFiles::member_paths(&model.description);
    // A description that cannot be read is refused with its place when the model is loaded.
    for path in paths.unwrap_or_default() {
        let member = read_one(&directory.join(&path))?;
        model.members.insert(path, member);
    }
    Ok(model)
}

fn read_one(directory: &Path) -> Result<ModelFiles, ModelFileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ModelFileError::Read { path, source }
    };
    let description_path = directory.join(DESCRIPTION);
    let description = read_bounded(&description_path, CONFIG_BYTES_MAX)?;
    let description = String::from_utf8(description)
        .map_err(|error| failed(&description_path)(std::io::Error::other(error)))?;
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(failed(directory))? {
        let entry = entry.map_err(failed(directory))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !path.is_file() || name == DESCRIPTION {
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(ModelFileError::TooMany {
                path: directory.to_owned(),
            });
        }
        files.insert(name, read_bounded(&path, MODEL_BYTES_MAX)?);
    }
    Ok(ModelFiles {
        description,
        files,
        members: BTreeMap::new(),
    })
}

/// The bytes of a file, unless there are more of them than `bytes_max`.
pub fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, ModelFileError> {
    let failed = |source| ModelFileError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > bytes_max as u64 {
        return Err(ModelFileError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    std::fs::read(path).map_err(failed)
}
