//! Settings of the engine, as they appear in the configuration file.

use serde::Deserialize;
use tillwatch_records::units::{ByteSize, DurationMs};

use crate::error::FeatureError;
use crate::identity::IdSecret;

/// Everything the engine can be told besides the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// How event time is judged.
    pub time: TimeSettings,
    /// How much is kept.
    pub state: StateSettings,
    /// What event ids are hashed with, so that a terminal cannot compute ids that are taken for each other.
    /// It is given apart from the other settings, so that no message shows it. Default: none.
    #[serde(skip)]
    pub id_secret: Option<IdSecret>,
}

/// How event time is judged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSettings {
    /// A record older than the newest accepted record of its key by more than this is marked `LATE`:
    /// scored, not remembered. Costs room: a key keeps its records for the longest window plus
    /// this. Default `10m`.
    pub allowed_lateness: DurationMs,
    /// A record whose event time is ahead of its Kafka timestamp by more than this is marked
    /// `CLOCK_SKEW`: scored, not remembered. Default `5m`.
    pub max_future_skew: DurationMs,
    /// A record whose event id and content its key has accepted before is marked `DUPLICATE` while that
    /// record is at most this much older than the newest event time of the key, the record at hand included;
    /// one whose id was accepted with another content is marked `ID_REUSED`. Costs 20 to 80 bytes per record
    /// of that span. Default `1h`.
    pub dedup_horizon: DurationMs,
}

impl Default for TimeSettings {
    fn default() -> Self {
        Self {
            allowed_lateness: DurationMs::from_ms(10 * 60 * 1000),
            max_future_skew: DurationMs::from_ms(5 * 60 * 1000),
            dedup_horizon: DurationMs::from_ms(3600 * 1000),
        }
    }
}

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// Most bytes for the state of one partition, estimated. Beyond it keys are evicted: those past
    /// `idle_ttl` first, then the least recently seen. Default `1GiB`.
    pub max_bytes: ByteSize,
    /// A key without an accepted record for this long (event time) starts afresh. Never shorter than
    /// the longest window plus the allowed lateness. Default `90d`.
    pub idle_ttl: DurationMs,
}

/// Least state budget: room for a few keys, so that the newest key always fits.
const STATE_BYTES_MIN: u64 = 64 * 1024;

impl Default for StateSettings {
    fn default() -> Self {
        Self {
            max_bytes: ByteSize(1024 * 1024 * 1024),
            idle_ttl: DurationMs::from_ms(90 * 24 * 3600 * 1000),
        }
    }
}

impl EngineSettings {
    /// Refuses values that make no sense.
    pub fn validate(&self) -> Result<(), FeatureError> {
        let durations = [
            ("allowed_lateness", self.time.allowed_lateness),
            ("max_future_skew", self.time.max_future_skew),
            ("dedup_horizon", self.time.dedup_horizon),
            ("idle_ttl", self.state.idle_ttl),
        ];
        for (setting, value) in durations {
            if !(0..=DURATION_MS_MAX).contains(&value.as_ms()) {
                return Err(FeatureError::Setting {
                    setting,
                    given: value.to_string(),
                    problem: "it must lie between 0 and 4000d",
                });
            }
        }
        if self.state.max_bytes.0 < STATE_BYTES_MIN {
            return Err(FeatureError::Setting {
                setting: "max_bytes",
                given: format!("{} bytes", self.state.max_bytes.0),
                problem: "it must be at least 64KiB",
            });
        }
        Ok(())
    }
}

/// Longest duration of a setting: ten years, so that sums with event times cannot overflow.
const DURATION_MS_MAX: i64 = 4000 * 24 * 3600 * 1000;
