//! Payloads in files, to be repaired.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tillwatch_sink::Letter;

/// Largest file that is read: no broker takes a record of more without being told to.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The name of the file for a letter's payload. Its last two parts are numbers, so no two are alike.
pub fn name(letter: &Letter) -> String {
    let source = &letter.source;
    format!("{}-{}-{}", source.topic, source.partition, letter.offset)
}

/// Writes the payload of `letter` as it is, for its owner's eyes alone. `None` where the file is there
/// already.
pub fn write(directory: &Path, letter: &Letter) -> Result<Option<PathBuf>> {
    let path = directory.join(name(letter));
    let failed = || format!("cannot write {}", path.display());
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut file = match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
        file => file.with_context(failed)?,
    };
    let payload = letter.payload.as_deref().unwrap_or_default();
    file.write_all(payload).with_context(failed)?;
    Ok(Some(path))
}

/// What is to be sent for `letter`: the file that is named after its position, or after the SHA-256 of what
/// a reduced letter was. `None` where there is neither.
pub fn read(directory: &Path, letter: &Letter) -> Result<Option<Vec<u8>>> {
    let digest = letter.reduced.as_ref();
    let digest = digest.and_then(|reduced| reduced.payload_sha256.clone());
    // It comes from a header: only what is a digest may name a file.
    let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let names = [Some(name(letter)), digest.filter(is_digest)];
    for path in names.iter().flatten().map(|name| directory.join(name)) {
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::ensure!(
            bytes.len() as u64 <= FILE_BYTES_MAX,
            "{} has more than {FILE_BYTES_MAX} bytes, which is no payload; remove it",
            path.display()
        );
        return Ok(Some(bytes));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use tillwatch_sink::Reduced;

    use super::*;
    use crate::commands::dlq::choice::tests::letter;

    #[test]
    fn what_was_written_is_left_alone_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut letter = letter(3, 42, None, "bad_time");
        letter.payload = Some(b"{}".to_vec());
        assert_eq!(read(directory.path(), &letter).unwrap(), None);
        let path = write(directory.path(), &letter).unwrap().unwrap();
        assert!(path.ends_with("transactions-3-42"));
        std::fs::write(&path, "{\"repaired\":1}").unwrap();
        assert_eq!(write(directory.path(), &letter).unwrap(), None);
        let found = read(directory.path(), &letter).unwrap();
        assert_eq!(found.as_deref(), Some(&b"{\"repaired\":1}"[..]));
    }

    #[test]
    fn a_reduced_letter_is_found_by_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let digest = "ab".repeat(32);
        std::fs::write(directory.path().join(&digest), "whole").unwrap();
        let mut letter = letter(3, 42, None, "bad_time");
        let mut reduced = Reduced {
            why: String::new(),
            payload_bytes: Some(5),
            payload_sha256: Some(digest),
            masked: None,
            lacks_payload: true,
            lacks_more: false,
        };
        letter.reduced = Some(reduced.clone());
        let found = read(directory.path(), &letter).unwrap();
        assert_eq!(found.as_deref(), Some(&b"whole"[..]));
        reduced.payload_sha256 = Some("../secret".to_owned());
        letter.reduced = Some(reduced);
        assert_eq!(read(directory.path(), &letter).unwrap(), None);
    }
}
