//! Snapshots of other catalogs that a lane can take over in part.

use tillwatch_engine::is_same_ground;
use tillwatch_state_store::Manifest;

/// The meanings of snapshots that are of another catalog than `ours` and of the same ground, without
/// repetition, in the order of `manifests`.
pub fn other_catalogs(ours: &str, manifests: &[Manifest]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for manifest in manifests {
        let meaning = &manifest.head().meaning;
        if meaning != ours && is_same_ground(ours, meaning) && !found.contains(meaning) {
            found.push(meaning.clone());
        }
    }
    found
}
