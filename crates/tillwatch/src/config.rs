//! One TOML file, read once into a validated [`Config`].

mod card_keys;
mod dead_letters;
mod directives;
mod environment;
mod error;
mod ids;
mod labels;
mod models;
mod once;
mod reference;
mod secret;
mod settings;
mod stages;
mod state;
#[cfg(test)]
mod tests;
mod topics;
mod unknown;
mod unshown;
mod written;

use std::ffi::OsString;
use std::path::Path;

pub use crate::log::LogSettings;
pub use directives::check as check_directives;
pub use error::{ConfigError, read_text};
pub use labels::LabelSettings;
pub use models::{ChallengerTable, LineupPlace, LineupSettings, ModelSettings};
pub use once::transactional_id;
pub use reference::{CsvType, ReferenceSettings};
pub use settings::Config;
pub use state::{StorePlace, StoreSettings};
use written::Written;

impl Config {
    /// Reads `path` and applies `TILLWATCH__…` environment variables to it. Files that it names are
    /// found from its own directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        Self::parse(&text, path, std::env::vars_os())
    }

    /// As [`Config::load`], with the file's text and the environment passed in.
    pub fn parse(
        text: &str,
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let refused = |reason| ConfigError::Toml {
            path: path.to_owned(),
            reason,
        };
        let mut table: toml::Table = text
            .parse()
            .map_err(|error| refused(unshown::reason(&error, text)))?;
        let overridden = environment::apply(&mut table, environment).map_err(refused)?;
        let notices = rename_older(&mut table).map_err(|(table, reason)| ConfigError::Value {
            path: path.to_owned(),
            table,
            reason,
        })?;
        // Parsed from the text where it is what the table says, so that errors name the line.
        let written: Result<Written, toml::de::Error> = if overridden || !notices.is_empty() {
            table.clone().try_into()
        } else {
            toml::from_str(text)
        };
        let written = written.map_err(|error| {
            let hint = unknown::hint::<Written>(&table);
            refused(format!("{}{hint}", unshown::reason(&error, text)))
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        let config = written.validate(base);
        let config = config.map_err(|(table, reason)| ConfigError::Value {
            path: path.to_owned(),
            table,
            reason,
        })?;
        Ok(Self { notices, ..config })
    }
}

/// Gives tables that have older names their names; says which. An error names its table.
fn rename_older(table: &mut toml::Table) -> Result<Vec<String>, (&'static str, String)> {
    let Some(registry) = table.remove("registry") else {
        return Ok(Vec::new());
    };
    if table.insert("reference".to_owned(), registry).is_some() {
        let reason = "is an older name of [reference], which is there too; keep [reference]";
        return Err(("[registry]", reason.to_owned()));
    }
    let notice =
        "[registry] is read as [reference], which is its name; rename it in the configuration";
    Ok(vec![notice.to_owned()])
}
