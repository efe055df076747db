//! Why a model is refused.

/// Why a model is refused. Messages say what is wrong and where in the model; the caller knows which
/// file it came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The bytes are not what they should be.
    #[error("{0}")]
    Format(String),
    /// The model is well-formed and uses something that would have to be approximated.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// The thing, by the name that the format gives it.
        what: String,
        /// What is supported in its place.
        instead: String,
    },
    /// The model is larger than what is read.
    #[error("{what}: {found}, at most {max} are read")]
    TooLarge {
        /// What there is too much of, and where.
        what: String,
        /// How much there is.
        found: usize,
        /// How much may be.
        max: usize,
    },
    /// Nodes that do not make a tree.
    #[error("tree {tree}: {fault}")]
    Structure {
        /// Position of the tree, from 0.
        tree: usize,
        /// What is wrong with it.
        fault: String,
    },
}

impl TreeError {
    /// The same, found in `place` of the model.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Format(fault) => Self::Format(format!("{place}: {fault}")),
            Self::Unsupported { what, instead } => Self::Unsupported {
                what: format!("{place}: {what}"),
                instead,
            },
            Self::TooLarge { what, found, max } => Self::TooLarge {
                what: format!("{place}: {what}"),
                found,
                max,
            },
            structure @ Self::Structure { .. } => structure,
        }
    }
}
