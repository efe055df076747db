//! When a cut may be used.

use std::fmt;

use crate::error::StoreError;
use crate::manifest::{Manifest, SourceMark};

/// A cut that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The manifest's file name.
    pub name: String,
    /// Why it was.
    pub why: Why,
}

/// Why a cut may not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It, or what it names, cannot be read.
    Unreadable(StoreError),
    /// The group has not committed so far: it may be used later.
    Ahead {
        /// The topic.
        topic: String,
        /// The cut's offset.
        offset: i64,
        /// The committed one; `None` if nothing is.
        committed: Option<i64>,
    },
    /// It was made under settings that give its words another meaning.
    OtherMeaning {
        /// Its meaning.
        found: String,
    },
    /// The topic was made again since.
    OtherTopic {
        /// The topic.
        topic: String,
    },
    /// It is of other sources.
    OtherSources,
}

/// Why `manifest` may not be used by a lane of this meaning whose group has committed these offsets.
pub(crate) fn unusable(
    manifest: &Manifest,
    meaning: &str,
    committed: &[SourceMark],
) -> Option<Why> {
    let head = manifest.head();
    if head.meaning != meaning {
        return Some(Why::OtherMeaning {
            found: head.meaning.clone(),
        });
    }
    let topics = head.sources.iter().map(|source| &source.topic);
    if !topics.eq(&manifest.lane().topics) {
        return Some(Why::OtherSources);
    }
    head.sources.iter().find_map(|source| {
        let reached = committed.iter().find(|mark| mark.topic == source.topic);
        if reached.is_some_and(|mark| other_topic(mark, source)) {
            return Some(Why::OtherTopic {
                topic: source.topic.clone(),
            });
        }
        let committed = reached.map(|mark| mark.offset);
        (committed.unwrap_or(0) < source.offset).then(|| Why::Ahead {
            topic: source.topic.clone(),
            offset: source.offset,
            committed,
        })
    })
}

impl Manifest {
    /// Whether a lane of this `meaning` whose group has committed these offsets may be restored from the cut,
    /// as far as its manifest says: what [`LaneStore::newest_usable`](crate::LaneStore::newest_usable)
    /// takes, clean-up has to count. A source that is not in `committed` has committed nothing.
    pub fn may_be_used(&self, meaning: &str, committed: &[SourceMark]) -> bool {
        unusable(self, meaning, committed).is_none()
    }
}

/// Whether two marks are of different topics that have had one name.
pub(crate) fn other_topic(one: &SourceMark, other: &SourceMark) -> bool {
    let ids = (&one.topic_id, &other.topic_id);
    matches!(ids, (Some(one), Some(other)) if one != other)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {}: {}", self.name, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Ahead {
                topic,
                offset,
                committed: Some(committed),
            } => write!(
                f,
                "it is at offset {offset} of `{topic}`, and the group has committed {committed}"
            ),
            Self::Ahead { topic, offset, .. } => write!(
                f,
                "it is at offset {offset} of `{topic}`, and the group has committed nothing there"
            ),
            Self::OtherMeaning { found } => write!(
                f,
                "it was made under other settings (its meaning is {found})"
            ),
            Self::OtherTopic { topic } => {
                write!(f, "topic `{topic}` was deleted and made again since")
            }
            Self::OtherSources => f.write_str("it is of other topics"),
        }
    }
}
