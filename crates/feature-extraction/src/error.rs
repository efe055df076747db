//! What can be wrong with a catalog or the engine's settings.

use tillwatch_records::error::Remedy;

/// Why a catalog or the settings were refused. Folding records cannot fail.
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
