//! One random case: a catalog, settings and a stream that fit each other.

use std::fmt::Write as _;

use super::random::Palette;
use super::{OracleFeature, OracleSettings, catalog_toml};
use crate::stream::{self, Event, StreamSettings};

/// Everything that decides the features of a lane.
#[derive(Debug, Clone)]
pub struct Case {
    /// Same seed, same case.
    pub seed: u64,
    /// What is computed.
    pub features: Vec<OracleFeature>,
    /// How time is judged.
    pub settings: OracleSettings,
    /// The input of the lane, in order of arrival.
    pub events: Vec<Event>,
}

/// Usual settings, none at all, generous ones, and those that an engine has by default.
const SETTINGS: [OracleSettings; 4] = [
    OracleSettings {
        allowed_lateness_ms: 60_000,
        max_future_skew_ms: 5_000,
        dedup_horizon_ms: 300_000,
        idle_ttl_ms: 5_000_000,
    },
    OracleSettings {
        allowed_lateness_ms: 0,
        max_future_skew_ms: 0,
        dedup_horizon_ms: 0,
        idle_ttl_ms: 0,
    },
    OracleSettings {
        allowed_lateness_ms: 7_200_000,
        max_future_skew_ms: 600_000,
        dedup_horizon_ms: 86_400_000,
        idle_ttl_ms: 86_400_000,
    },
    OracleSettings {
        allowed_lateness_ms: 600_000,
        max_future_skew_ms: 300_000,
        dedup_horizon_ms: 3_600_000,
        idle_ttl_ms: 90 * 86_400_000,
    },
];

impl Case {
    /// A small random case.
    pub fn random(seed: u64) -> Self {
        let stream = StreamSettings::random(seed);
        let palette = Palette::random(seed, stream.is_slow());
        let mut settings = SETTINGS[(seed % 4) as usize];
        if stream.is_slow() {
            // Keys live for weeks, so that hours of the week come again.
            settings.idle_ttl_ms *= 30;
        }
        Self {
            seed,
            features: palette.features(),
            settings,
            events: stream::events(&stream),
        }
    }

    /// The catalog as text.
    pub fn catalog(&self) -> String {
        catalog_toml(&self.features)
    }

    /// The smallest part of the case for which `fails` still holds: its features and its records.
    pub fn shrink(&self, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let with = |features: &[OracleFeature], events: &[Event]| Self {
            features: features.to_vec(),
            events: events.to_vec(),
            ..*self
        };
        let (features, events) = super::shrink(&self.features, &self.events, |features, events| {
            fails(&with(features, events))
        });
        with(&features, &events)
    }

    /// The case in words: what to paste into a test.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "seed {}, {:?}\n{}",
            self.seed,
            self.settings,
            self.catalog()
        );
        for event in &self.events {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", event.describe());
        }
        text
    }
}
