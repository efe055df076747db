//! Durations and sizes as people write them in configuration: `"10m"`, `"7d"`, `"256MiB"`.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A duration in whole milliseconds, written like `250ms`, `10m`, `1h 30m`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DurationMs(i64);

impl DurationMs {
    /// A duration of `ms` milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Length in milliseconds.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// As the standard library's duration.
    pub fn as_std(self) -> Duration {
        Duration::from_millis(self.0.max(0).unsigned_abs())
    }
}

impl std::str::FromStr for DurationMs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = humantime::parse_duration(text).map_err(|error| {
            format!("`{text}` is not a duration ({error}); write for example \"250ms\", \"10m\" or \"7d\"")
        })?;
        if parsed.subsec_nanos() % 1_000_000 != 0 {
            return Err(format!("`{text}` is finer than a millisecond"));
        }
        i64::try_from(parsed.as_millis())
            .map(Self)
            .map_err(|_| format!("`{text}` is too long"))
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        let unit = UNITS.iter().find(|(ms, _)| self.0 != 0 && self.0 % ms == 0);
        match unit {
            Some((ms, name)) => write!(f, "{}{name}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for DurationMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A size in bytes, written like `64KiB`, `256MiB` or as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text
                .parse::<bytesize::ByteSize>()
                .map(|size| Self(size.as_u64()))
                .map_err(|_| {
                    D::Error::custom(format!(
                        "`{text}` is not a size; write for example \"64KiB\" or \"256MiB\""
                    ))
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, ms) in [
            ("250ms", 250),
            ("10m", 600_000),
            ("1h 30m", 5_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(text.parse::<DurationMs>(), Ok(DurationMs::from_ms(ms)));
        }
        assert_eq!(DurationMs::from_ms(604_800_000).to_string(), "7d");
        assert_eq!(DurationMs::from_ms(1_500).to_string(), "1500ms");
        assert!("10us".parse::<DurationMs>().is_err());
        assert!("soon".parse::<DurationMs>().is_err());
    }
}
