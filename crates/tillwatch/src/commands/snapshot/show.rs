//! `tillwatch snapshot show`.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

use anyhow::Result;
use serde::Serialize;
use tillwatch_records::cut::{Entry, Space};

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
    /// Bytes of its state.
    bytes: usize,
}

const HEADINGS: [&str; 5] = ["topics", "partition", "offsets", "holds", "bytes"];

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
                lines.push(Line {
                    place: Place::of(manifest),
                    holds: holds(entry.space, &stages),
                    bytes: bytes(entry),
                });
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

/// What entries of `space` are about, in words.
fn holds(space: Space, stages: &[String]) -> String {
    if space == Space::ALERTS {
        return "alerts sent for it".to_owned();
    }
    match space.stage() {
        Some(stage) if space == Space::keys(stage) => {
            let name = stages.get(usize::from(stage));
            format!("history of stage {}", name.map_or("?", String::as_str))
        }
        Some(_) => "a cohort of this name".to_owned(),
        None => "part of a model that learns".to_owned(),
    }
}

fn bytes(entry: &Entry<'_>) -> usize {
    entry.key.len() + entry.image.map_or(0, <[u8]>::len)
}

impl Line {
    fn fields(&self) -> Vec<String> {
        let mut fields = self.place.fields();
        fields.extend([self.holds.clone(), self.bytes.to_string()]);
        fields
    }
}
