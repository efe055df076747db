//! A store that does not answer at all.

use std::fs;
use std::path::Path as FilePath;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use tillwatch_records::cut::Space;

use super::faulty::{Fate, Faulty};
use super::fixture::{
    Keys, MEANING, apply, changes, cut, entries, head, lane_id, mark, parts, read,
};
use crate::io::{Io, Local, Patience};
use crate::lane::LaneStore;
use crate::upload::Upload;
use crate::{StateStore, StoreError};

/// How long one answer is waited for that does not come.
const WAIT: Duration = Duration::from_millis(50);

fn io(store: &Faulty) -> Io {
    let patience = Patience::new(WAIT);
    Io::new(Arc::new(store.clone()), Path::from("below"), None, patience).unwrap()
}

#[track_caller]
fn is_unanswered<T>(done: Result<T, StoreError>) {
    let Err(error) = done else {
        panic!("nobody has answered");
    };
    assert!(
        matches!(error, StoreError::Unavailable { .. })
            && error.to_string().contains("no answer within"),
        "{error}"
    );
}

#[test]
fn every_call_ends() {
    let store = Faulty::default();
    let patient = store.store().lane(&lane_id());
    let mut writer = patient.writer(None);
    cut(&mut writer, 1, &changes(0..40, "first")).unwrap();
    let manifest = cut(&mut writer, 2, &changes(0..40, "second")).unwrap();
    let io = io(&store);
    let lane = LaneStore::new(io.clone(), lane_id());
    let mut writer = lane.writer(Some(manifest.clone()));
    let merging = writer.merging().unwrap();
    store.ever_after(Fate::Silent);

    is_unanswered(lane.newest_usable(MEANING, &[mark(9)]));
    is_unanswered(lane.manifests());
    is_unanswered(lane.parts(&manifest));
    is_unanswered(read(&lane, &manifest));
    is_unanswered(lane.find(&manifest, Space(0), 7, b"x"));
    is_unanswered(lane.verify(&manifest));
    is_unanswered(lane.collect(Duration::ZERO, |_| true));
    is_unanswered(merging.run(|| true));
    // So little is taken into memory.
    writer.chunk(&mut entries(&changes(0..3, "third"))).unwrap();
    is_unanswered(writer.finish(&head(3), &parts(3)));
    is_unanswered(io.directories("fraud"));
    is_unanswered(io.delete("x"));
    is_unanswered(io.put_if_absent("x", Bytes::from_static(b"x")));
    is_unanswered(Upload::new(&io, "x").write(&vec![0; 9 << 20]));

    // What was taken is not lost, and the same call does once the store is back.
    store.ever_after(Fate::Done);
    let again = |_| writer.finish(&head(3), &parts(3)).ok();
    let manifest = (0..100).find_map(again).expect("it answers");
    let mut expected = Keys::new();
    apply(&mut expected, &changes(0..40, "second"));
    apply(&mut expected, &changes(0..3, "third"));
    assert_eq!(read(&patient, &manifest).unwrap(), expected);
}

#[test]
fn what_is_answered_too_late_leaves_no_pieces_in_the_store() {
    let store = Faulty::default();
    let slow = ThrottleConfig {
        wait_put_per_call: 4 * WAIT,
        ..ThrottleConfig::default()
    };
    let slow = Arc::new(ThrottledStore::new(store.clone(), slow));
    let io = Io::new(slow, Path::from("below"), None, Patience::new(WAIT)).unwrap();
    is_unanswered(Upload::new(&io, "x").write(&vec![0; 9 << 20]));
    for _ in 0..1_000 {
        if store.open_uploads() == 0 {
            return;
        }
        let _later = crossbeam_channel::after(WAIT).recv();
    }
    panic!("the store keeps what nobody waits for");
}

/// A directory whose server is gone, as a pipe that nobody writes to: whoever opens it waits.
#[test]
fn every_call_on_files_ends() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().canonicalize().unwrap();
    let pipe = root.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let io = impatient(&root);
    is_unanswered(io.get("pipe", 10));
    // It is there, and is to be brought to the disk.
    is_unanswered(io.put_if_absent("pipe", Bytes::from_static(b"x")));

    // Whoever waits goes on.
    drop(fs::File::options().write(true).open(&pipe).unwrap());
    let root = root.to_str().unwrap();
    StateStore::open(root, []).unwrap().check().unwrap();
}

fn impatient(root: &FilePath) -> Io {
    let files = LocalFileSystem::new_with_prefix(root).unwrap();
    let local = Local {
        files: files.clone(),
        root: root.to_owned(),
    };
    Io::new(
        Arc::new(files),
        Path::default(),
        Some(local),
        Patience::new(WAIT),
    )
    .unwrap()
}
