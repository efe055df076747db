//! Clean-up: what no cut needs is deleted.

use std::collections::HashSet;
use std::time::Duration;

use crate::error::StoreError;
use crate::files::{Inventory, LaneFiles};
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest, Name};
use crate::run::Run;
use crate::usable::other_topic;

/// A cut is kept until so many newer ones may be used.
const NEWER_KEPT: usize = 3;

/// The newest cut of other settings is kept so long after it was written, so that an edit can be taken
/// back without losing state.
const OTHER_MEANING_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Most other meanings of which a cut is kept: edits of a day beyond these keep none.
const OTHER_MEANINGS_MAX: usize = 3;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Manifests.
    pub manifests: u64,
    /// Runs, parts and what writers that died have left half written.
    pub objects: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// A manifest in the store.
struct Filed {
    name: Name,
    bytes: u64,
    modified_ms: i64,
    /// What it names, whatever its format.
    named: HashSet<String>,
    /// `None` if it is damaged, or of another format.
    read: Option<Manifest>,
    /// Whether it cannot become readable by another release either.
    damaged: bool,
    usable: bool,
}

/// Deletes what no cut of `lane` needs, and is older than `grace`; `own` are runs that a writer counts on.
/// Stops when `go_on` says no.
pub(crate) fn collect(
    lane: &LaneFiles,
    grace: Duration,
    own: &[Run],
    is_usable: impl Fn(&Manifest) -> bool,
    go_on: impl Fn() -> bool,
) -> Result<Collected, StoreError> {
    // Objects first, manifests after: what is named by a manifest that is written in between is kept.
    let objects = lane.inventory()?;
    let newest = objects
        .objects
        .values()
        .map(|listed| listed.modified_ms)
        .max();
    // The store's clock, or a little before it: no other clock is compared with the store's times.
    let Some(now_ms) = newest else {
        return Ok(Collected::default());
    };
    let Some(filed) = filed(lane, &lane.inventory()?, is_usable, &go_on)? else {
        return Ok(Collected::default());
    };
    let old =
        |modified_ms: i64, age: Duration| now_ms.saturating_sub(modified_ms) > milliseconds(age);
    let kept = kept(
        &filed,
        |manifest, age| old(manifest.modified_ms, age),
        grace,
    );

    let mut done = Collected::default();
    let mut named: HashSet<&str> = own.iter().map(|run| run.object.as_str()).collect();
    for (manifest, keep) in filed.iter().zip(&kept) {
        if *keep {
            named.extend(manifest.named.iter().map(String::as_str));
            continue;
        }
        if !go_on() {
            return Ok(done);
        }
        let path = format!("cuts/{}", manifest.name);
        if delete(lane, &path, manifest.modified_ms)? {
            done.manifests += 1;
            done.bytes += manifest.bytes;
        }
    }
    for (path, listed) in &objects.objects {
        let ours = path.starts_with("runs/") || path.starts_with("parts/");
        if !ours || named.contains(path.as_str()) || !old(listed.modified_ms, grace) {
            continue;
        }
        if !go_on() {
            return Ok(done);
        }
        if delete(lane, path, listed.modified_ms)? {
            done.objects += 1;
            done.bytes += listed.bytes;
        }
    }
    let staged = lane
        .io()
        .delete_staged(lane.directory(), now_ms - milliseconds(grace))?;
    done.objects += staged.objects;
    done.bytes += staged.bytes;
    Ok(done)
}

/// Deletes an object that was last written at `listed_ms` when it was listed. A writer that goes on may have
/// written it again since, and needs it. Whether it was deleted.
fn delete(lane: &LaneFiles, path: &str, listed_ms: i64) -> Result<bool, StoreError> {
    let path = lane.below(path);
    // Listings and headers of one store may differ in parts of a second.
    let second = |time_ms: i64| time_ms.div_euclid(1_000);
    let found = lane.io().look_up(&path)?;
    let is_as_listed = found.is_some_and(|found| second(found.modified_ms) <= second(listed_ms));
    if is_as_listed {
        lane.io().delete(&path)?;
    }
    Ok(is_as_listed)
}

/// Reads all manifests, newest first; `None` if `go_on` said no.
fn filed(
    lane: &LaneFiles,
    inventory: &Inventory,
    is_usable: impl Fn(&Manifest) -> bool,
    go_on: impl Fn() -> bool,
) -> Result<Option<Vec<Filed>>, StoreError> {
    let mut filed = Vec::with_capacity(inventory.names.len());
    for name in &inventory.names {
        let path = format!("cuts/{name}");
        let Some(listed) = inventory.objects.get(&path) else {
            continue;
        };
        if !go_on() {
            return Ok(None);
        }
        let bytes = match lane.io().get(&lane.below(&path), MANIFEST_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::Missing { .. }) => continue,
            Err(StoreError::Damaged { .. }) => Default::default(),
            Err(error) => return Err(error),
        };
        let read = Manifest::from_bytes(lane.id(), &name.to_string(), &bytes);
        filed.push(Filed {
            name: name.clone(),
            bytes: listed.bytes,
            modified_ms: listed.modified_ms,
            named: named(&bytes),
            damaged: matches!(read, Err(StoreError::Damaged { .. })),
            usable: read
                .as_ref()
                .is_ok_and(|manifest| inventory.whole(manifest).is_ok() && is_usable(manifest)),
            read: read.ok(),
        });
    }
    Ok(Some(filed))
}

/// Which manifests stay.
fn kept(filed: &[Filed], old: impl Fn(&Filed, Duration) -> bool, grace: Duration) -> Vec<bool> {
    let mut kept: Vec<bool> = filed
        .iter()
        .map(|manifest| {
            let newer = filed
                .iter()
                .filter(|other| other.usable && newer(other, manifest));
            let enough = newer.take(NEWER_KEPT).count() == NEWER_KEPT;
            !(enough || manifest.damaged && old(manifest, grace))
        })
        .collect();
    let mut meanings: HashSet<&str> = filed
        .iter()
        .filter(|manifest| manifest.usable)
        .map(|manifest| manifest.name.meaning.as_str())
        .collect();
    let most = meanings.len() + OTHER_MEANINGS_MAX;
    for (manifest, keep) in filed.iter().zip(&mut kept) {
        let young = manifest.read.is_some() && !old(manifest, OTHER_MEANING_KEPT);
        if young && meanings.len() < most && meanings.insert(&manifest.name.meaning) {
            *keep = true;
        }
    }
    kept
}

/// Whether `one` replaces `other`: it is further on in the same topics, or was written later where they
/// were made again.
fn newer(one: &Filed, other: &Filed) -> bool {
    let made_again = match (&one.read, &other.read) {
        (Some(one), Some(other)) => {
            let mut sources = one.head().sources.iter().zip(&other.head().sources);
            sources.any(|(one, other)| other_topic(one, other))
        }
        _ => false,
    };
    match made_again {
        true => one.modified_ms > other.modified_ms,
        false => one.name.by_position(&other.name).is_gt(),
    }
}

/// The objects whose names stand in a manifest, also in one whose format is not known.
fn named(bytes: &[u8]) -> HashSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let quoted = text.split('"');
    let objects = quoted.filter(|text| text.starts_with("runs/") || text.starts_with("parts/"));
    objects.map(str::to_owned).collect()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
