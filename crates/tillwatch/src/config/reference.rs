//! `[reference]`: reference data of entities, joined to every record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tillwatch_records::KeySpec;
use tillwatch_records::units::DurationMs;

/// `[reference]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenReference {
    /// CSV or Parquet file, one row per entity.
    path: PathBuf,
    /// Text columns that together name an entity. Default: the key of the first stage.
    key: Option<Vec<String>>,
    /// How often the file is looked at; `"off"` for never.
    #[serde(default = "default_reload")]
    reload: String,
    /// Columns of a CSV file that are not text.
    #[serde(default)]
    types: BTreeMap<String, CsvType>,
}

/// Type of a column of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CsvType {
    Text,
    Integer,
    Float,
    Boolean,
    Time,
}

/// Reference data that is joined to every record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceSettings {
    /// CSV or Parquet file.
    pub path: PathBuf,
    pub key: KeySpec,
    /// How often the file is looked at; `None` for never.
    pub reload: Option<Duration>,
    /// Columns of a CSV file that are not text.
    pub types: BTreeMap<String, CsvType>,
}

/// Below this the file would be looked at all the time, above it nobody waits for a change.
const RELOAD_MS_MIN: i64 = 10;
const RELOAD_MS_MAX: i64 = 24 * 60 * 60 * 1000;

fn default_reload() -> String {
    "10s".into()
}

impl WrittenReference {
    /// Checks each value; the path is taken from `base`. An error names its key.
    pub fn validate(
        self,
        base: &Path,
        key: &KeySpec,
    ) -> Result<ReferenceSettings, (&'static str, String)> {
        let key = match &self.key {
            None => key.clone(),
            Some(names) => KeySpec::from_names(names)
                .map_err(|error| ("[reference] key", error.to_string()))?,
        };
        let reload = reload_interval(&self.reload);
        let reload = reload.map_err(|reason| ("[reference] reload", reason))?;
        Ok(ReferenceSettings {
            path: base.join(self.path),
            key,
            reload,
            types: self.types,
        })
    }
}

/// How often a file is looked at; `None` where it says `off`.
pub fn reload_interval(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let interval: Result<DurationMs, _> = text.parse();
    let interval =
        interval.map_err(|_| format!("`{text}` is no duration; write \"10s\" or \"off\""))?;
    if !(RELOAD_MS_MIN..=RELOAD_MS_MAX).contains(&interval.as_ms()) {
        return Err(format!("`{text}` is not from 10ms to 24h"));
    }
    Ok(Some(interval.as_std()))
}
