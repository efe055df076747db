//! Secrets in the configuration: written in it, set by the environment, or in a file of their own.

use std::path::{Path, PathBuf};

use tillwatch_records::secret::WrittenSecret;

/// Largest file that is read for a secret: more than any may have, with some white space.
const FILE_BYTES_MAX: u64 = 2048;

/// What errors call the table, and the keys in it.
pub struct Places {
    pub table: &'static str,
    pub secret: &'static str,
    pub secret_file: &'static str,
}

/// The text of a secret and the place that it comes from; `None` where none is given. A file is taken from
/// `base`. An error names its place, and never says what was given.
pub fn text(
    secret: Option<WrittenSecret>,
    file: Option<PathBuf>,
    base: &Path,
    places: &Places,
) -> Result<Option<(&'static str, String)>, (&'static str, String)> {
    let (place, text) = match (secret, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let reason = "has `secret` and `secret_file`; keep one of them";
            return Err((places.table, reason.to_owned()));
        }
        (Some(written), None) => {
            let other = || "it is no text; write it in quotes".to_owned();
            (places.secret, written.text.ok_or_else(other))
        }
        (None, Some(path)) => (places.secret_file, read(&base.join(path))),
    };
    text.map(|text| Some((place, text)))
        .map_err(|reason| (place, reason))
}

/// The text of a file that holds a secret.
fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {bytes} bytes, more than a secret may have; name the file that holds nothing else",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}
