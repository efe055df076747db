//! What can be wrong with a catalog, the engine's settings, or a snapshot of state.

use tillwatch_records::error::Remedy;

/// Why a catalog or the settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// The text is not TOML, or a value has the wrong type.
    #[error("feature catalog: {message}")]
    Syntax {
        /// What the TOML parser says, with the line.
        message: String,
    },
    /// A key at the top of the catalog that means nothing.
    #[error(
        "feature catalog: unknown key `{key}`{hint}; known keys are name, description and feature"
    )]
    UnknownKey {
        /// As written.
        key: String,
        /// The nearest known key, in words.
        hint: String,
    },
    /// The catalog has more features than the engine takes.
    #[error("feature catalog: {count} features, at most {max} are allowed; split the catalog")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// One feature is at fault.
    #[error("feature `{feature}`: {problem}")]
    Feature {
        /// Its name, or its position (`#3`) when it has none.
        feature: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A setting of the engine is out of range.
    #[error("{setting} is {given}: {problem}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        given: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
}

impl FeatureError {
    /// What a caller may do: always a person must change the catalog or the settings.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }
}

/// Format of snapshots. Changes whenever the meaning of a word does.
pub(crate) const SNAPSHOT_FORMAT: u32 = 5;

/// Why bytes are not taken for state. The state can be made again from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not something that was written here.
    #[error("these bytes are no state snapshot; replay the log instead")]
    Foreign,
    /// Of another format.
    #[error(
        "state snapshot of format {found}, this version reads {SNAPSHOT_FORMAT}; replay the log instead"
    )]
    Format {
        /// Format of the snapshot.
        found: u32,
    },
    /// Made under another key, lateness, dedup horizon or secret of event ids, or of other kinds of record.
    #[error(
        "state snapshot of another entity key, allowed lateness, dedup horizon, secret of event ids, or of a \
         catalog that reads other kinds of record; replay the log instead"
    )]
    Plan,
    /// Cut short, changed, or inconsistent.
    #[error("state snapshot is damaged ({reason}); replay the log instead")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
}

/// The error of a snapshot that is cut short, changed or inconsistent.
pub(crate) fn damaged(reason: &'static str) -> SnapshotError {
    SnapshotError::Damaged { reason }
}
