//! `[state]`: how much is remembered, and where it is kept so that a restart remembers it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tillwatch_feature_extraction::StateSettings;
use tillwatch_records::units::{ByteSize, DurationMs};
use tillwatch_state_store::without_secrets;

/// The `[state]` table as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateTable {
    /// See [`StateSettings`].
    max_bytes: ByteSize,
    /// See [`StateSettings`].
    idle_ttl: DurationMs,
    /// Where snapshots are kept: a directory, a URL, or `"off"`.
    store: String,
    /// Options of the store by their names in `object_store`.
    store_options: StoreOptions,
    /// How often each lane's state is written.
    interval: DurationMs,
    /// How far back a lane without a snapshot reads the log again.
    replay_max: DurationMs,
    /// How long a lane is kept whose partition was taken away.
    keep_lost: DurationMs,
}

/// Where snapshots are kept, and when they are made and needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    pub place: StorePlace,
    /// Options of the store by their names in `object_store`.
    pub options: StoreOptions,
    /// How often each lane's state is written.
    pub interval: Duration,
    /// How far back, by record timestamps, a lane without a snapshot reads the log again; zero for not at
    /// all.
    pub replay_max: Duration,
    /// How long a lane is kept whose partition was taken away; zero for not at all.
    pub keep_lost: Duration,
}

/// A place for snapshots. It is shown without what a URL may hold of secrets, which do not belong there and
/// are refused when the store is opened.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// A directory of this machine, or one that it has mounted.
    Directory(PathBuf),
    /// Anything that a URL names.
    Url(String),
}

/// Options of a store. They may hold secrets: debug output shows the names alone.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Value>")]
pub struct StoreOptions(pub BTreeMap<String, String>);

/// An option as TOML may write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    Whole(i64),
    Text(String),
}

/// Directory beside the configuration that snapshots go to unless told otherwise.
const STORE: &str = "state";

/// What a crash has to read again is the records of this time, a few seconds of work even in a backlog,
/// while writing what changed takes a few percent of a core.
const INTERVAL_MS: i64 = 30_000;

/// Windows of up to a day are whole at once when there is no snapshot, for minutes of reading at some
/// hundred records a second. The longest window may be a hundred times that, and a lane scores nothing
/// meanwhile.
const REPLAY_MAX_MS: i64 = 24 * 3_600_000;

/// As long as a rolling restart of a cluster of brokers usually takes.
const KEEP_LOST_MS: i64 = 600_000;

/// Below this a lane would write all the time; above it a crash reads for long.
const INTERVAL_MS_MIN: i64 = 100;
const INTERVAL_MS_MAX: i64 = 3_600_000;

/// Longest replay: as long as any duration of the engine.
const REPLAY_MAX_MS_MAX: i64 = 4000 * 24 * 3_600_000;

/// What a kept lane wrote before must still be in the store when it goes on: clean-up deletes nothing that
/// is younger than an hour.
const KEEP_LOST_MS_MAX: i64 = 1_800_000;

impl Default for StateTable {
    fn default() -> Self {
        let kept = StateSettings::default();
        Self {
            max_bytes: kept.max_bytes,
            idle_ttl: kept.idle_ttl,
            store: STORE.to_owned(),
            store_options: StoreOptions::default(),
            interval: DurationMs::from_ms(INTERVAL_MS),
            replay_max: DurationMs::from_ms(REPLAY_MAX_MS),
            keep_lost: DurationMs::from_ms(KEEP_LOST_MS),
        }
    }
}

impl StateTable {
    /// Checks each value; paths are taken from `base`. What the engine keeps, and where snapshots of it go,
    /// if they go anywhere. An error names its key.
    pub fn validate(
        self,
        base: &Path,
    ) -> Result<(StateSettings, Option<StoreSettings>), (&'static str, String)> {
        let kept = StateSettings {
            max_bytes: self.max_bytes,
            idle_ttl: self.idle_ttl,
        };
        for (key, found, least_ms, most_ms) in [
            (
                "[state] interval",
                self.interval,
                INTERVAL_MS_MIN,
                INTERVAL_MS_MAX,
            ),
            ("[state] replay_max", self.replay_max, 0, REPLAY_MAX_MS_MAX),
            ("[state] keep_lost", self.keep_lost, 0, KEEP_LOST_MS_MAX),
        ] {
            if !(least_ms..=most_ms).contains(&found.as_ms()) {
                let [least, most] = [least_ms, most_ms].map(DurationMs::from_ms);
                return Err((key, format!("`{found}` is not from {least} to {most}")));
            }
        }
        if self.store == "off" {
            return Ok((kept, None));
        }
        let place = StorePlace::read(&self.store, base);
        let place = place.map_err(|reason| ("[state] store", reason))?;
        let store = StoreSettings {
            place,
            options: self.store_options,
            interval: self.interval.as_std(),
            replay_max: self.replay_max.as_std(),
            keep_lost: self.keep_lost.as_std(),
        };
        Ok((kept, Some(store)))
    }
}

impl StorePlace {
    fn read(text: &str, base: &Path) -> Result<Self, String> {
        if text.trim().is_empty() {
            let said = "it is empty; name a directory, a URL such as \"s3://bucket/tillwatch\", or \"off\"";
            return Err(said.to_owned());
        }
        Ok(match text.contains("://") {
            true => Self::Url(text.to_owned()),
            false => Self::Directory(base.join(text)),
        })
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "{}", directory.display()),
            Self::Url(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl From<BTreeMap<String, Value>> for StoreOptions {
    fn from(values: BTreeMap<String, Value>) -> Self {
        let text = |value| match value {
            Value::Text(text) => text,
            Value::Flag(flag) => flag.to_string(),
            Value::Whole(whole) => whole.to_string(),
        };
        let values = values.into_iter();
        Self(values.map(|(name, value)| (name, text(value))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(StateSettings, Option<StoreSettings>), (&'static str, String)> {
        let table: StateTable = toml::from_str(text).unwrap();
        table.validate(Path::new("/etc/tillwatch"))
    }

    #[test]
    fn by_default_state_is_kept_beside_the_configuration() {
        let (kept, store) = read("").unwrap();
        assert_eq!(kept, StateSettings::default());
        let store = store.unwrap();
        let place = StorePlace::Directory("/etc/tillwatch/state".into());
        assert_eq!(store.place, place);
        assert_eq!(store.interval, Duration::from_secs(30));
        assert_eq!(store.replay_max, Duration::from_secs(86_400));
        assert_eq!(store.keep_lost, Duration::from_secs(600));
    }

    #[test]
    fn what_the_reference_writes_out_is_the_default() {
        let example = include_str!("../../../../examples/tillwatch.toml");
        let example: toml::Table = example.parse().unwrap();
        let written = toml::to_string(&example["state"]).unwrap();
        assert_eq!(read(&written), read(""));
    }

    #[test]
    fn a_store_is_a_directory_a_url_or_off() {
        let place = |store: &str| {
            read(&format!("store = {store:?}"))
                .unwrap()
                .1
                .map(|s| s.place)
        };
        let directory = |path: &str| Some(StorePlace::Directory(path.into()));
        assert_eq!(place("off"), None);
        assert_eq!(place("here"), directory("/etc/tillwatch/here"));
        assert_eq!(place("/var/lib/t"), directory("/var/lib/t"));
        let url = "s3://bucket/prefix";
        assert_eq!(place(url), Some(StorePlace::Url(url.to_owned())));
        assert!(read("store = ' '").unwrap_err().1.contains("empty"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (text, key) in [
            ("interval = '1ms'", "[state] interval"),
            ("interval = '2h'", "[state] interval"),
            ("keep_lost = '2h'", "[state] keep_lost"),
            ("replay_max = '5000d'", "[state] replay_max"),
        ] {
            let (found, reason) = read(text).unwrap_err();
            assert_eq!(found, key);
            assert!(reason.contains("is not from"), "{reason}");
        }
        assert!(read("keep_lost = '0s'\nreplay_max = '0s'").is_ok());
    }

    #[test]
    fn a_place_is_shown_without_secrets() {
        let store = read("store = 's3://AKIA:hunter2@bucket/x?token=hunter2'").unwrap();
        let place = store.1.unwrap().place;
        for shown in [format!("{place}"), format!("{place:?}")] {
            assert_eq!(shown, "s3://bucket/x");
        }
    }

    #[test]
    fn options_are_scalars_and_their_values_are_not_shown() {
        let text =
            "[store_options]\naws_secret_access_key = 'hunter2'\nallow_http = true\nretries = 3";
        let store = read(text).unwrap().1.unwrap();
        assert_eq!(store.options.0["allow_http"], "true");
        assert_eq!(store.options.0["retries"], "3");
        let shown = format!("{store:?}");
        assert!(
            shown.contains("aws_secret_access_key") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
