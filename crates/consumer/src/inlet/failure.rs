//! Why a lane cannot go on.

use tillwatch_records::TopicPartition;

use crate::error::ConsumerError;
use crate::ledger::Ledger;

/// Why a lane cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// An output was given up.
    Delivery,
    /// Outputs of a source were taken back with the offsets that belong to them.
    Abandoned { source: usize },
    /// A batch of a source was settled that was not under way.
    Ledger { source: usize },
    /// Offsets of a source went back.
    Fell {
        source: usize,
        expected: i64,
        found: i64,
    },
    /// The topic of a source was deleted and made anew.
    Remade {
        source: usize,
        before: String,
        after: String,
    },
}

impl Failure {
    /// The error that says so, for a lane whose sources `name` names.
    pub(super) fn error<'a>(
        self,
        ledger: &Ledger,
        name: impl Fn(usize) -> &'a TopicPartition,
    ) -> ConsumerError {
        match self {
            Self::Delivery => {
                let (source, offset) = ledger
                    .failed_at()
                    .unwrap_or_else(|| (0, ledger.first_unsafe(0)));
                ConsumerError::Delivery {
                    source_partition: name(source).clone(),
                    offset,
                }
            }
            Self::Abandoned { source } => ConsumerError::Abandoned {
                source_partition: name(source).clone(),
                offset: ledger.first_unsafe(source),
            },
            Self::Ledger { source } => ConsumerError::Ledger {
                source_partition: name(source).clone(),
                offset: ledger.first_unsafe(source),
            },
            Self::Fell {
                source,
                expected,
                found,
            } => ConsumerError::OffsetsFell {
                source_partition: name(source).clone(),
                expected,
                found,
            },
            Self::Remade {
                source,
                before,
                after,
            } => ConsumerError::TopicRemade {
                topic: name(source).topic.to_string(),
                before,
                after,
            },
        }
    }
}
