//! `tillwatch snapshot show`.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;
use tillwatch_feature_extraction::KeyHead;
use tillwatch_records::cut::{Entry, Space};
use tillwatch_state_store::Manifest;

use super::lanes::{Lanes, Place};
use crate::cli::snapshot::ShowArgs;
use crate::commands::rows;
use crate::exit;

/// What a snapshot holds of a key in one place.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    place: Place,
    /// What it is the key of.
    holds: String,
    /// Present for the history of a stage.
    #[serde(flatten)]
    history: Option<History>,
    /// Bytes of its state.
    bytes: usize,
}

/// What is remembered of a key, without a value of any record.
#[derive(Debug, Serialize)]
struct History {
    /// The stage that remembers it.
    stage: String,
    /// Records that are held one by one.
    rows: u32,
    /// Event time of the newest one that was accepted.
    newest: Option<String>,
    /// Marks of scores that may lack records; none where nothing is missing.
    flags: Vec<&'static str>,
    /// Event time from which on no window lacks any of them.
    whole_at: Option<String>,
}

const HEADINGS: [&str; 9] = [
    "topics",
    "partition",
    "offsets",
    "holds",
    "rows",
    "newest event",
    "flags",
    "windows whole at",
    "bytes",
];

/// Stands in a field that there is nothing for.
const NOTHING: &str = "-";

/// Says what the newest snapshot of each lane holds of a key; fails where none holds anything.
pub fn show(args: &ShowArgs) -> Result<ExitCode> {
    let lanes = Lanes::open(&args.lanes)?;
    let stages: Vec<String> = lanes
        .config
        .stages
        .iter()
        .map(|stage| stage.name.clone())
        .collect();
    let mut lines = Vec::new();
    for (_, store) in lanes.each() {
        let (manifests, _) = store.manifests()?;
        let Some(manifest) = manifests.first() else {
            continue;
        };
        // Every key is looked at: an entry is found by the owner's hash, which is the owner's alone.
        store.entries(manifest, &AtomicU64::new(0), |entry| {
            if entry.key == args.key.as_bytes() {
                lines.push(Line::of(manifest, entry, &stages));
            }
            ControlFlow::Continue(())
        })?;
    }
    rows::tell(args.json, &HEADINGS, &lines, Line::fields)?;
    if lines.is_empty() {
        eprintln!(
            "no snapshot holds anything of this key; `tillwatch snapshot list` says which there are"
        );
        return Ok(ExitCode::from(exit::FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn of(manifest: &Manifest, entry: &Entry<'_>, stages: &[String]) -> Self {
        Self {
            place: Place::of(manifest),
            holds: holds(entry.space, stages),
            history: History::of(entry, stages),
            bytes: entry.key.len() + entry.image.map_or(0, <[u8]>::len),
        }
    }

    fn fields(&self) -> Vec<String> {
        let mut fields = self.place.fields();
        fields.push(self.holds.clone());
        fields.extend(match &self.history {
            Some(history) => history.fields(),
            None => [(); 4].map(|()| NOTHING.to_owned()),
        });
        fields.push(self.bytes.to_string());
        fields
    }
}

impl History {
    /// Of what a stage remembers of a key; `None` for other entries, and for those of a release that
    /// remembers otherwise.
    fn of(entry: &Entry<'_>, stages: &[String]) -> Option<Self> {
        let stage = history_of(entry.space)?;
        let head = KeyHead::read(entry.image?)?;
        let time = |ms: Option<i64>| {
            let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            time.map(|time| time.to_string())
        };
        Some(Self {
            stage: name(stages, stage).to_owned(),
            rows: head.rows,
            newest: time(head.newest_ms),
            flags: head.lacks.names().collect(),
            whole_at: time(head.whole_at_ms),
        })
    }

    fn fields(&self) -> [String; 4] {
        let or_nothing = |text: &Option<String>| text.as_deref().unwrap_or(NOTHING).to_owned();
        let flags = match self.flags.is_empty() {
            true => NOTHING.to_owned(),
            false => self.flags.join("|"),
        };
        [
            self.rows.to_string(),
            or_nothing(&self.newest),
            flags,
            or_nothing(&self.whole_at),
        ]
    }
}

/// The stage whose history entries of `space` are.
fn history_of(space: Space) -> Option<u16> {
    space.stage().filter(|stage| space == Space::keys(*stage))
}

/// What entries of `space` are about, in words.
fn holds(space: Space, stages: &[String]) -> String {
    if space == Space::ALERTS {
        return "alerts sent for it".to_owned();
    }
    match (history_of(space), space.stage()) {
        (Some(stage), _) => format!("history of stage {}", name(stages, stage)),
        (None, Some(_)) => "a cohort of this name".to_owned(),
        (None, None) => "part of a model that learns".to_owned(),
    }
}

fn name(stages: &[String], stage: u16) -> &str {
    stages.get(usize::from(stage)).map_or("?", String::as_str)
}
