//! Where state is kept: whether it can be, and what a start would restore.

use std::path::Path;

use tillwatch_engine::Assembly;
use tillwatch_state_store::{Manifest, StateStore};

use super::report::{Finding, Report};
use crate::config::{Config, StorePlace, StoreSettings};
use crate::store;

/// Below this a directory is about to be full, whatever is kept there.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// Says where state is kept, without a look at the place.
pub fn report(config: &Config, report: &Report) {
    match &config.store {
        Some(settings) => report.fine(&format!("state is kept in {}", settings.place)),
        None => report.notice(
            "state is not kept ([state] store = \"off\"): a restart forgets what was seen, and flags scores \
             WARMING",
        ),
    }
}

/// Tries the store, and says what a start would restore of it.
pub fn check(config: &Config, assembly: Option<&Assembly>, report: &mut Report) {
    let Some(settings) = &config.store else {
        return;
    };
    let was_there = match &settings.place {
        StorePlace::Directory(directory) => directory.exists(),
        StorePlace::Url(_) => true,
    };
    match try_out(config, settings, assembly) {
        Ok(findings) => findings.iter().for_each(|finding| report.say(finding)),
        Err(error) => report.wrong(&format!("[state] store: {error}")),
    }
    if let StorePlace::Directory(directory) = &settings.place
        && !was_there
    {
        // Nothing is in it but what the trial has left: directories without files.
        let _ = std::fs::remove_dir(directory.join("check"));
        let _ = std::fs::remove_dir(directory);
    }
}

fn try_out(
    config: &Config,
    settings: &StoreSettings,
    assembly: Option<&Assembly>,
) -> Result<Vec<Finding>, tillwatch_state_store::StoreError> {
    let store = store::open(settings)?;
    store.check()?;
    let mut findings = Vec::new();
    let kept = newest(config, &store)?;
    let bytes: u64 = kept.iter().map(Manifest::bytes).sum();
    if let StorePlace::Directory(directory) = &settings.place {
        findings.extend(room(directory, bytes));
    }
    if let Some(assembly) = assembly {
        findings.extend(restored(&kept, &assembly.lane(0).meaning()));
    }
    Ok(findings)
}

/// The newest snapshot of each lane of the configuration's group and topics.
fn newest(
    config: &Config,
    store: &StateStore,
) -> Result<Vec<Manifest>, tillwatch_state_store::StoreError> {
    let Some(consumer) = &config.consumer else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for id in store.lanes()? {
        if id.group == consumer.group && id.topics == consumer.topics {
            let (manifests, _) = store.lane(&id).manifests()?;
            found.extend(manifests.into_iter().next());
        }
    }
    Ok(found)
}

/// How much the file system of `directory` takes yet, beside `bytes` of snapshots.
fn room(directory: &Path, bytes: u64) -> Option<Finding> {
    let stat = rustix::fs::statvfs(directory).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let words = format!(
        "{} MiB are free where state is kept, and {} MiB of snapshots are there",
        free >> 20,
        bytes >> 20
    );
    // Merging writes what is there once more before it deletes anything.
    let is_tight = free < FREE_BYTES_MIN.max(bytes.saturating_mul(2));
    Some(match is_tight {
        true => Finding::Notice(format!(
            "{words}: make room, or name another place in [state] store"
        )),
        false => Finding::Fine(words),
    })
}

/// What a start would make of the newest snapshots.
fn restored(kept: &[Manifest], meaning: &str) -> Vec<Finding> {
    let partitions = |is_ours: bool| -> Vec<String> {
        let of_kind = kept
            .iter()
            .filter(|cut| (cut.head().meaning == meaning) == is_ours);
        of_kind
            .map(|cut| cut.lane().partition.to_string())
            .collect()
    };
    let (ours, others) = (partitions(true), partitions(false));
    let mut findings = Vec::new();
    if !ours.is_empty() {
        findings.push(Finding::Fine(format!(
            "snapshots that a start restores: of partitions {}",
            ours.join(", ")
        )));
    }
    if !others.is_empty() {
        findings.push(Finding::Notice(format!(
            "snapshots of partitions {} were made under another catalog, key, [time] setting or [ids] secret: \
             a start reads the log again in their place, as far back as [state] replay_max, and flags what \
             windows may lack as WARMING",
            others.join(", ")
        )));
    }
    if kept.is_empty() {
        findings.push(Finding::Fine("no snapshots yet".to_owned()));
    }
    findings
}
