//! The configuration as it is written, before anything is checked but its shape.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_decode::DecodeSettings;
use tillwatch_feature_extraction::{EngineSettings, StateSettings, TimeSettings};
use tillwatch_records::KeySpec;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_scoring::ScoringSettings;
use tillwatch_sink::SinksSettings;

use super::Config;
use crate::log::LogSettings;

/// Every table of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// librdkafka properties for consumer and producer alike: `bootstrap.servers`, TLS, SASL.
    #[serde(default)]
    kafka: Properties,
    consumer: Option<ConsumerSettings>,
    #[serde(default)]
    decode: DecodeSettings,
    #[serde(default)]
    entity: EntityTable,
    features: FeaturesTable,
    #[serde(default)]
    time: TimeSettings,
    #[serde(default)]
    state: StateSettings,
    models: ModelsTable,
    #[serde(default)]
    scoring: ScoringSettings,
    sink: Option<SinksSettings>,
    #[serde(default)]
    lanes: LanesTable,
    #[serde(default)]
    http: HttpTable,
    #[serde(default)]
    log: LogSettings,
}

/// What state is kept per.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityTable {
    /// Text columns that together name an entity. Default: acquirer, merchant and terminal id.
    key: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeaturesTable {
    /// Feature catalog file.
    catalog: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelsTable {
    /// Model directories. With several, the highest probability is the score and the reasons of all
    /// are merged.
    directories: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LanesTable {
    /// Threads that lanes run on. Default: one per core.
    threads: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpTable {
    /// Address of `/metrics`, `/healthz` and `/readyz`; `"off"` for none.
    listen: String,
}

impl Default for HttpTable {
    fn default() -> Self {
        // Not reachable from outside unless somebody says so.
        Self {
            listen: "127.0.0.1:9600".into(),
        }
    }
}

/// More threads than this is a slip of the pen.
const THREADS_MAX: usize = 1024;

impl Written {
    /// Checks each value; paths are taken from `base`. An error names its table.
    pub fn validate(self, base: &Path) -> Result<Config, (&'static str, String)> {
        let key = match &self.entity.key {
            None => KeySpec::terminal(),
            Some(names) => {
                KeySpec::from_names(names).map_err(|error| ("[entity] key", error.to_string()))?
            }
        };
        if self.models.directories.is_empty() {
            return Err((
                "[models] directories",
                "name at least one model directory".into(),
            ));
        }
        let threads = self.lanes.threads.unwrap_or_else(cores);
        if !(1..=THREADS_MAX).contains(&threads) {
            return Err((
                "[lanes] threads",
                format!("{threads} is not from 1 to {THREADS_MAX}"),
            ));
        }
        let http = match self.http.listen.as_str() {
            "off" => None,
            address => Some(address.parse::<SocketAddr>().map_err(|_| {
                let reason =
                    format!("`{address}` is not an address; write \"127.0.0.1:9600\" or \"off\"");
                ("[http] listen", reason)
            })?),
        };
        let consumer = self.consumer.map(|mut consumer| {
            for (name, value) in &self.kafka.0 {
                consumer
                    .properties
                    .0
                    .entry(name.clone())
                    .or_insert_with(|| value.clone());
            }
            consumer
        });
        Ok(Config {
            kafka: self.kafka,
            consumer,
            decode: self.decode,
            key,
            catalog: base.join(self.features.catalog),
            engine: EngineSettings {
                time: self.time,
                state: self.state,
            },
            models: self
                .models
                .directories
                .into_iter()
                .map(|path| base.join(path))
                .collect(),
            scoring: self.scoring,
            sink: self.sink,
            threads,
            http,
            log: self.log,
        })
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The error with the nearest known name, where it is about an unknown one.
pub fn with_hint(error: &toml::de::Error) -> String {
    let message = error.to_string();
    let hint = unknown_name(error.message())
        .map(|(given, known)| did_you_mean(given, known))
        .unwrap_or_default();
    format!("{}{hint}", message.trim_end())
}

/// The unknown name of a message like "unknown field `x`, expected one of `a`, `b`", and the known
/// ones.
fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    let start = message
        .find("unknown field ")
        .or_else(|| message.find("unknown variant "))?;
    let quoted: Vec<&str> = message[start..].split('`').skip(1).step_by(2).collect();
    let (given, known) = quoted.split_first()?;
    Some((given, known.to_vec()))
}
