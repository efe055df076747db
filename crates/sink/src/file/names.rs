//! Numbered file names that never overwrite one another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::SinkError;

/// Files of one stem tried before a directory counts as full.
const NUMBER_MAX: u32 = 99_999_999;

/// A new file under a temporary name, and the name it gets when it is complete.
pub(crate) struct Reserved {
    pub(crate) file: File,
    /// Hidden, so that readers of the directory do not take an incomplete file.
    pub(crate) temporary: PathBuf,
    pub(crate) complete: PathBuf,
}

/// Reserves `<stem>-<number>.<extension>` in `directory`, from `next` upwards, and advances `next`.
///
/// Creating the temporary file reserves the number: whoever holds it is the only one that can make
/// the complete file appear. Leftovers of a crash keep their numbers and can be deleted.
pub(crate) fn reserve(
    directory: &Path,
    stem: &str,
    extension: &str,
    next: &mut u32,
) -> Result<Reserved, SinkError> {
    while *next <= NUMBER_MAX {
        let name = format!("{stem}-{next:08}.{extension}");
        *next += 1;
        let complete = directory.join(&name);
        if complete.exists() {
            continue;
        }
        let temporary = directory.join(format!(".{name}.tmp"));
        match File::create_new(&temporary) {
            Ok(_) if complete.exists() => remove(&temporary)?,
            Ok(file) => {
                return Ok(Reserved {
                    file,
                    temporary,
                    complete,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SinkError::file("create", temporary, error)),
        }
    }
    let error = io::Error::other("all file numbers are used");
    Err(SinkError::file("create a file in", directory, error))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), SinkError> {
    fs::remove_file(path).map_err(|error| SinkError::file("remove", path, error))
}
