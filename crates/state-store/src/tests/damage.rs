//! What is damaged is refused with the reason, and an older cut takes over.

use object_store::path::Path;
use tillwatch_records::error::Remedy;

use super::faulty::Faulty;
use super::fixture::{Keys, MEANING, apply, changes, cut, lane_id, mark, parts, read};
use crate::{LaneStore, LaneWriter, Manifest, StoreError, Why};

/// Two cuts, of which the newer one has a run and parts of its own.
struct Two {
    store: Faulty,
    lane: LaneStore,
    older: Manifest,
    newer: Manifest,
    older_keys: Keys,
}

impl Two {
    fn new() -> Self {
        let store = Faulty::default();
        let lane = store.store().lane(&lane_id());
        let mut writer = lane.writer(None);
        let (base, delta) = (changes(0..40, "first"), changes(5..8, "second"));
        let older = cut(&mut writer, 100, &base).unwrap();
        let newer = cut(&mut writer, 200, &delta).unwrap();
        let mut older_keys = Keys::new();
        apply(&mut older_keys, &base);
        Self {
            store,
            lane,
            older,
            newer,
            older_keys,
        }
    }

    /// Objects that only the newer cut has: its run, its parts and its manifest.
    fn own(&self) -> [Path; 3] {
        let at = |below: &str| Path::from(format!("below/fraud/auth/3/{below}"));
        let parts = self.newer.parts().object.clone();
        [
            at(&self.newer.runs()[1].object),
            at(&parts),
            at(&format!("cuts/{}", self.newer.name())),
        ]
    }

    /// Reads as a start does: the newest cut that can be read, and why newer ones cannot.
    fn restored(&self) -> (Option<(Manifest, Keys)>, Vec<StoreError>) {
        let found = self.lane.newest_usable(MEANING, &[mark(1_000)]).unwrap();
        let refused = found
            .passed_over
            .into_iter()
            .map(|refused| match refused.why {
                Why::Unreadable(error) => error,
                other => panic!("{other}"),
            });
        let mut refused: Vec<_> = refused.collect();
        for manifest in found.manifest.into_iter().chain(found.older) {
            let whole = self.lane.parts(&manifest);
            match whole.and_then(|_| read(&self.lane, &manifest)) {
                Ok(keys) => return (Some((manifest, keys)), refused),
                Err(error) => refused.push(error),
            }
        }
        (None, refused)
    }

    fn older_takes_over(&self, what: &str) {
        let (found, refused) = self.restored();
        let [reason] = &refused[..] else {
            panic!("{what}: one cut is refused, not {refused:?}");
        };
        assert_eq!(reason.remedy(), Remedy::Skip, "{what}: {reason}");
        assert_eq!(
            found,
            Some((self.older.clone(), self.older_keys.clone())),
            "{what}"
        );
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let two = Two::new();
    for path in two.own() {
        let bytes = two.store.bytes(&path);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            two.store.replace(&path, flipped);
            two.older_takes_over(&format!("byte {at} of {path} flipped"));
        }
        two.store.replace(&path, bytes);
    }
    let (found, refused) = two.restored();
    assert_eq!(
        (found.map(|(manifest, _)| manifest), refused),
        (Some(two.newer), Vec::new())
    );
}

#[test]
fn what_is_cut_off_extended_or_missing_is_found() {
    let two = Two::new();
    for path in two.own() {
        let bytes = two.store.bytes(&path);
        for length in 0..bytes.len() {
            two.store.replace(&path, bytes[..length].to_vec());
            two.older_takes_over(&format!("{path} cut off at {length}"));
        }
        let longer = [&bytes[..], b"x"].concat();
        two.store.replace(&path, longer);
        two.older_takes_over(&format!("{path} extended"));
        two.store.replace(&path, bytes);
    }
    let [run, parts, _] = two.own();
    for path in [run, parts] {
        let bytes = two.store.bytes(&path);
        two.store.remove(&path);
        two.older_takes_over(&format!("{path} missing"));
        two.store.replace(&path, bytes);
    }
}

#[test]
fn objects_that_were_exchanged_are_found() {
    let two = Two::new();
    let [run, parts, _] = two.own();
    let (run_bytes, parts_bytes) = (two.store.bytes(&run), two.store.bytes(&parts));
    two.store.replace(&run, parts_bytes.clone());
    two.older_takes_over("the run has the bytes of the parts");
    two.store.replace(&run, run_bytes);
    let base = Path::from(format!("below/fraud/auth/3/{}", two.newer.runs()[0].object));
    two.store.replace(&parts, two.store.bytes(&base));
    two.older_takes_over("the parts have the bytes of a run");
}

#[test]
fn damage_of_what_all_cuts_share_leaves_none() {
    let two = Two::new();
    let base = Path::from(format!("below/fraud/auth/3/{}", two.newer.runs()[0].object));
    let mut bytes = two.store.bytes(&base);
    *bytes.last_mut().unwrap() ^= 1;
    two.store.replace(&base, bytes);
    let (found, refused) = two.restored();
    assert_eq!(found, None);
    let reasons = refused.iter().map(ToString::to_string);
    assert!(
        reasons
            .clone()
            .all(|reason| reason.contains("checksum differs")),
        "{refused:?}"
    );
    assert_eq!(reasons.count(), 2);
    let error = two.lane.verify(&two.newer).unwrap_err();
    assert!(error.to_string().contains("fraud/auth/3/runs/"), "{error}");
}

#[test]
fn a_damaged_manifest_is_replaced_by_the_next_of_its_position() {
    let two = Two::new();
    let [_, _, manifest] = two.own();
    let bytes = two.store.bytes(&manifest);
    for wrong in [Vec::new(), bytes[..bytes.len() / 2].to_vec()] {
        two.store.replace(&manifest, wrong);
        let mut writer = two.lane.writer(Some(two.older.clone()));
        let again = cut(&mut writer, 200, &changes(5..8, "second")).unwrap();
        assert_eq!(again, two.newer);
        assert_eq!(two.store.bytes(&manifest), bytes);
    }
}

#[test]
fn a_damaged_run_is_mended_when_it_is_written_again() {
    let two = Two::new();
    let [run, ..] = two.own();
    two.store.replace(&run, Vec::new());
    let mut writer = two.lane.writer(Some(two.older.clone()));
    let again = cut(&mut writer, 200, &changes(5..8, "second")).unwrap();
    assert_eq!(again, two.newer, "the same entries have the same name");
    two.lane.verify(&two.newer).unwrap();
    assert_eq!(two.lane.parts(&two.newer).unwrap(), parts(200));
}

/// A lane with two runs that are to be merged, of which the older one is damaged since.
fn damaged_before_a_merge() -> (Faulty, LaneStore, LaneWriter, Path) {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    for position in 1..3 {
        cut(
            &mut writer,
            position,
            &changes(0..40, &format!("cut {position}")),
        )
        .unwrap();
    }
    let run = Path::from(format!("below/fraud/auth/3/{}", writer.runs()[0].object));
    flip(&store, &run);
    (store, lane, writer, run)
}

/// Changes a bit of an object, which keeps its length.
fn flip(store: &Faulty, path: &Path) {
    let mut bytes = store.bytes(path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    store.replace(path, bytes);
}

#[test]
fn a_merge_that_meets_damage_ends_the_writer() {
    let (_, lane, mut writer, run) = damaged_before_a_merge();
    let error = writer.merge().unwrap_err();
    assert!(
        error.ends_writer() && error.to_string().contains("checksum differs"),
        "{error}"
    );
    let name = run.as_ref().trim_start_matches("below/");
    assert!(error.to_string().contains(name), "{error}");
    // Nothing names the run again, though it is there in its length.
    let error = cut(&mut writer, 3, &changes(0..1, "more")).unwrap_err();
    assert!(matches!(error, StoreError::Gone { .. }), "{error}");
    let whole = cut(&mut lane.writer(None), 3, &changes(0..40, "whole")).unwrap();
    assert_eq!(read(&lane, &whole).unwrap().len(), 40);
}

#[test]
fn a_merge_whose_run_has_vanished_ends_the_writer() {
    let (store, _, mut writer, run) = damaged_before_a_merge();
    store.remove(&run);
    let error = writer.merge().unwrap_err();
    assert!(
        error.ends_writer() && error.to_string().contains("it was deleted"),
        "{error}"
    );
}

#[test]
fn a_whole_cut_takes_the_place_of_one_that_names_a_damaged_run() {
    let (_, lane, mut writer, run) = damaged_before_a_merge();
    writer.merge().unwrap_err();
    // The lane has taken nothing since: the manifest has the same name.
    let keys = changes(0..40, "cut 2");
    let whole = cut(&mut lane.writer(None), 2, &keys).unwrap();
    let names = |manifest: &Manifest| {
        let mut objects = manifest.objects();
        objects.any(|object| run.as_ref().ends_with(&object.object))
    };
    assert!(!names(&whole));
    let found = lane.newest_usable(MEANING, &[mark(1_000)]).unwrap();
    assert_eq!(found.manifest.as_ref(), Some(&whole));
    assert!(found.older.is_empty(), "the cut before names it still");
    let mut expected = Keys::new();
    apply(&mut expected, &keys);
    assert_eq!(read(&lane, &whole).unwrap(), expected);
}

#[test]
fn what_was_found_damaged_does_not_replace_older_cuts() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let sound = cut(&mut lane.writer(None), 1, &changes(0..40, "sound")).unwrap();
    let mut writer = lane.writer(None);
    let base = cut(&mut writer, 2, &changes(0..40, "base")).unwrap();
    let base = Path::from(format!("below/fraud/auth/3/{}", base.runs()[0].object));
    let newer: Vec<Manifest> = (3..7)
        .map(|position| cut(&mut writer, position, &changes(0..1, "more")).unwrap())
        .collect();
    flip(&store, &base);
    store.set_clock(10 * 3_600_000);
    read(&lane, newer.last().unwrap()).unwrap_err();
    let hour = std::time::Duration::from_secs(3600);
    writer.collect(hour, |_| true).unwrap();
    assert_eq!(read(&lane, &sound).unwrap().len(), 40);
    let found = lane.newest_usable(MEANING, &[mark(1_000)]).unwrap();
    assert_eq!(found.manifest, Some(sound));
    // Once the object is whole again, so are the cuts that name it.
    let mut again = lane.writer(None);
    cut(&mut again, 2, &changes(0..40, "base")).unwrap();
    let found = lane.newest_usable(MEANING, &[mark(1_000)]).unwrap();
    assert_eq!(found.manifest.as_ref(), newer.last());
}

#[test]
fn formats_of_later_releases_are_told_apart_from_damage() {
    let two = Two::new();
    let [_, _, manifest] = two.own();
    let text = String::from_utf8(two.store.bytes(&manifest)).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    let rest = rest.replace("\"format\": 1", "\"format\": 2");
    let rest = rest.strip_suffix('\n').unwrap();
    let checksum = twox_hash::XxHash3_64::oneshot(rest.as_bytes());
    let text = format!("{{\"checksum\":\"{checksum:016x}\",\n{rest}\n");
    two.store.replace(&manifest, text.into_bytes());
    let (found, refused) = two.restored();
    assert!(
        matches!(refused[..], [StoreError::Format { format: 2, .. }]),
        "{refused:?}"
    );
    assert_eq!(found.unwrap().0, two.older);
}
