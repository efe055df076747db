//! Where state is kept: whether it can be, and what a start would restore.

use std::path::Path;

use tillwatch_engine::{Assembly, Lane, is_other_catalog};
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
        findings.extend(restored(&kept, &store, &assembly.lane(0)));
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
fn restored(kept: &[Manifest], store: &StateStore, lane: &Lane) -> Vec<Finding> {
    let meaning = lane.meaning();
    let is_ours = |cut: &&Manifest| cut.head().meaning == meaning;
    let is_edited = |cut: &&Manifest| is_other_catalog(&meaning, &cut.head().meaning);
    let edited: Vec<&Manifest> = kept.iter().filter(is_edited).collect();
    let mut findings = Vec::new();
    if let Some(partitions) = partitions(kept.iter().filter(is_ours)) {
        findings.push(Finding::Fine(format!(
            "snapshots that a start restores: of partitions {partitions}"
        )));
    }
    if let Some(partitions) = partitions(edited.iter().copied()) {
        findings.push(Finding::Notice(format!(
            "snapshots of partitions {partitions} were made under another catalog: a start keeps what did not \
             change. What is new it reads from the log, where that says all; else it flags scores WARMING \
             until it is whole"
        )));
        let first = edited.first();
        findings.extend(first.into_iter().flat_map(|cut| kept_of(cut, store, lane)));
    }
    let others = kept.iter().filter(|cut| !(is_ours(cut) || is_edited(cut)));
    if let Some(partitions) = partitions(others) {
        findings.push(Finding::Notice(format!(
            "snapshots of partitions {partitions} were made under another key, [time] setting or [ids] secret, \
             other stages, or a catalog that reads other kinds of record: a start reads the log again in their \
             place, as far back as [state] replay_max, and flags what windows may lack as WARMING"
        )));
    }
    if kept.is_empty() {
        findings.push(Finding::Fine("no snapshots yet".to_owned()));
    }
    findings
}

/// What a start keeps of a snapshot of another catalog, stage by stage.
fn kept_of(cut: &Manifest, store: &StateStore, lane: &Lane) -> Vec<Finding> {
    let parts = store.lane(cut.lane()).parts(cut);
    let edited = parts.map_err(|error| error.to_string()).and_then(|parts| {
        let edited = lane.edited(&parts);
        edited.map_err(|error| error.to_string())
    });
    match edited {
        Ok(stages) => stages
            .iter()
            .map(|stage| Finding::Notice(format!("edited catalog: {stage}")))
            .collect(),
        Err(error) => vec![Finding::Notice(format!("snapshot {}: {error}", cut.name()))],
    }
}

/// The partitions of cuts; nothing where there are none.
fn partitions<'a>(cuts: impl Iterator<Item = &'a Manifest>) -> Option<String> {
    let numbers: Vec<String> = cuts.map(|cut| cut.lane().partition.to_string()).collect();
    (!numbers.is_empty()).then(|| numbers.join(", "))
}
