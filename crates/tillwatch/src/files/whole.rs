//! A file that is complete or absent.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::inputs::STANDARD_INPUT;

/// A file under a temporary name, which gets its own when it is whole, so that a reader never sees a half of
/// it. Where it is given up, nothing of it stays. Standard output (`-`), devices and pipes are written
/// directly.
#[derive(Debug)]
pub struct WholeFile {
    /// Where it will be, through links.
    path: PathBuf,
    /// Under which name it is written, if it has one; none once it is complete.
    temporary: Option<PathBuf>,
    /// What is synchronised at the end.
    file: Option<File>,
}

impl WholeFile {
    /// The file that will be at `path`, and what its bytes are written to.
    pub fn create(path: &Path) -> Result<(Self, Box<dyn Write + Send>)> {
        if path == Path::new(STANDARD_INPUT) {
            let whole = Self {
                path: path.to_owned(),
                temporary: None,
                file: None,
            };
            return Ok((whole, Box::new(io::stdout())));
        }
        // A link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_special = path.exists() && !path.is_file();
        anyhow::ensure!(
            !path.is_dir(),
            "cannot write {}: it is a folder",
            path.display()
        );
        let at = match is_special {
            true => path.clone(),
            false => partial(&path),
        };
        let failed = || format!("cannot create {}", at.display());
        let file = File::create(&at).with_context(failed)?;
        let written = file.try_clone().with_context(failed)?;
        let whole = Self {
            path,
            temporary: (!is_special).then_some(at),
            file: (!is_special).then_some(file),
        };
        Ok((whole, Box::new(written)))
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes it, when everything is written.
    pub fn complete(mut self) -> Result<()> {
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        if let Some(file) = &self.file {
            file.sync_all()
                .with_context(|| format!("cannot write {}", temporary.display()))?;
        }
        std::fs::rename(temporary, &self.path)
            .with_context(|| format!("cannot rename {}", temporary.display()))?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // It is of no use to anybody, and why it was given up is told elsewhere.
            drop(std::fs::remove_file(temporary));
        }
    }
}

/// Under which name the file at `path` is written.
fn partial(path: &Path) -> PathBuf {
    let mut temporary: OsString = path.into();
    temporary.push(".partial");
    temporary.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let count = || std::fs::read_dir(directory.path()).unwrap().count();
        let (whole, mut bytes) = WholeFile::create(&path).unwrap();
        bytes.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop((whole, bytes));
        assert_eq!(count(), 0, "given up");
        let (whole, mut bytes) = WholeFile::create(&path).unwrap();
        bytes.write_all(b"all").unwrap();
        whole.complete().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all");
        assert_eq!(count(), 1);
    }

    #[test]
    fn links_stay_and_devices_are_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let link = directory.path().join("link");
        std::fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let (whole, mut bytes) = WholeFile::create(&link).unwrap();
        bytes.write_all(b"new").unwrap();
        whole.complete().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(link.is_symlink());

        let (whole, mut bytes) = WholeFile::create(Path::new("/dev/null")).unwrap();
        bytes.write_all(b"new").unwrap();
        whole.complete().unwrap();
        assert!(!Path::new("/dev/null").is_file());
        assert!(WholeFile::create(directory.path()).is_err());
    }
}
