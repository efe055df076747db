//! Files that are not whole yet: `object_store` writes `<name>#<number>` and then renames it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::error::StoreError;
use crate::failure::told;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

/// Deletes such files in the directories of a lane if they were last written before a time, in
/// milliseconds since 1970.
pub(super) fn delete(root: &Path, lane: &str, before_ms: i64) -> Result<Staged, StoreError> {
    let mut done = Staged::default();
    for kind in ["runs", "parts", "cuts"] {
        let directory = root.join(lane).join(kind);
        delete_in(&directory, before_ms, &mut done)
            .map_err(|error| told("clean up", &format!("{lane}/{kind}"), &error))?;
    }
    Ok(done)
}

fn delete_in(directory: &Path, before_ms: i64, done: &mut Staged) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !is_staged(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let metadata = entry.metadata()?;
        let written = metadata.modified()?.duration_since(UNIX_EPOCH);
        let written_ms =
            written.map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        if written_ms < before_ms {
            fs::remove_file(entry.path())?;
            done.objects += 1;
            done.bytes += metadata.len();
        }
    }
    Ok(())
}

fn is_staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
