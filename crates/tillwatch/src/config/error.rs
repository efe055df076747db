//! Why a configuration is refused.

use std::path::{Path, PathBuf};

use tillwatch_records::limits::CONFIG_BYTES_MAX;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is larger than any configuration is.
    #[error(
        "{path} has {bytes} bytes, more than the {CONFIG_BYTES_MAX} that such a file may have",
        path = path.display()
    )]
    TooLarge { path: PathBuf, bytes: u64 },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{path}: {reason}", path = path.display())]
    Toml { path: PathBuf, reason: String },
    /// A value that is wrong by itself.
    #[error("{path}: {table}: {reason}", path = path.display())]
    Value {
        path: PathBuf,
        table: &'static str,
        reason: String,
    },
}

/// The text of a file that people write, bounded in size.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > CONFIG_BYTES_MAX as u64 {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    std::fs::read_to_string(path).map_err(failed)
}
