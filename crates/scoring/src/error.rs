//! Why a model is refused.

use tillwatch_predicate::PredicateError;
use tillwatch_records::error::Remedy;

/// Why a model or the scoring settings are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoringError {
    /// A file that the model needs is not there.
    #[error("model `{model}` names the file `{file}`, which is not beside model.toml{hint}")]
    MissingFile {
        /// The model's name.
        model: String,
        /// The file.
        file: String,
        /// The nearest name that is there, in words.
        hint: String,
    },
    /// A file that cannot be read.
    #[error("{file}: {message}")]
    File {
        /// The file.
        file: String,
        /// What is wrong and where.
        message: String,
    },
    /// A kind that no factory makes.
    #[error("model.toml: unknown kind `{kind}`{hint}; known are {known}")]
    UnknownKind {
        /// As written.
        kind: String,
        /// The nearest known one, in words.
        hint: String,
        /// All of them.
        known: String,
    },
    /// An input that is neither a feature nor an event column.
    #[error("model `{model}` reads `{input}`, which the catalog does not have{hint}")]
    UnknownInput {
        /// The model's name.
        model: String,
        /// The input.
        input: String,
        /// The nearest known one, in words.
        hint: String,
    },
    /// An input of the wrong type.
    #[error("model `{model}` reads `{input}` as a number, but it is text")]
    InputType {
        /// The model's name.
        model: String,
        /// The input.
        input: String,
    },
    /// The model was made for another catalog.
    #[error(
        "model `{model}` was made for catalog {wanted}, this is {found}; train it again on this \
         catalog or run with that one"
    )]
    Catalog {
        /// The model's name.
        model: String,
        /// As model.toml says.
        wanted: String,
        /// As it is.
        found: String,
    },
    /// A rule whose condition is not a predicate.
    #[error("{file}: rule `{rule}`: {source}")]
    Rule {
        /// The file.
        file: String,
        /// The rule's reason code.
        rule: String,
        /// What is wrong.
        source: Box<PredicateError>,
    },
    /// A golden row that the model does not reproduce.
    #[error(
        "{file}: row {row}: expected {what} {expected:?}, got {got:?}; the model is not the one \
         that made these vectors"
    )]
    Golden {
        /// The file.
        file: String,
        /// Row, counting from 1.
        row: usize,
        /// Which output.
        what: &'static str,
        /// As the file says.
        expected: f64,
        /// As the model says.
        got: f64,
    },
    /// A member of an ensemble is refused.
    #[error("member `{member}`: {source}")]
    Member {
        /// Its path, as the ensemble names it.
        member: String,
        /// Why.
        source: Box<ScoringError>,
    },
    /// State of a learner that is not one of this model.
    #[error("state of model `{model}`: {message}; restore an older snapshot, or none")]
    State {
        /// The model's name.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// State of alerts that is damaged, or of another version.
    #[error("state of alerts: {0}; restore an older snapshot, or none")]
    AlertState(String),
    /// Settings that contradict each other.
    #[error("scoring settings: {0}")]
    Settings(String),
}

impl ScoringError {
    /// What a caller may do: every one of these needs a person to change a file.
    pub fn remedy(&self) -> Remedy {
        Remedy::Fatal
    }

    pub(crate) fn file(file: &str, message: impl Into<String>) -> Self {
        Self::File {
            file: file.to_owned(),
            message: message.into(),
        }
    }
}
