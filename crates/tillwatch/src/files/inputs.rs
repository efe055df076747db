//! Which files are meant: names, folders of part files, patterns, standard input.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::content::unpacked_name;
use super::error::FileError;

/// What names standard input.
pub const STANDARD_INPUT: &str = "-";

/// Files that are read in one go: some ten times those of a year of hours.
const FILES_MAX: usize = 100_000;

/// How deep folders may lie in each other, as a link to a folder above would have no end.
const DEPTH_MAX: usize = 16;

/// Endings of what programs keep beside their files.
const BESIDE: [&str; 3] = ["crc", "partial", "tmp"];

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    StandardInput,
    File(PathBuf),
}

/// The files of a command, in their order.
#[derive(Debug, Clone)]
pub struct Inputs {
    parts: Vec<Part>,
    /// Folders that were named.
    folders: Vec<PathBuf>,
    /// See [`Inputs::name`].
    name: String,
}

impl Part {
    /// Its path, [`STANDARD_INPUT`] for that.
    pub fn path(&self) -> &Path {
        match self {
            Self::StandardInput => Path::new(STANDARD_INPUT),
            Self::File(path) => path,
        }
    }

    /// Its length, where it has one that is known before it is read.
    pub fn bytes(&self) -> Option<u64> {
        let metadata = std::fs::metadata(self.path()).ok();
        metadata.filter(Metadata::is_file).map(|file| file.len())
    }
}

impl Inputs {
    /// The files that `arguments` name: a file itself; of a folder the files in it and in the folders in it,
    /// in the order of their names, without those whose name begins with `_` or `.`; of a pattern
    /// (`day-*.csv`) what fits it, in the order of their names; `-` is standard input.
    ///
    /// # Errors
    /// Names the argument that is not there, names nothing, or names what another one names.
    pub fn find(arguments: &[PathBuf]) -> Result<Self, FileError> {
        let mut found = Self {
            parts: Vec::new(),
            folders: Vec::new(),
            name: arguments
                .first()
                .map_or_else(String::new, |path| stem(path)),
        };
        for argument in arguments {
            found.add(argument)?;
        }
        found.refuse_twice()?;
        Ok(found)
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What they are called together: the first argument without folders and endings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Refuses to write to `output`, where that is one of the files or would be one when they are read again.
    /// `output` may be standard output under its name as a file.
    pub fn refuse_output(&self, output: &Path) -> Result<(), FileError> {
        let metadata = std::fs::metadata(output).ok().filter(Metadata::is_file);
        let written = metadata.map(|file| identity(&file));
        let files = self.parts.iter().map(Part::path);
        let is_same = |path: &&Path| {
            let read = std::fs::metadata(path).ok().map(|file| identity(&file));
            written.is_some() && read == written
        };
        let refused = |input: &Path| FileError::OverInput {
            output: output.to_owned(),
            input: input.to_owned(),
        };
        if let Some(input) = files.into_iter().find(is_same) {
            return Err(refused(input));
        }
        let above = match output.parent() {
            Some(above) if above != Path::new("") => above,
            _ => Path::new("."),
        };
        let Ok(above) = above.canonicalize() else {
            return Ok(());
        };
        let is_in = |folder: &&PathBuf| folder.canonicalize().is_ok_and(|at| above.starts_with(at));
        match self.folders.iter().find(is_in) {
            Some(folder) => Err(refused(folder)),
            None => Ok(()),
        }
    }

    fn add(&mut self, argument: &Path) -> Result<(), FileError> {
        if argument == Path::new(STANDARD_INPUT) {
            self.parts.push(Part::StandardInput);
            return Ok(());
        }
        match std::fs::metadata(argument) {
            Ok(found) if found.is_dir() => self.add_folder(argument),
            Ok(_) => self.push(argument.to_owned()),
            Err(_) if is_pattern(argument) => self.add_pattern(argument),
            Err(source) => Err(FileError::Read {
                path: argument.to_owned(),
                source,
            }),
        }
    }

    fn add_pattern(&mut self, pattern: &Path) -> Result<(), FileError> {
        let wrong = |reason: String| FileError::Pattern {
            pattern: pattern.to_owned(),
            reason,
        };
        let found =
            glob::glob(&pattern.to_string_lossy()).map_err(|error| wrong(error.to_string()))?;
        let mut is_empty = true;
        for path in found {
            let path = path.map_err(|error| wrong(error.to_string()))?;
            is_empty = false;
            match path.is_dir() {
                true => self.add_folder(&path)?,
                false => self.push(path)?,
            }
        }
        match is_empty {
            true => Err(wrong("no file fits it".into())),
            false => Ok(()),
        }
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), FileError> {
        let before = self.parts.len();
        self.add_entries(folder, 0)?;
        self.folders.push(folder.to_owned());
        match self.parts.len() == before {
            true => Err(FileError::Kind {
                path: folder.to_owned(),
                what:
                    "a folder without a file to read (names that begin with `_` or `.` are passed \
                       over)"
                        .into(),
            }),
            false => Ok(()),
        }
    }

    fn add_entries(&mut self, folder: &Path, depth: usize) -> Result<(), FileError> {
        let failed = |source| FileError::Read {
            path: folder.to_owned(),
            source,
        };
        let wrong = |what: &str| FileError::Kind {
            path: folder.to_owned(),
            what: what.into(),
        };
        if depth > DEPTH_MAX {
            return Err(wrong(
                "more than 16 folders deep: is there a link to a folder above?",
            ));
        }
        let entries = std::fs::read_dir(folder).map_err(failed)?;
        let entries = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths: Vec<PathBuf> = entries.collect::<Result<_, _>>().map_err(failed)?;
        paths.sort_unstable();
        if paths
            .iter()
            .any(|path| path.file_name() == Some(OsStr::new("_delta_log")))
        {
            return Err(wrong(
                "a Delta table, some of whose files hold deleted rows: export it as plain Parquet",
            ));
        }
        for path in paths.into_iter().filter(|path| !is_beside(path)) {
            match path.is_dir() {
                true => self.add_entries(&path, depth + 1)?,
                false => self.push(path)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, path: PathBuf) -> Result<(), FileError> {
        if self.parts.len() >= FILES_MAX {
            return Err(FileError::Kind {
                path,
                what: format!("one more than the {FILES_MAX} files that are read in one go"),
            });
        }
        self.parts.push(Part::File(path));
        Ok(())
    }

    fn refuse_twice(&self) -> Result<(), FileError> {
        let mut seen = HashSet::new();
        let is_again = |part: &&Part| match part {
            Part::StandardInput => !seen.insert(None),
            Part::File(path) => {
                let file = std::fs::metadata(path).ok().filter(Metadata::is_file);
                file.is_some_and(|file| !seen.insert(Some(identity(&file))))
            }
        };
        match self.parts.iter().find(is_again) {
            Some(part) => Err(FileError::Kind {
                path: part.path().to_owned(),
                what: "named twice as input; its rows would count twice".into(),
            }),
            None => Ok(()),
        }
    }
}

/// Device and number, which are the same by whatever name.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// Whether a file in a folder is no part of what the folder holds.
fn is_beside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let ending = path.extension().and_then(OsStr::to_str);
    matches!(name.first(), Some(b'_' | b'.')) || ending.is_some_and(|e| BESIDE.contains(&e))
}

fn stem(path: &Path) -> String {
    if path == Path::new(STANDARD_INPUT) {
        return "stdin".into();
    }
    let name = unpacked_name(path);
    let stem = name.file_stem().unwrap_or_else(|| OsStr::new("files"));
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
