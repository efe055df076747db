//! A store that fails loses nothing.

use proptest::prelude::*;

use super::faulty::{Fate, Faulty};
use super::fixture::{
    Changes, Keys, MEANING, any_changes, apply, changes, cut, entries, head, heavy, lane_id, mark,
    parts, read,
};
use crate::upload::Upload;
use crate::{LaneWriter, Manifest, StoreError};

/// What the host does when the store has not taken something.
#[derive(Debug, Clone, Copy)]
enum Host {
    TriesAgain,
    GivesUp,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Done),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Full),
        1 => Just(Fate::Unheard),
    ]
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![Just(Host::TriesAgain), Just(Host::GivesUp)]
}

/// One cut as a host makes it; `None` if it was given up.
fn attempted(
    writer: &mut LaneWriter,
    offset: i64,
    changes: &Changes,
    host: Host,
) -> Option<Manifest> {
    // The chunk is taken, whatever the answer.
    let _sent_later = writer.chunk(&mut entries(changes));
    loop {
        match (writer.finish(&head(offset), &parts(offset)), host) {
            (Ok(manifest), _) => return Some(manifest),
            (Err(error), _) if error.ends_writer() => panic!("{error}"),
            (Err(_), Host::TriesAgain) => {}
            (Err(_), Host::GivesUp) => {
                writer.abandon().unwrap();
                return None;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever calls fail, with or without having been done: every manifest gives the keys at its
    /// position, and the last one all of them.
    #[test]
    fn nothing_is_lost_by_a_failing_store(
        cuts in prop::collection::vec((any_changes(), host(), prop::collection::vec(fate(), 0..12)), 1..10),
        merges in any::<u16>(),
    ) {
        let store = Faulty::default();
        let lane = store.store().lane(&lane_id());
        let mut writer = lane.writer(None);
        let (mut keys, mut at) = (Keys::new(), Vec::new());
        for ((changes, host, fates), offset) in cuts.iter().zip(1..) {
            apply(&mut keys, changes);
            at.push((offset, keys.clone()));
            store.fates(fates.iter().copied());
            attempted(&mut writer, offset, changes, *host);
            if merges >> (offset % 16) & 1 == 1 {
                // A merge that fails has changed nothing.
                let _not_merged = writer.merge();
                let _not_cleaned = writer.collect(std::time::Duration::ZERO, |_| true);
            }
        }
        store.fates([]);
        let last = cut(&mut writer, 1_000, &Changes::new()).unwrap();
        prop_assert_eq!(&read(&lane, &last).unwrap(), &keys);
        let (manifests, refused) = lane.manifests().unwrap();
        prop_assert!(refused.is_empty(), "{:?}", refused);
        for manifest in &manifests[1..] {
            let offset = manifest.head().sources[0].offset;
            let (_, then) = at.iter().find(|(cut, _)| *cut == offset).unwrap();
            prop_assert_eq!(&read(&lane, manifest).unwrap(), then);
        }
    }

    /// A store that fails while it is read gives an error, never other keys.
    #[test]
    fn reading_from_a_failing_store_gives_all_or_an_error(
        fates in prop::collection::vec(fate(), 1..10),
    ) {
        let store = Faulty::default();
        let lane = store.store().lane(&lane_id());
        let mut writer = lane.writer(None);
        let mut keys = Keys::new();
        for offset in 1..4 {
            let changes = changes(0..20 * offset, &format!("cut {offset}"));
            apply(&mut keys, &changes);
            cut(&mut writer, i64::try_from(offset).unwrap(), &changes).unwrap();
        }
        store.fates(fates);
        let found = lane.newest_usable(MEANING, &[mark(10)]);
        if let Ok(found) = found {
            let manifest = found.manifest.expect("nothing is damaged");
            prop_assert_eq!(manifest.head().sources[0].offset, 3);
            if let Ok(read) = read(&lane, &manifest) {
                prop_assert_eq!(read, keys);
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_and_taken_up_again() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    store.ever_after(Fate::Full);
    let error = cut(&mut writer, 1, &changes(0..5, "x")).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(
        error.to_string().contains("no room for `fraud/auth/3/"),
        "{error}"
    );
    store.ever_after(Fate::Done);
    let manifest = writer.finish(&head(1), &parts(1)).unwrap();
    assert_eq!(read(&lane, &manifest).unwrap().len(), 5);
}

#[test]
fn a_store_that_takes_nothing_fills_no_memory() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    store.ever_after(Fate::Refused);
    let mut taken = 0;
    let error = loop {
        let mut chunk = heavy(taken);
        match writer.chunk(&mut chunk) {
            Err(error @ StoreError::Behind { .. }) => {
                assert_eq!(chunk.len(), 1, "what was not taken is still the caller's");
                break error;
            }
            _ => assert!(chunk.is_empty(), "what was taken is gone from the caller"),
        }
        taken += 1;
        assert!(writer.held_bytes() < 80 << 20);
    };
    assert!(error.ends_writer());
    assert!(taken > 32, "{taken} mebibytes are few");
    // It is of use again if the host has waited rather than given it up.
    store.ever_after(Fate::Done);
    writer.chunk(&mut heavy(taken)).unwrap();
    let manifest = writer.finish(&head(1), &parts(1)).unwrap();
    assert_eq!(read(&lane, &manifest).unwrap().len() as u64, taken + 1);
    // Larger than one piece of an upload.
    while writer.merge_due() {
        writer.merge().unwrap();
    }
    let merged = cut(&mut writer, 2, &Changes::new()).unwrap();
    assert!(merged.runs().len() < manifest.runs().len());
    assert!(merged.bytes() > 32 << 20);
    assert_eq!(lane.verify(&merged).unwrap().live, taken + 1);
}

#[test]
fn an_upload_that_fails_leaves_no_pieces_in_the_store() {
    // Begun, two pieces, the end: whatever of these fails.
    for (done, fate) in [(1, Fate::Refused), (2, Fate::Full), (3, Fate::Refused)] {
        let store = Faulty::default();
        let io = store.io();
        let mut upload = Upload::new(&io, "large");
        let fates = std::iter::repeat_n(Fate::Done, done);
        store.fates(fates.chain([fate]));
        let piece = vec![7; 8 << 20];
        let written = upload.write(&piece).and_then(|()| upload.write(&piece));
        match done {
            3 => upload.finish().unwrap_err(),
            _ => written.unwrap_err(),
        };
        // The runtime does one thing after the other: what it was to give up is given up by then.
        assert_eq!(io.list("").unwrap().len(), 0);
        assert_eq!(store.open_uploads(), 0, "after {done} calls");
    }
}

#[test]
fn an_upload_that_is_stopped_leaves_no_pieces_in_the_store() {
    let store = Faulty::default();
    let io = store.io();
    let mut upload = Upload::new(&io, "large");
    upload.write(&vec![7; 9 << 20]).unwrap();
    assert_eq!(store.open_uploads(), 1);
    drop(upload);
    assert_eq!(store.open_uploads(), 0);

    let mut upload = Upload::new(&io, "large");
    upload.write(&vec![7; 9 << 20]).unwrap();
    upload.finish().unwrap();
    assert_eq!((store.open_uploads(), store.paths().len()), (0, 1));
}

#[test]
fn what_was_deleted_behind_a_writer_is_told_before_a_manifest_names_it() {
    let store = Faulty::default();
    let lane = store.store().lane(&lane_id());
    let mut writer = lane.writer(None);
    cut(&mut writer, 1, &changes(0..5, "x")).unwrap();
    let run = store
        .paths()
        .into_iter()
        .find(|path| path.as_ref().contains("/runs/"));
    store.remove(&run.unwrap());
    let error = cut(&mut writer, 2, &changes(2..3, "y")).unwrap_err();
    assert!(
        matches!(error, StoreError::Gone { .. }) && error.ends_writer(),
        "{error}"
    );
    let (manifests, refused) = lane.manifests().unwrap();
    assert!(manifests.is_empty());
    assert_eq!(refused.len(), 1);
}
