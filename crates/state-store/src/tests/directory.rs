//! A store that is opened by its URL: directories, lanes, and whether it works.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::faulty::{Absent, Fate, Faulty};
use super::fixture::{MEANING, changes, cut, entries, head, lane_id, mark, memory, parts, read};
use crate::{LaneId, Manifest, StateStore, StoreError, Why};

fn opened(path: &Path) -> StateStore {
    StateStore::open(path.to_str().unwrap(), []).unwrap()
}

#[test]
fn a_directory_is_made_and_found_again() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("state/of tillwatch");
    let written = cut(
        &mut opened(&root).lane(&lane_id()).writer(None),
        5,
        &changes(0..50, "x"),
    )
    .unwrap();
    assert!(
        root.join(format!("fraud/auth/3/cuts/{}", written.name()))
            .is_file()
    );
    for url in [
        root.to_str().unwrap().to_owned(),
        format!("file://{}", root.display()).replace(' ', "%20"),
    ] {
        let store = StateStore::open(&url, []).unwrap();
        store.check().unwrap();
        assert_eq!(
            store.directory(),
            Some(root.canonicalize().unwrap().as_path())
        );
        let lane = store.lane(&lane_id());
        let found = lane.newest_usable(MEANING, &[mark(5)]).unwrap().manifest;
        assert_eq!(found, Some(written.clone()));
        assert_eq!(read(&lane, &written).unwrap().len(), 50);
        assert_eq!(store.lanes().unwrap(), [lane_id()]);
    }
    // The probe has left nothing.
    assert_eq!(fs::read_dir(root.join("check")).unwrap().count(), 0);
}

#[test]
fn a_file_that_was_cut_off_is_passed_over() {
    let temporary = tempfile::tempdir().unwrap();
    let lane = opened(temporary.path()).lane(&lane_id());
    let mut writer = lane.writer(None);
    let older = cut(&mut writer, 5, &changes(0..50, "x")).unwrap();
    let newer = cut(&mut writer, 6, &changes(0..3, "y")).unwrap();
    let run = temporary
        .path()
        .join("fraud/auth/3")
        .join(&newer.runs()[1].object);
    fs::write(&run, &fs::read(&run).unwrap()[..30]).unwrap();
    let found = lane.newest_usable(MEANING, &[mark(9)]).unwrap();
    assert_eq!(found.manifest, Some(older));
    let [refused] = &found.passed_over[..] else {
        panic!("{:?}", found.passed_over);
    };
    assert!(
        refused
            .to_string()
            .contains("it has 30 bytes, and its manifest says"),
        "{refused}"
    );
    let error = read(&lane, &newer).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn files_that_a_dead_process_left_are_cleaned_up() {
    let temporary = tempfile::tempdir().unwrap();
    let lane = opened(temporary.path()).lane(&lane_id());
    cut(&mut lane.writer(None), 5, &changes(0..50, "x")).unwrap();
    let runs = temporary.path().join("fraud/auth/3/runs");
    let (old, young) = (runs.join("aa#1"), runs.join("bb#12"));
    for path in [&old, &young] {
        fs::write(path, "half").unwrap();
    }
    let hours_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(hours_ago)
        .unwrap();
    let collected = lane.collect(Duration::from_secs(3600), |_| true).unwrap();
    assert_eq!((collected.objects, collected.bytes), (1, 4));
    assert!(!old.exists() && young.exists());
}

#[test]
fn what_cannot_be_opened_says_what_to_write() {
    for (url, option, said) in [
        ("ftp://host/x", None, "write a directory, file:///"),
        ("file://host/x", None, "three slashes"),
        ("/proc/version/x", None, "give the process a directory"),
        ("/tmp", Some("region"), "`region` is one; remove it"),
        ("memory://", Some("region"), "remove it"),
    ] {
        let options = option.map(|key| (key.to_owned(), "x".to_owned()));
        let error = StateStore::open(url, options).unwrap_err();
        assert!(matches!(error, StoreError::Settings { .. }));
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[cfg(not(feature = "cloud"))]
#[test]
fn a_bucket_is_refused_by_a_build_without_them() {
    for url in [
        "s3://bucket/x",
        "s3a://bucket/x",
        "gs://bucket/x",
        "az://container/x",
        "abfss://container@account.dfs.core.windows.net/x",
    ] {
        let error = StateStore::open(url, []).unwrap_err().to_string();
        assert!(
            error.contains("--features cloud") && error.contains(url),
            "{error}"
        );
    }
}

#[test]
fn secrets_do_not_belong_in_a_url_and_are_not_told() {
    for (url, said) in [
        ("s3://AKIA:hunter2@bucket/x", "set them in the environment"),
        ("s3://AKIA:hun/ter2@bucket/x", "state store `s3://bucket/x`"),
        ("gs://hunter2@bucket/x", "set them in the environment"),
        ("az://c:hunter2@a.dfs.core.windows.net", "set them in the"),
        ("az://container/x?sig=hunter2", "nothing after `?`"),
        ("file:///tmp?sig=hunter2", "nothing after `?`"),
    ] {
        let error = StateStore::open(url, []).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(said), "{told}");
        assert!(
            !told.contains("hunter2") && !told.contains("ter2"),
            "{told}"
        );
    }
}

#[test]
fn a_store_that_does_not_work_fails_its_check() {
    memory().check().unwrap();
    for (calls, fate) in [
        (0, Fate::Refused),
        (1, Fate::Unheard),
        (2, Fate::Refused),
        (3, Fate::Full),
        (4, Fate::Refused),
        (5, Fate::Refused),
        (6, Fate::Full),
    ] {
        let store = Faulty::default();
        let done = std::iter::repeat_n(Fate::Done, calls);
        store.fates(done.chain([fate]));
        store.store().check().unwrap_err();
    }
}

#[test]
fn a_store_that_writes_over_what_is_there_fails_its_check() {
    for forgetful in [Absent::Refused, Absent::Overwritten] {
        let store = Faulty::default();
        store.put_if_absent(forgetful);
        let error = store.store().check().unwrap_err().to_string();
        assert!(
            error.contains("cannot write if it is absent `check/")
                && error.contains("hard links")
                && error.contains("If-None-Match"),
            "{error}"
        );
        assert!(store.paths().is_empty(), "the trial has left something");
    }
}

#[test]
fn lanes_of_any_name_are_listed() {
    let store = memory();
    let lane = |group: &str, topics: &[&str], partition| LaneId {
        group: group.to_owned(),
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        partition,
    };
    let long = "t".repeat(249);
    let mut lanes = vec![
        lane("a/b ü", &["auth"], 0),
        lane("fraud", &["auth"], 12),
        lane("fraud", &["auth", "labels"], 0),
        lane("fraud", &[&long, "labels"], 0),
    ];
    lanes.sort();
    for id in &lanes {
        let mut head = head(1);
        let sources = id.topics.iter().map(|topic| crate::SourceMark {
            topic: topic.clone(),
            ..mark(1)
        });
        head.sources = sources.collect();
        store
            .lane(id)
            .writer(None)
            .finish(&head, &parts(1))
            .unwrap();
    }
    store.check().unwrap();
    assert_eq!(store.lanes().unwrap(), lanes);
}

#[test]
fn why_a_cut_may_not_be_used_is_said() {
    let lane = memory().lane(&lane_id());
    let mut writer = lane.writer(None);
    let first = cut(&mut writer, 5, &changes(0..5, "x")).unwrap();
    cut(&mut writer, 9, &changes(0..2, "y")).unwrap();
    let passed_over = |meaning: &str, committed: &[_]| {
        let found = lane.newest_usable(meaning, committed).unwrap();
        let whys: Vec<Why> = found
            .passed_over
            .into_iter()
            .map(|refused| refused.why)
            .collect();
        (found.manifest, whys)
    };
    let ahead = |offset, committed| Why::Ahead {
        topic: "auth".to_owned(),
        offset,
        committed,
    };
    assert_eq!(
        passed_over(MEANING, &[mark(8)]),
        (Some(first), vec![ahead(9, Some(8))])
    );
    assert_eq!(
        passed_over(MEANING, &[]),
        (None, vec![ahead(9, None), ahead(5, None)])
    );
    let mut made_again = mark(100);
    made_again.topic_id = Some("second".to_owned());
    let (found, whys) = passed_over(MEANING, &[made_again]);
    assert_eq!(found, None);
    assert!(
        whys.iter().all(|why| matches!(why, Why::OtherTopic { .. })),
        "{whys:?}"
    );
    let (found, whys) = passed_over("other", &[mark(100)]);
    assert_eq!(found, None);
    assert!(
        whys.iter()
            .all(|why| matches!(why, Why::OtherMeaning { .. })),
        "{whys:?}"
    );
    // An id that is not known, and another number of partitions, are no other topic.
    let mut unknown = mark(100);
    (unknown.topic_id, unknown.partitions) = (None, Some(99));
    assert!(
        lane.newest_usable(MEANING, &[unknown])
            .unwrap()
            .manifest
            .is_some()
    );
}

#[test]
fn one_key_is_found_in_the_newest_run_that_has_it() {
    let lane = memory().lane(&lane_id());
    let mut writer = lane.writer(None);
    cut(
        &mut writer,
        1,
        &changes(0..20_000, "a word that makes several frames"),
    )
    .unwrap();
    let mut second = changes(7..8, "second");
    let gone = changes(8..9, "").into_keys().map(|key| (key, None));
    second.extend(gone);
    let manifest = cut(&mut writer, 2, &second).unwrap();
    let find = |key: u64| {
        let ((space, hash, name), _) = changes(key..key + 1, "").pop_first().unwrap();
        let space = tillwatch_records::cut::Space(space);
        lane.find(&manifest, space, hash, &name)
            .unwrap()
            .map(|image| String::from_utf8(image).unwrap())
    };
    assert_eq!(find(7).as_deref(), Some("second of 7"));
    assert_eq!(find(8), None);
    assert_eq!(
        find(19_999).as_deref(),
        Some("a word that makes several frames of 19999")
    );
    assert_eq!(find(20_000), None);
}

#[test]
fn reading_tells_its_progress_and_can_be_stopped() {
    let lane = memory().lane(&lane_id());
    let mut writer = lane.writer(None);
    let manifest: Manifest = cut(&mut writer, 1, &changes(0..50_000, "many frames")).unwrap();
    let bytes = AtomicU64::new(0);
    let stopped = lane
        .entries(&manifest, &bytes, |_| ControlFlow::Break(()))
        .unwrap();
    assert_eq!((stopped.entries, stopped.whole), (1, false));
    bytes.store(0, Ordering::Relaxed);
    let read = lane
        .entries(&manifest, &bytes, |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((read.entries, read.whole), (50_000, true));
    let runs: u64 = manifest.runs().iter().map(|run| run.bytes).sum();
    assert_eq!(bytes.into_inner(), runs);
}

#[test]
fn calls_may_come_from_within_another_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lane = memory().lane(&lane_id());
        let mut writer = lane.writer(None);
        writer.chunk(&mut entries(&changes(0..3, "x"))).unwrap();
        let manifest = writer.finish(&head(1), &parts(1)).unwrap();
        assert_eq!(read(&lane, &manifest).unwrap().len(), 3);
    });
}

#[test]
fn partitions_of_the_same_topics_are_found_with_their_oldest_cuts() {
    let store = memory();
    let of = |topic: &str, partition| LaneId {
        topics: vec![topic.to_owned()],
        partition,
        ..lane_id()
    };
    assert!(store.partitions(&of("auth", 0)).unwrap().is_empty());
    for id in [of("auth", 12), of("auth", 3), of("labels", 4)] {
        let mut writer = store.lane(&id).writer(None);
        for offset in [9, 10] {
            let mut mark = mark(offset);
            mark.topic.clone_from(&id.topics[0]);
            let head = crate::CutHead {
                sources: vec![mark],
                ..head(offset)
            };
            writer.chunk(&mut entries(&changes(0..3, "x"))).unwrap();
            writer.finish(&head, &parts(offset)).unwrap();
        }
    }
    assert_eq!(store.partitions(&of("auth", 7)).unwrap(), [3, 12]);
    let oldest = store.lane(&of("auth", 12)).oldest().unwrap();
    assert_eq!(oldest.unwrap().head().sources[0].offset, 9);
    assert_eq!(store.lane(&of("auth", 7)).oldest().unwrap(), None);
}
