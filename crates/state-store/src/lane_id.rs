//! Which lane, and where its state lies.

use std::fmt;

use crate::run::content_name;

/// Longest name of a directory that is written as it is. File systems allow 255 bytes.
const NAME_BYTES_MAX: usize = 200;

/// How much of a longer name is kept before its hash.
const NAME_BYTES_KEPT: usize = 160;

/// Stands before two hexadecimal digits of a byte that is not written as it is. Not `%`, which stores
/// escape once more.
const ESCAPE: char = '=';

/// Stands before the hash of a name that was too long. It is no escape.
const SHORTENED: &str = "=-";

/// A lane as its state is filed: a consumer group's share of a partition, or of the partitions of one
/// number where several topics are merged.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct LaneId {
    /// The consumer group.
    pub group: String,
    /// Topics in the order of the configuration, which decides how they are merged. Not empty.
    pub topics: Vec<String>,
    /// The partition's number.
    pub partition: i32,
}

impl LaneId {
    /// Directories from the store's root to the lane: group, topics, partition.
    pub(crate) fn directories(&self) -> [String; 3] {
        let topics: Vec<_> = self.topics.iter().map(|topic| escaped(topic)).collect();
        [
            shortened(escaped(&self.group)),
            shortened(topics.join("+")),
            self.partition.to_string(),
        ]
    }

    /// The lane whose directories these are; `None` if they are none's, or were shortened.
    pub(crate) fn of_directories(group: &str, topics: &str, partition: &str) -> Option<Self> {
        let names: Option<Vec<_>> = topics.split('+').map(unescaped).collect();
        let id = Self {
            group: unescaped(group)?,
            topics: names?,
            partition: partition.parse().ok()?,
        };
        Some(id).filter(|id| id.directories() == [group, topics, partition])
    }
}

/// As people read it: `group/topic+topic/partition`.
impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self.topics.join("+");
        write!(f, "{}/{topics}/{}", self.group, self.partition)
    }
}

fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut written = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        // A leading dot would hide the directory, and `.` and `..` are none.
        if plain(byte) && !(at == 0 && byte == b'.') {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("{ESCAPE}{byte:02x}"));
        }
    }
    if written.is_empty() {
        written.push(ESCAPE);
    }
    written
}

fn unescaped(written: &str) -> Option<String> {
    if written == "=" {
        return Some(String::new());
    }
    let mut pieces = written.split(ESCAPE);
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn shortened(name: String) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let hash = content_name(name.as_bytes());
    format!("{}{SHORTENED}{hash}", &name[..NAME_BYTES_KEPT])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(group: &str, topics: &[&str]) -> LaneId {
        LaneId {
            group: group.to_owned(),
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            partition: 7,
        }
    }

    fn read_back(id: &LaneId) -> Option<LaneId> {
        let [group, topics, partition] = id.directories();
        LaneId::of_directories(&group, &topics, &partition)
    }

    #[test]
    fn names_of_any_kind_are_read_back() {
        for group in [
            "tillwatch",
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a=b+c",
            "kasse ä%",
            "=41",
        ] {
            for topics in [
                &["t"] as &[_],
                &["card-present", "labels_1.x"],
                &["a+b", "="],
            ] {
                let id = id(group, topics);
                assert_eq!(read_back(&id).as_ref(), Some(&id), "{id}");
            }
        }
        assert_eq!(
            id("fraud", &["auth", "labels"]).directories(),
            ["fraud", "auth+labels", "7"]
        );
    }

    #[test]
    fn long_names_stay_apart_and_fit_a_file_system() {
        let long = "t".repeat(249);
        let (one, other) = (id("g", &[&long, "a"]), id("g", &[&long, "b"]));
        assert!(
            one.directories()
                .iter()
                .all(|name| name.len() <= NAME_BYTES_MAX)
        );
        assert_ne!(one.directories(), other.directories());
        assert_eq!(read_back(&one), None, "a shortened name does not say all");
    }

    #[test]
    fn foreign_directories_are_no_lane() {
        for [group, topics, partition] in [
            ["a b", "t", "1"],
            ["g", "t", "x"],
            ["g", "=zz", "1"],
            ["g", "t", "01"],
        ] {
            assert_eq!(LaneId::of_directories(group, topics, partition), None);
        }
    }
}
