//! `tillwatch snapshot verify`.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tillwatch_state_store::Verified;

use super::lanes::{Lanes, Place};
use crate::cli::snapshot::VerifyArgs;
use crate::commands::rows;
use crate::exit;

/// A snapshot that was read.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    place: Place,
    /// Keys that have a state.
    keys: Option<u64>,
    /// Compressed bytes that were read.
    bytes: Option<u64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

const HEADINGS: [&str; 6] = [
    "topics",
    "partition",
    "offsets",
    "keys",
    "bytes",
    "verified",
];

/// Reads the newest snapshot of each lane, or all of them; fails where one is damaged.
pub fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let lanes = Lanes::open(&args.lanes)?;
    let mut lines = Vec::new();
    for (id, store) in lanes.each() {
        let (manifests, refused) = store.manifests()?;
        let most = if args.all { manifests.len() } else { 1 };
        for manifest in manifests.iter().take(most) {
            lines.push(Line::of(
                Place::of(manifest),
                store.verify(manifest).map_err(|e| e.to_string()),
            ));
        }
        for refused in refused {
            let place = Place::refused(id, &refused);
            lines.push(Line::of(place, Err(refused.why.to_string())));
        }
    }
    rows::tell(args.json, &HEADINGS, &lines, Line::fields)?;
    Ok(match lines.iter().any(|line| line.error.is_some()) {
        true => ExitCode::from(exit::FAILED),
        false => ExitCode::SUCCESS,
    })
}

impl Line {
    fn of(place: Place, verified: Result<Verified, String>) -> Self {
        let found = verified.as_ref().ok();
        Self {
            keys: found.map(|found| found.live),
            bytes: found.map(|found| found.bytes),
            error: verified.err(),
            place,
        }
    }

    fn fields(&self) -> Vec<String> {
        if let Some(error) = &self.error {
            return vec![self.place.snapshot.clone(), format!("error: {error}")];
        }
        let number = |number: Option<u64>| number.unwrap_or(0).to_string();
        let mut fields = self.place.fields();
        fields.extend([number(self.keys), number(self.bytes), "ok".to_owned()]);
        fields
    }
}
