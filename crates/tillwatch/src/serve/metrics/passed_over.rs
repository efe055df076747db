//! Why a lane that was assigned did not take a snapshot.

use tillwatch_state_store::{StoreError, Why};

/// A reason to pass over a snapshot, few enough for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// The group has not committed so far: usual after a crash, and used as soon as it has.
    Ahead,
    /// It was made under other settings.
    Meaning,
    /// It was made under another catalog, and something better was there than what the two have in common.
    Catalog,
    /// The topic was made again since.
    Topic,
    /// It is of other topics.
    Sources,
    /// A later release wrote it.
    Format,
    /// Something that it names is not in the store.
    Missing,
    /// It, or something that it names, is not what was written.
    Damaged,
    /// The lane does not take what is in it.
    Refused,
    /// It holds a record that comes behind one that it lacks.
    Reordered,
    /// The store did not answer while it was read.
    Unavailable,
}

impl PassedOver {
    pub const ALL: [Self; 11] = [
        Self::Ahead,
        Self::Meaning,
        Self::Catalog,
        Self::Topic,
        Self::Sources,
        Self::Format,
        Self::Missing,
        Self::Damaged,
        Self::Refused,
        Self::Reordered,
        Self::Unavailable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Meaning => "meaning",
            Self::Catalog => "catalog",
            Self::Topic => "topic",
            Self::Sources => "sources",
            Self::Format => "format",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Refused => "refused",
            Self::Reordered => "reordered",
            Self::Unavailable => "unavailable",
        }
    }

    /// What the store said of a snapshot that it was asked for.
    pub fn of(why: &Why) -> Self {
        match why {
            Why::Unreadable(error) => Self::of_store(error),
            Why::Ahead { .. } => Self::Ahead,
            Why::OtherMeaning { .. } => Self::Meaning,
            Why::OtherTopic { .. } => Self::Topic,
            Why::OtherSources => Self::Sources,
        }
    }

    /// What the store said while a snapshot was read.
    pub fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Format { .. } => Self::Format,
            StoreError::Missing { .. } => Self::Missing,
            StoreError::Damaged { .. } | StoreError::Gone { .. } => Self::Damaged,
            StoreError::Settings { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Denied { .. }
            | StoreError::Full { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Behind { .. } => Self::Unavailable,
        }
    }

    /// Whether files in the store are not what was written there.
    pub fn is_damage(self) -> bool {
        matches!(self, Self::Missing | Self::Damaged | Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_waits_for_a_commit_is_no_damage() {
        let ahead = Why::Ahead {
            topic: "t".to_owned(),
            offset: 7,
            committed: Some(5),
        };
        let missing = Why::Unreadable(StoreError::Missing {
            path: "runs/x".to_owned(),
        });
        let meaning = Why::OtherMeaning {
            found: "aa".to_owned(),
        };
        let told = [ahead, missing, meaning].map(|why| PassedOver::of(&why));
        assert_eq!(
            told.map(PassedOver::as_str),
            ["ahead", "missing", "meaning"]
        );
        assert_eq!(told.map(PassedOver::is_damage), [false, true, false]);
    }

    #[test]
    fn each_reason_has_a_place_of_its_own() {
        for (at, reason) in PassedOver::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
    }
}
