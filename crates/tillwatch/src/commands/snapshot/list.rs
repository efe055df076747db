//! `tillwatch snapshot list`.

use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;
use tillwatch_state_store::{LaneId, Manifest, Refused};

use super::lanes::{Lanes, Place};
use crate::cli::snapshot::ListArgs;
use crate::commands::rows;

/// A snapshot, or what lies in the place of one.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    made: Option<Made>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Made {
    /// When, by the writer's clock.
    made: String,
    /// By which program.
    made_by: String,
    /// The models that scored.
    models: String,
    /// What decides the meaning of its state.
    meaning: String,
    /// Entries of keys, those that newer ones replace included.
    entries: u64,
    /// Compressed bytes of everything that it names.
    bytes: u64,
    /// Sorted files that it is made of.
    runs: usize,
}

const HEADINGS: [&str; 8] = [
    "topics",
    "partition",
    "offsets",
    "made",
    "models",
    "entries",
    "bytes",
    "runs",
];

/// Lists the snapshots of each lane, newest first.
pub fn list(args: &ListArgs) -> Result<ExitCode> {
    let lanes = Lanes::open(&args.lanes)?;
    let mut lines = Vec::new();
    for (id, store) in lanes.each() {
        let (manifests, refused) = store.manifests()?;
        lines.extend(manifests.iter().map(Line::of));
        lines.extend(refused.iter().map(|refused| Line::refused(id, refused)));
    }
    rows::tell(args.json, &HEADINGS, &lines, Line::fields)?;
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn of(manifest: &Manifest) -> Self {
        let head = manifest.head();
        let made = Timestamp::from_millisecond(head.made_at_ms).unwrap_or_default();
        Self {
            place: Place::of(manifest),
            made: Some(Made {
                made: made.to_string(),
                made_by: head.made_by.clone(),
                models: head.models.clone(),
                meaning: head.meaning.clone(),
                entries: manifest.entries(),
                bytes: manifest.bytes(),
                runs: manifest.runs().len(),
            }),
            error: None,
        }
    }

    fn refused(id: &LaneId, refused: &Refused) -> Self {
        Self {
            place: Place::refused(id, refused),
            made: None,
            error: Some(refused.why.to_string()),
        }
    }

    fn fields(&self) -> Vec<String> {
        let Some(made) = &self.made else {
            let error = self.error.clone().unwrap_or_default();
            return vec![self.place.snapshot.clone(), format!("error: {error}")];
        };
        let mut fields = self.place.fields();
        fields.extend([
            made.made.clone(),
            made.models.clone(),
            made.entries.to_string(),
            made.bytes.to_string(),
            made.runs.to_string(),
        ]);
        fields
    }
}
