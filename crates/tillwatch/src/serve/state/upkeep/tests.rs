//! Clean-up of a lane whose snapshots are in memory.

use tillwatch_records::cut::{Entries, Part, Space};
use tillwatch_state_store::object_store::memory::InMemory;
use tillwatch_state_store::object_store::throttle::{ThrottleConfig, ThrottledStore};
use tillwatch_state_store::{LaneId, LaneStore, LaneWriter, StateStore};

use super::*;
use crate::serve::metrics::CutGauges;
use crate::test_support::cut_head;

fn lane_id() -> LaneId {
    LaneId {
        group: "g".to_owned(),
        topics: vec!["t".to_owned()],
        partition: 0,
    }
}

fn lane() -> LaneStore {
    let store = StateStore::open("memory://", []).unwrap();
    store.lane(&lane_id())
}

/// A cut at `offset` under settings of this meaning, of the topic of this id.
fn cut(writer: &mut LaneWriter, offset: i64, meaning: &str, topic_id: &str) -> Manifest {
    let mut entries = Entries::default();
    entries.push(Space(0), 7, b"terminal", |image| {
        image.extend_from_slice(&offset.to_le_bytes());
    });
    writer.chunk(&mut entries).unwrap();
    let mark = SourceMark {
        topic: "t".to_owned(),
        offset,
        topic_id: Some(topic_id.to_owned()),
        partitions: Some(1),
    };
    let head = cut_head(mark, meaning);
    let part = Part {
        name: "alerts".to_owned(),
        bytes: vec![1],
    };
    writer.finish(&head, &[part]).unwrap()
}

fn clean(writer: &LaneWriter, own: &Manifest, committed: i64) {
    let committed = |topic: &str| (topic == "t").then_some(committed);
    let is_usable = usable_beside(own, committed);
    writer.collect(CLEAN_GRACE, is_usable).unwrap();
}

fn offsets(lane: &LaneStore, meaning: &str) -> Vec<i64> {
    let (manifests, refused) = lane.manifests().unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    let ours = manifests
        .iter()
        .filter(|manifest| manifest.head().meaning == meaning);
    ours.map(|manifest| manifest.head().sources[0].offset)
        .collect()
}

#[test]
fn clean_up_does_not_hold_up_the_thread_that_writes() {
    let slow = ThrottleConfig {
        wait_get_per_call: Duration::from_secs(3_600),
        ..ThrottleConfig::default()
    };
    let objects = Arc::new(ThrottledStore::new(InMemory::new(), slow));
    let lane = StateStore::with(objects, "state").unwrap().lane(&lane_id());
    let own = cut(&mut lane.writer(None), 1, "ours", "a");
    let gauges = Arc::<CutGauges>::default();
    let cuts = LaneCuts::new(lane_id(), lane, Some(own.clone()), gauges);
    let cuts = Arc::new(cuts);
    let keeper = Keeper {
        lanes: channel().1,
        is_over: Arc::default(),
        counts: Arc::default(),
        monitor: Arc::default(),
    };
    let cleaned = Arc::clone(&cuts);
    let cleaning = std::thread::spawn(move || keeper.collect(&cleaned, &own));
    let began = clock::now();
    for _ in 0..50 {
        cuts.write(cuts.generation(), |writer| writer.held_bytes());
        clock::wait(Duration::from_millis(5));
    }
    let took = clock::now().duration_since(began);
    assert!(took < Duration::from_secs(20), "{took:?}");
    // It reads the first manifest, and would for an hour.
    assert!(!cleaning.is_finished());
}

#[test]
fn an_edit_of_settings_can_be_taken_back_after_a_clean_up() {
    let lane = lane();
    let mut before = lane.writer(None);
    let own = (1..4).map(|at| cut(&mut before, at, "before", "a")).last();
    let own = own.unwrap();
    let mut edited = lane.writer(None);
    let newest = (4..9).map(|at| cut(&mut edited, at, "edited", "a")).last();
    clean(&edited, &newest.unwrap(), 100);
    assert_eq!(offsets(&lane, "edited"), [8, 7, 6]);
    assert_eq!(offsets(&lane, "before"), [3], "kept for a day");
    // Taken back: what the edited run has written, further on, replaces nothing.
    let mut back = lane.writer(Some(own));
    let own = cut(&mut back, 5, "before", "a");
    clean(&back, &own, 100);
    assert_eq!(offsets(&lane, "before"), [5, 3]);
    assert_eq!(offsets(&lane, "edited"), [8, 7, 6]);
}

#[test]
fn what_the_group_has_not_reached_and_another_topic_replace_nothing() {
    let lane = lane();
    let mut writer = lane.writer(None);
    for at in 1..9 {
        let own = cut(&mut writer, at, "ours", "a");
        clean(&writer, &own, 4);
    }
    assert_eq!(offsets(&lane, "ours"), [8, 7, 6, 5, 4, 3, 2]);
    let mut again = lane.writer(None);
    let own = cut(&mut again, 1, "ours", "b");
    clean(&again, &own, 100);
    assert_eq!(offsets(&lane, "ours"), [8, 7, 6, 5, 4, 3, 2, 1]);
}
