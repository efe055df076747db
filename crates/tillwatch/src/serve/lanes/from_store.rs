//! A lane whose state is in the store: of its catalog, or of another one as far as the two agree.

use tillwatch_consumer::Position;
use tillwatch_engine::{EditedStage, holds_learners, is_other_catalog};
use tillwatch_state_store::Manifest;

use super::errand::Errand;
use super::looking_back::read_all_again;
use super::passed::Passed;
use super::restoring::{restore, usable};
use crate::serve::metrics::Origin;

/// Where the lane's state came from, and where each source is to be read from; `None` where no snapshot is of
/// use. The newest of the lane's own catalog goes before all of others.
pub fn from_store(errand: &Errand<'_>) -> Option<(Origin, Vec<Position>)> {
    let mut passed = Passed::new(errand);
    let found = find(errand, &mut passed);
    passed.end();
    found
}

fn find(errand: &Errand<'_>, passed: &mut Passed<'_>) -> Option<(Origin, Vec<Position>)> {
    let ours = &errand.keeping.meaning;
    let manifests = usable(errand, ours, passed)?;
    if let Some(positions) = restore(errand, manifests, passed) {
        return Some((Origin::Snapshot, positions));
    }
    for meaning in other_meanings(errand)? {
        let manifests = usable(errand, &meaning, passed)?;
        let newest = manifests.first()?;
        if may_be_read_again(errand, newest)
            && let Some(positions) = read_all_again(errand)
        {
            return Some((Origin::Replay, positions));
        }
        if let Some(positions) = restore(errand, manifests, passed) {
            return Some((Origin::Snapshot, positions));
        }
    }
    None
}

/// The meanings of snapshots of other catalogs that the lane could take over in part, without repetition, the
/// newest first.
fn other_meanings(errand: &Errand<'_>) -> Option<Vec<String>> {
    let manifests = errand.keeping.silence.ask(|| errand.store.manifests())?;
    let (manifests, _) = manifests.ok()?;
    let mut found: Vec<String> = Vec::new();
    for manifest in &manifests {
        let meaning = &manifest.head().meaning;
        if is_other_catalog(&errand.keeping.meaning, meaning) && !found.contains(meaning) {
            found.push(meaning.clone());
        }
    }
    Some(found)
}

/// Whether a snapshot of another catalog lacks something that the log may have, and holds nothing that the
/// log cannot have.
fn may_be_read_again(errand: &Errand<'_>, manifest: &Manifest) -> bool {
    let Ok(parts) = errand.store.parts(manifest) else {
        return false;
    };
    let lane = errand.shared.lane(&errand.slot.inlet, 0);
    let is_anything_new = lane
        .edited(&parts)
        .is_ok_and(|stages| stages.iter().any(EditedStage::is_anything_new));
    // What models have learnt may be older than all that the log holds.
    is_anything_new && !holds_learners(&parts)
}
