//! What can go wrong between a lane's state and its store.

use tillwatch_records::error::Remedy;

/// Why state was not written, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The URL or an option cannot be used.
    #[error("state store `{url}`: {problem}")]
    Settings {
        /// The URL as it was given, without a query.
        url: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The store did not do what it was asked for.
    #[error(
        "cannot {action} `{path}` in the state store ({detail}); check that the store is up and can be \
         reached"
    )]
    Unavailable {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object.
        path: String,
        /// The store's words, without secrets.
        detail: String,
    },
    /// The store knows us and does not allow it, or does not know us.
    #[error(
        "may not {action} `{path}` in the state store ({detail}); give the credentials the right to read, \
         write, list and delete there"
    )]
    Denied {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object.
        path: String,
        /// The store's words, without secrets.
        detail: String,
    },
    /// The disk, or a quota on it, is used up.
    #[error(
        "no room for `{path}` in the state store ({detail}); free some, or make the volume larger"
    )]
    Full {
        /// The object.
        path: String,
        /// The system's words.
        detail: String,
    },
    /// An object that is named is not there.
    #[error("`{path}` is not in the state store; an older snapshot may do")]
    Missing {
        /// The object.
        path: String,
    },
    /// An object is not what was written.
    #[error("`{path}` in the state store is damaged ({problem}); an older snapshot may do")]
    Damaged {
        /// The object.
        path: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// An object was written by a later release.
    #[error(
        "`{path}` in the state store has format {format}, and this release reads {known}; use the release that \
         wrote it, or an older snapshot"
    )]
    Format {
        /// The object.
        path: String,
        /// Its format.
        format: u64,
        /// The format that is read.
        known: u64,
    },
    /// What was to be written is larger than what would be read.
    #[error("cannot write a snapshot: {what} is {found}, at most {most} can be read; {next}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// How large it may be.
        most: u64,
        /// What to do next.
        next: &'static str,
    },
    /// The store has taken nothing for so long that no more is kept in memory.
    #[error(
        "{held} bytes of a snapshot wait for the state store, at most {most} are kept; the lane is written whole \
         when the store takes data again"
    )]
    Behind {
        /// Bytes that wait.
        held: u64,
        /// How many may wait.
        most: u64,
    },
    /// What a writer has written, and counts on, is no longer there as it was written.
    #[error(
        "`{path}`, which the next snapshot needs, is lost from the state store ({problem}); the lane is \
         written whole"
    )]
    Gone {
        /// The object.
        path: String,
        /// How that shows.
        problem: String,
    },
}

impl StoreError {
    /// The same error when it is about what a writer counts on: such damage is not passed over by taking
    /// an older snapshot, but mended by writing the lane whole.
    pub(crate) fn of_own(self) -> Self {
        match self {
            Self::Missing { path } => Self::Gone {
                path,
                problem: "it was deleted".to_owned(),
            },
            Self::Damaged { path, problem } => Self::Gone { path, problem },
            other => other,
        }
    }

    /// What a caller may do about it. `Skip` is about one snapshot: another one may do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Settings { .. } | Self::TooLarge { .. } => Remedy::Fatal,
            Self::Unavailable { .. }
            | Self::Denied { .. }
            | Self::Full { .. }
            | Self::Behind { .. }
            | Self::Gone { .. } => Remedy::Retry,
            Self::Missing { .. } | Self::Damaged { .. } | Self::Format { .. } => Remedy::Skip,
        }
    }

    /// Whether the writer is of no use any more: only a new one, whose first cut holds the whole lane,
    /// can go on.
    pub fn ends_writer(&self) -> bool {
        matches!(self, Self::Behind { .. } | Self::Gone { .. })
    }

    /// A short name of the cause, for a metric's label.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "settings",
            Self::Unavailable { .. } => "unavailable",
            Self::Denied { .. } => "denied",
            Self::Full { .. } => "full",
            Self::Missing { .. } => "missing",
            Self::Damaged { .. } => "damaged",
            Self::Format { .. } => "format",
            Self::TooLarge { .. } => "too_large",
            Self::Behind { .. } => "behind",
            Self::Gone { .. } => "gone",
        }
    }
}
