//! A manifest: the small object that says of which others a cut consists. It is written last.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::error::StoreError;
use crate::lane_id::LaneId;
use crate::run::Run;

/// The format that is written and read.
const FORMAT: u64 = 1;

/// Longest manifest that is read: sixteen times what one with [`RUNS_MAX`] runs takes.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Most runs of one cut. Each has a frame in memory while they are read together.
pub(crate) const RUNS_MAX: usize = 256;

/// Before the checksum of all that follows the line: so the file is JSON, and is checked as bytes.
const BEFORE_CHECKSUM: &str = "{\"checksum\":\"";
const AFTER_CHECKSUM: &str = "\",\n";

/// How far a source was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMark {
    /// The topic.
    pub topic: String,
    /// The first offset that the lane has not taken.
    pub offset: i64,
    /// The topic's id, where the broker has told it. A topic that is made again has another one.
    pub topic_id: Option<String>,
    /// How many partitions the topic had, where it is known.
    pub partitions: Option<i32>,
}

/// What a cut is of, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutHead {
    /// Position: every source of the lane, in the lane's order.
    pub sources: Vec<SourceMark>,
    /// What decides the meaning of the state: letters and digits alone, at most 64.
    pub meaning: String,
    /// The models that scored.
    pub models: String,
    /// Who wrote it, for people.
    pub made_by: String,
    /// When it was written by the writer's clock, for people: milliseconds since 1970.
    pub made_at_ms: i64,
}

/// A cut in the store. It can be made by reading one, or by writing one, alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    lane: LaneId,
    head: CutHead,
    /// From old to new: the newest entry of a key counts.
    runs: Vec<Run>,
    parts: Run,
}

/// The text of a manifest, after the line with the checksum.
#[derive(Serialize, Deserialize)]
struct Text {
    format: u64,
    lane: LaneId,
    cut: CutHead,
    runs: Vec<Run>,
    parts: Run,
}

impl Manifest {
    /// Refuses what could not be read again.
    pub(crate) fn new(
        lane: LaneId,
        head: CutHead,
        runs: Vec<Run>,
        parts: Run,
    ) -> Result<Self, StoreError> {
        let made = Self {
            lane,
            head,
            runs,
            parts,
        };
        match made.problem() {
            None => Ok(made),
            Some(problem) => Err(StoreError::Settings {
                url: made.lane.to_string(),
                problem: format!("a snapshot cannot be named: {problem}"),
            }),
        }
    }

    /// The lane whose state it is.
    pub fn lane(&self) -> &LaneId {
        &self.lane
    }

    /// Position, meaning, maker.
    pub fn head(&self) -> &CutHead {
        &self.head
    }

    /// The runs, from old to new.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The object that holds the parts.
    pub(crate) fn parts(&self) -> &Run {
        &self.parts
    }

    /// Bytes of all that it names, compressed as they lie in the store.
    pub fn bytes(&self) -> u64 {
        self.objects().map(|object| object.bytes).sum()
    }

    /// Bytes of all that it names before they were compressed.
    pub fn plain_bytes(&self) -> u64 {
        self.objects().map(|object| object.plain_bytes).sum()
    }

    /// Entries in all runs: at least as many as there are keys.
    pub fn entries(&self) -> u64 {
        self.runs.iter().map(|run| run.entries).sum()
    }

    /// Its file name, which says the position, the meaning and, hashed, what else decides the state.
    pub fn name(&self) -> String {
        let mut said = self.head.models.clone();
        for source in &self.head.sources {
            said.push_str(&format!("\n{:?} {:?}", source.topic_id, source.partitions));
        }
        Name {
            offsets: self
                .head
                .sources
                .iter()
                .map(|source| source.offset)
                .collect(),
            meaning: self.head.meaning.clone(),
            rest: format!("{:08x}", XxHash3_64::oneshot(said.as_bytes()) >> 32),
        }
        .to_string()
    }

    /// Objects that it names, by their paths in the lane's directory.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().chain(std::iter::once(&self.parts))
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let text = Text {
            format: FORMAT,
            lane: self.lane.clone(),
            cut: self.head.clone(),
            runs: self.runs.clone(),
            parts: self.parts.clone(),
        };
        let text = serde_json::to_string_pretty(&text).map_err(|error| StoreError::Settings {
            url: self.lane.to_string(),
            problem: format!("a manifest cannot be written as JSON: {error}"),
        })?;
        // The checksum becomes the first key of the same object.
        let rest = text.trim_start_matches('{').trim_start();
        let checksum = XxHash3_64::oneshot(rest.as_bytes());
        let whole = format!("{BEFORE_CHECKSUM}{checksum:016x}{AFTER_CHECKSUM}{rest}\n");
        if whole.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a manifest",
                found: whole.len() as u64,
                most: MANIFEST_BYTES_MAX,
                next: "shorten the names of models and topics",
            });
        }
        Ok(whole.into_bytes())
    }

    /// Reads what lies under `name` in `lane`'s directory.
    pub(crate) fn from_bytes(lane: &LaneId, name: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let path = || format!("{lane}/cuts/{name}");
        let damaged = |problem: String| StoreError::Damaged {
            path: path(),
            problem,
        };
        let text = checked_text(bytes).map_err(damaged)?;
        let format = serde_json::from_str::<FormatAlone>(&text)
            .map_err(|error| damaged(format!("it is not a manifest: {error}")))?
            .format;
        if format != FORMAT {
            return Err(StoreError::Format {
                path: path(),
                format,
                known: FORMAT,
            });
        }
        let text: Text = serde_json::from_str(&text)
            .map_err(|error| damaged(format!("it is not a manifest: {error}")))?;
        let read = Self {
            lane: text.lane,
            head: text.cut,
            runs: text.runs,
            parts: text.parts,
        };
        if let Some(problem) = read.problem() {
            return Err(damaged(problem));
        }
        if read.lane != *lane {
            return Err(damaged(format!("it is of the lane {}", read.lane)));
        }
        if read.name() != name {
            return Err(damaged(format!("it says that its name is {}", read.name())));
        }
        Ok(read)
    }

    fn problem(&self) -> Option<String> {
        let object = |run: &Run, kind: &str| {
            let hash = run.object.strip_prefix(kind)?;
            let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (hash.len() == 32 && hash.bytes().all(hex)).then_some(())
        };
        if self.head.sources.is_empty() || self.head.sources.len() != self.lane.topics.len() {
            return Some(format!("it has {} sources", self.head.sources.len()));
        }
        if let Some(source) = self.head.sources.iter().find(|source| source.offset < 0) {
            return Some(format!("topic {} is at {}", source.topic, source.offset));
        }
        let meaning = &self.head.meaning;
        if !(1..=64).contains(&meaning.len())
            || !meaning.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Some(format!("its meaning is {meaning:?}"));
        }
        if self.runs.len() > RUNS_MAX {
            return Some(format!("it has {} runs", self.runs.len()));
        }
        let foreign = self.runs.iter().find(|run| object(run, "runs/").is_none());
        let foreign = foreign.or(object(&self.parts, "parts/")
            .is_none()
            .then_some(&self.parts));
        foreign.map(|run| format!("it names {:?}", run.object))
    }
}

/// The lane that a manifest says it is of, whatever its format.
pub(crate) fn lane_of(bytes: &[u8]) -> Option<LaneId> {
    #[derive(Deserialize)]
    struct LaneAlone {
        lane: LaneId,
    }
    let text = checked_text(bytes).ok()?;
    serde_json::from_str::<LaneAlone>(&text)
        .ok()
        .map(|text| text.lane)
}

#[derive(Deserialize)]
struct FormatAlone {
    format: u64,
}

/// The JSON after the checksum, which is compared first.
fn checked_text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let rest = text.strip_prefix(BEFORE_CHECKSUM);
    let parts = rest.and_then(|rest| rest.split_once(AFTER_CHECKSUM));
    let (checksum, rest) = parts.ok_or("it does not begin with a checksum")?;
    let text = rest.strip_suffix('\n').ok_or("it is cut off")?;
    if checksum != format!("{:016x}", XxHash3_64::oneshot(text.as_bytes())) {
        return Err("its checksum differs".to_owned());
    }
    Ok(format!("{{{text}"))
}

/// What a manifest's file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) offsets: Vec<i64>,
    pub(crate) meaning: String,
    /// A hash of what else decides the state: models, ids of topics, numbers of partitions.
    rest: String,
}

impl Name {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut pieces = name.strip_suffix(".json")?.split('.');
        let offsets: Option<Vec<_>> = pieces
            .next()?
            .split('-')
            .map(|offset| offset.parse().ok())
            .collect();
        let parsed = Self {
            offsets: offsets?,
            meaning: pieces.next()?.to_owned(),
            rest: pieces.next()?.to_owned(),
        };
        (pieces.next().is_none() && parsed.to_string() == name).then_some(parsed)
    }

    /// Newer ones are greater: by the number of records taken.
    pub(crate) fn by_position(&self, other: &Self) -> Ordering {
        let taken = |name: &Self| {
            name.offsets
                .iter()
                .map(|&offset| i128::from(offset))
                .sum::<i128>()
        };
        let key = |name: &Self| (taken(name), name.to_string());
        key(self).cmp(&key(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, offset) in self.offsets.iter().enumerate() {
            // Padded, so that a listing is in order.
            write!(f, "{}{offset:012}", if at == 0 { "" } else { "-" })?;
        }
        write!(f, ".{}.{}.json", self.meaning, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kind: &str, digit: char) -> Run {
        Run {
            object: format!("{kind}/{}", digit.to_string().repeat(32)),
            bytes: 1,
            plain_bytes: 2,
            entries: 3,
            gone: 0,
        }
    }

    fn lane() -> LaneId {
        LaneId {
            group: "g".to_owned(),
            topics: vec!["t".to_owned()],
            partition: 0,
        }
    }

    fn head(offset: i64) -> CutHead {
        CutHead {
            sources: vec![SourceMark {
                topic: "t".to_owned(),
                offset,
                topic_id: Some("id".to_owned()),
                partitions: Some(3),
            }],
            meaning: "00ff".to_owned(),
            models: "rules@1".to_owned(),
            made_by: "test".to_owned(),
            made_at_ms: 1,
        }
    }

    fn manifest(head: CutHead) -> Manifest {
        Manifest::new(lane(), head, vec![run("runs", 'a')], run("parts", 'b')).unwrap()
    }

    #[test]
    fn reads_what_was_written() {
        let written = manifest(head(5));
        let bytes = written.to_bytes().unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).expect("the file is JSON");
        let read = Manifest::from_bytes(&lane(), &written.name(), &bytes).unwrap();
        assert_eq!(read, written);
    }

    #[test]
    fn every_flipped_or_missing_byte_is_refused() {
        let written = manifest(head(5));
        let (name, bytes) = (written.name(), written.to_bytes().unwrap());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(
                Manifest::from_bytes(&lane(), &name, &flipped).is_err(),
                "byte {at} flipped"
            );
            assert!(
                Manifest::from_bytes(&lane(), &name, &bytes[..at]).is_err(),
                "cut off at {at}"
            );
        }
    }

    #[test]
    fn what_decides_the_state_is_in_the_name() {
        let plain = manifest(head(5)).name();
        assert!(plain.starts_with("000000000005.00ff."), "{plain}");
        let mut other_id = head(5);
        other_id.sources[0].topic_id = Some("made again".to_owned());
        let mut other_number = head(5);
        other_number.sources[0].partitions = Some(4);
        let mut other_models = head(5);
        other_models.models = "rules@2".to_owned();
        for other in [other_id, other_number, other_models, head(6)] {
            assert_ne!(manifest(other).name(), plain);
        }
        let mut other_maker = head(5);
        other_maker.made_by = "somebody".to_owned();
        other_maker.made_at_ms = 9;
        assert_eq!(manifest(other_maker).name(), plain);
    }

    #[test]
    fn a_file_under_another_name_or_lane_is_refused() {
        let written = manifest(head(5));
        let bytes = written.to_bytes().unwrap();
        assert!(Manifest::from_bytes(&lane(), &manifest(head(6)).name(), &bytes).is_err());
        let other = LaneId {
            partition: 1,
            ..lane()
        };
        assert!(Manifest::from_bytes(&other, &written.name(), &bytes).is_err());
    }

    #[test]
    fn names_are_ordered_by_position_and_foreign_ones_are_none() {
        let name = |text: &str| Name::parse(text).unwrap();
        let (old, new) = (
            "000000000005-000000000007.m.r.json",
            "1000000000000-000000000001.m.r.json",
        );
        assert_eq!(name(old).by_position(&name(new)), Ordering::Less);
        assert_eq!(name(old).offsets, [5, 7]);
        for foreign in [
            "x.json",
            "5.m.r.json",
            "000000000005.m.r",
            "000000000005.m.r.json.x",
            "README",
        ] {
            assert_eq!(Name::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn heads_that_cannot_be_named_are_refused() {
        let mut nameless = head(5);
        nameless.meaning = "../x".to_owned();
        let mut sourceless = head(5);
        sourceless.sources.clear();
        for wrong in [nameless, sourceless, head(-1)] {
            Manifest::new(lane(), wrong, Vec::new(), run("parts", 'b')).unwrap_err();
        }
    }
}
