//! One TOML file, read once into a validated [`Config`].

mod environment;
mod models;
mod registry;
mod stages;
mod written;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_decode::DecodeSettings;
use tillwatch_feature_extraction::EngineSettings;
use tillwatch_records::limits::{CONFIG_BYTES_MAX, WINDOW_MS_MAX};
use tillwatch_records::units::DurationMs;
use tillwatch_scoring::ScoringSettings;
use tillwatch_sink::SinksSettings;

pub use crate::log::LogSettings;
pub use models::{ChallengerTable, LineupSettings, LineupSource, ModelSettings};
pub use registry::{CsvType, RegistrySettings};
pub use stages::{StageSettings, Stages};
use written::Written;

/// A configuration whose every value has been checked by itself. Whether catalog, models and topics
/// agree with it is found out by [`crate::core::Core::load`] and by connecting.
#[derive(Debug)]
pub struct Config {
    /// librdkafka properties that consumer and sink share.
    pub kafka: Properties,
    /// Where records come from, with the shared properties filled in; only `run` needs it.
    pub consumer: Option<ConsumerSettings>,
    pub decode: DecodeSettings,
    /// What state is kept per, and which features are computed of it.
    pub stages: Stages,
    /// The column of a file that holds the outcome of each transaction, if one does.
    pub labels: Option<LabelSettings>,
    /// Reference data that is joined to every record, if there is any.
    pub registry: Option<RegistrySettings>,
    pub engine: EngineSettings,
    pub models: ModelSettings,
    pub scoring: ScoringSettings,
    /// Where scores go; only `run` needs it.
    pub sink: Option<SinksSettings>,
    /// Threads that lanes run on; at least one.
    pub threads: usize,
    /// How old a batch may be when it is scored before less is asked of it; `None` for no limit.
    pub deadline: Option<Duration>,
    /// Address of `/metrics`, `/healthz` and `/readyz`; `None` when switched off.
    pub http: Option<SocketAddr>,
    pub log: LogSettings,
}

/// `[labels]`: labels that are made from a column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSettings {
    /// Field of a row that says whether the transaction is fraud: 0/1 or true/false.
    pub column: String,
    /// Event time from a transaction to its label.
    pub delay: DurationMs,
}

/// Longest delay of a label: nothing remembers a transaction for longer than the longest window.
const LABEL_DELAY_MS_MAX: i64 = WINDOW_MS_MAX;

impl LabelSettings {
    fn validate(&self) -> Result<(), String> {
        if self.column.is_empty() {
            return Err("column: name the field that holds the outcome".into());
        }
        if !(0..=LABEL_DELAY_MS_MAX).contains(&self.delay.as_ms()) {
            return Err(format!("delay: `{}` is longer than 400d", self.delay));
        }
        Ok(())
    }
}

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
    #[error("{path} has {bytes} bytes, more than the {CONFIG_BYTES_MAX} that such a file may have", path = path.display())]
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

impl Config {
    /// Reads `path` and applies `TILLWATCH__…` environment variables to it. Files that it names are
    /// found from its own directory.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        Self::parse(&text, path, std::env::vars())
    }

    /// As [`Config::load`], with the file's text and the environment passed in.
    pub fn parse(
        text: &str,
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let refused = |reason| ConfigError::Toml {
            path: path.to_owned(),
            reason,
        };
        let mut table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| refused(error.to_string()))?;
        let overridden = environment::apply(&mut table, environment).map_err(refused)?;
        // Parsed from the text where the environment changes nothing, so that errors show the line.
        let written: Result<Written, toml::de::Error> = if overridden {
            table.try_into()
        } else {
            toml::from_str(text)
        };
        let written = written.map_err(|error| refused(written::with_hint(&error)))?;
        let base = path.parent().unwrap_or(Path::new(""));
        written
            .validate(base)
            .map_err(|(table, reason)| ConfigError::Value {
                path: path.to_owned(),
                table,
                reason,
            })
    }
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

#[cfg(test)]
mod tests;
