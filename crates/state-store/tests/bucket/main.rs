//! Snapshots in a bucket, over HTTP: the same as in a directory. The bucket is a small server of this test.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod server;

use std::ops::ControlFlow;
use std::process::Command;
use std::sync::atomic::AtomicU64;

use tillwatch_records::cut::{Entries, Part, Space};
use tillwatch_state_store::{
    CutHead, LaneId, LaneWriter, Manifest, SourceMark, StateStore, StoreError,
};

use self::server::Server;

const SECRET: &str = "hunter2hunter2";

fn opened(server: &Server) -> StateStore {
    let endpoint = server.url();
    let options = [
        ("aws_endpoint", endpoint.as_str()),
        ("aws_region", "eu-central-1"),
        ("aws_access_key_id", "AKIDOPTION"),
        ("aws_secret_access_key", SECRET),
        ("allow_http", "true"),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    StateStore::open("s3://bucket/some/prefix", options).unwrap()
}

fn lane_id() -> LaneId {
    LaneId {
        group: "fraud".to_owned(),
        topics: vec!["auth".to_owned()],
        partition: 3,
    }
}

fn head(offset: i64) -> CutHead {
    CutHead {
        sources: vec![mark(offset)],
        meaning: "00aa".to_owned(),
        models: "rules".to_owned(),
        made_by: "a test".to_owned(),
        made_at_ms: 0,
    }
}

fn mark(offset: i64) -> SourceMark {
    SourceMark {
        topic: "auth".to_owned(),
        offset,
        topic_id: None,
        partitions: None,
    }
}

fn cut(
    writer: &mut LaneWriter,
    offset: i64,
    keys: std::ops::Range<u64>,
) -> Result<Manifest, StoreError> {
    let mut entries = Entries::default();
    for key in keys {
        entries.push(Space(0), key, format!("terminal-{key}").as_bytes(), |out| {
            out.extend_from_slice(format!("state at {offset}").as_bytes());
        });
    }
    writer.chunk(&mut entries)?;
    let part = Part {
        name: "stage/0".to_owned(),
        bytes: vec![1, 2, 3],
    };
    writer.finish(&head(offset), &[part])
}

#[test]
fn what_is_written_to_a_bucket_is_listed_read_merged_and_cleaned_up() {
    let server = Server::start();
    let store = opened(&server);
    store.check().unwrap();
    let lane = store.lane(&lane_id());
    let mut writer = lane.writer(None);
    cut(&mut writer, 5, 0..40).unwrap();
    let newer = cut(&mut writer, 9, 10..50).unwrap();
    // The same cut again is the one that is there.
    let again = lane
        .writer(Some(newer.clone()))
        .finish(&head(9), &[])
        .unwrap();
    assert_eq!(again, newer);
    assert_eq!(store.lanes().unwrap(), [lane_id()]);
    let found = opened(&server)
        .lane(&lane_id())
        .newest_usable("00aa", &[mark(100)])
        .unwrap();
    assert_eq!(found.manifest.as_ref(), Some(&newer));
    assert_eq!(found.older.len(), 1);
    assert_eq!(lane.parts(&newer).unwrap()[0].bytes, [1, 2, 3]);
    let mut newest = 0;
    let read = lane
        .entries(&newer, &AtomicU64::new(0), |entry| {
            newest += usize::from(entry.image == Some(&b"state at 9"[..]));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((read.entries, newest), (50, 40));
    assert!(writer.merge_due());
    writer.merge().unwrap();
    let merged = cut(&mut writer, 12, 0..1).unwrap();
    assert_eq!(lane.verify(&merged).unwrap().live, 50);
    // The parts of the cut that was there already.
    let collected = writer.collect(std::time::Duration::ZERO, |_| true).unwrap();
    assert_eq!((collected.manifests, collected.objects), (0, 1));
    assert_eq!(lane.verify(&merged).unwrap().live, 50);
    let all = server.keys();
    let below = "some/prefix/fraud/auth/3/";
    assert!(
        all.iter().all(|key| key.starts_with(below)),
        "the check has left something: {all:?}"
    );
}

#[test]
fn a_bucket_that_refuses_is_told_without_secrets() {
    let server = Server::start();
    let store = opened(&server);
    server.answer_always(403);
    let error = store.check().unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    let told = format!("{error} {error:?} {store:?}");
    assert!(told.contains("give the credentials the right"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    let lane = store.lane(&lane_id());
    server.answer_always(503);
    let error = lane.newest_usable("00aa", &[]).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
}

/// Set where the test below runs itself.
const CHILD: &str = "TILLWATCH_TEST_OF_A_BUCKET";

#[test]
fn credentials_come_from_the_environment() {
    if std::env::var_os(CHILD).is_some() {
        let store = StateStore::open("s3://bucket/prefix", []).unwrap();
        store.check().unwrap();
        assert!(!format!("{store:?}").contains(SECRET));
        return;
    }
    let server = Server::start();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "credentials_come_from_the_environment"])
        .env(CHILD, "1")
        .env("AWS_ENDPOINT", server.url())
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    let signatures = server.signatures();
    assert!(!signatures.is_empty());
    for signature in signatures {
        assert!(
            signature.contains("Credential=AKIDENVIRONMENT/"),
            "{signature}"
        );
        assert!(!signature.contains(SECRET));
    }
}
