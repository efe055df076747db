//! Lanes over partitions in memory: what they remember when partitions come and go.

mod edited;
mod kept;
mod merged;
mod returning;
mod rig;
mod spread;

use std::fs;

use serde_json::Value;
use tillwatch_engine::{Input, Workspace};
use tillwatch_records::{Flags, RawBatch};
use tillwatch_state_store::{LaneId, SourceMark};

use self::rig::{PATIENCE, Rig, partition};
use super::*;
use crate::serve::metrics::PassedOver;
use crate::serve::state::{Advance, Cutter, LaneCuts, Slice};
use crate::test_support::cut_head;

#[test]
fn a_partition_that_moves_and_comes_back_is_restored_and_replays_nothing() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    assert!(rig.cuts() >= 1);
    rig.append(20..25);
    rig.source.assign(&partition());
    rig.go_on_until_scored(25);
    rig.check_history();
    // Nothing had come before at first; then a snapshot held all.
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert_eq!(rig.metrics.state().replayed(), 0);
    // Nothing has changed since the last cut, once that is made.
    rig.wait_for_cuts(1);
    rig.leave();
    let cuts = rig.cuts();
    rig.source.assign(&partition());
    rig.go_on("the lane", |rig| {
        rig.lanes.shared.standings.all().is_empty()
    });
    rig.leave();
    assert_eq!(rig.cuts(), cuts);
}

#[test]
fn a_lane_whose_partition_was_lost_goes_on_from_memory() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    rig.append(20..25);
    rig.source.assign(&partition());
    // Taken away again before it went on.
    rig.lanes.look();
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    rig.source.assign(&partition());
    rig.lanes.look();
    rig.go_on_until_scored(25);
    rig.check_history();
    assert_eq!(rig.origins(), [0, 1, 0, 1]);
    // It goes on to be cut, which its metrics show, and what is cut is whole.
    rig.wait_for_cuts(1);
    assert!(rig.metrics.lane(&partition()).cuts.stored_bytes() > 0);
    rig.leave();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
    assert_eq!(rig.origins(), [1, 1, 0, 1]);
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_an_older_one_and_a_replay() {
    let mut rig = Rig::new();
    rig.source.assign(&partition());
    rig.append(0..20);
    rig.go_on_until_scored(20);
    rig.wait_for_cuts(1);
    rig.append(20..25);
    rig.go_on_until_scored(25);
    rig.leave();
    let manifests = rig.files("/cuts/");
    assert!(manifests.len() >= 2, "{manifests:?}");
    let newest = manifests.last().unwrap();
    let mut bytes = fs::read(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(newest, bytes).unwrap();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert!((1..=25).contains(&rig.metrics.state().replayed()));
    let passed_over = |reason| rig.metrics.state().passed_over(reason);
    assert_eq!(passed_over(PassedOver::Damaged), 1);
    let all = PassedOver::ALL.map(passed_over);
    assert_eq!(all.iter().sum::<u64>(), 1, "{all:?}");
}

#[test]
fn a_store_that_fails_is_tried_again_and_holds_up_nothing() {
    let mut rig = Rig::new();
    let kept = rig.place.path("kept");
    fs::remove_dir_all(&kept).unwrap();
    // Not a directory: nothing can be written below it.
    fs::write(&kept, "in the way").unwrap();
    rig.source.assign(&partition());
    rig.append(0..20);
    rig.go_on("a failure", |rig| rig.metrics.state().failures() > 0);
    rig.go_on_until_scored(20);
    assert_eq!(rig.cuts(), 0);
    let lane = rig.metrics.lane(&partition());
    assert_ne!(lane.cuts.waiting_bytes(), 0);
    fs::remove_file(&kept).unwrap();
    rig.append(20..25);
    rig.go_on_until_scored(25);
    rig.wait_for_cuts(1);
    rig.go_on("room", |_| lane.cuts.waiting_bytes() == 0);
    rig.leave();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
}

#[test]
fn a_lane_that_was_lost_while_the_store_was_away_is_cut_again() {
    let mut rig = Rig::new();
    let kept = rig.place.path("kept");
    fs::remove_dir_all(&kept).unwrap();
    fs::write(&kept, "in the way").unwrap();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.go_on("a failure", |rig| rig.metrics.state().failures() > 0);
    let slot = rig.lanes.slots.lock().values().next().map(Arc::clone);
    let cuts = slot.unwrap().cuts.lock().clone().unwrap();
    // What could not be stored waits to be tried again, and is given up with the partition.
    rig.go_on("the wait", |_| cuts.is_busy());
    rig.source.lose(&[partition()]);
    rig.go_on("the end of the wait", |_| !cuts.is_busy());
    fs::remove_file(&kept).unwrap();
    // No record comes: the position that was given up is cut again.
    rig.source.assign(&partition());
    rig.go_on("the lane", |rig| {
        rig.lanes.shared.standings.all().is_empty()
    });
    rig.wait_for_cuts(1);
    rig.leave();
    rig.append(20..25);
    rig.source.assign(&partition());
    rig.go_on_until_scored(25);
    rig.check_history();
    assert_eq!(rig.origins(), [1, 1, 0, 1]);
    assert_eq!(rig.metrics.state().replayed(), 0);
}

#[test]
fn a_cut_that_the_lane_gives_up_is_made_anew() {
    let rig = Rig::new();
    let shared = &rig.lanes.shared;
    let keeping = shared.keeping.as_ref().unwrap();
    let mut lane = shared.assembly.lane(0);
    lane.track();
    let mut raw = RawBatch::new(partition());
    let json = br#"{"event_id":"e","event_time":1700000000000,"acquirer_id":"a","merchant_id":"m",
        "terminal_id":"1","amount_minor":5,"currency":"EUR"}"#;
    raw.push(0, None, None, Some(json), []);
    let mut workspace = Workspace::default();
    lane.process(Input::Raw(&raw), &mut workspace, &mut ())
        .unwrap();
    let id = LaneId {
        group: "g".to_owned(),
        topics: vec!["t".to_owned()],
        partition: 7,
    };
    let store = keeping.lane_store(&id);
    let gauges = shared.metrics.lane(&partition());
    let cuts = LaneCuts::new(id, store.clone(), None, Arc::clone(&gauges.cuts));
    let interval = Duration::from_millis(1);
    let mut cutter = Cutter::new(Arc::new(cuts), &lane, interval, Duration::ZERO);
    let mark = SourceMark {
        topic: "t".to_owned(),
        offset: 1,
        topic_id: None,
        partitions: None,
    };
    let head = || cut_head(mark.clone(), &keeping.meaning);
    let slice = Slice {
        uploads: &keeping.uploads,
        counts: &keeping.counts,
        limit: Duration::ZERO,
        head: &head,
    };
    assert_eq!(cutter.advance(&mut lane, &slice), Advance::More);
    // As a lane does whose cut holds too much that nobody takes.
    assert!(lane.is_cutting());
    lane.abandon_cut();
    let end = clock::now() + PATIENCE;
    while rig.cuts() == 0 {
        assert!(clock::now() < end, "waited in vain for a cut");
        cutter.advance(&mut lane, &slice);
        clock::wait(Duration::from_millis(1));
    }
    let (manifests, refused) = store.manifests().unwrap();
    assert_eq!((manifests.len(), refused.len()), (1, 0));
    assert!(!store.parts(&manifests[0]).unwrap().is_empty());
}

#[test]
fn what_was_deleted_before_it_was_read_is_flagged() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    rig.append(20..40);
    rig.source.forget_before(&partition(), 30);
    rig.source.assign(&partition());
    rig.go_on("scores", |rig| rig.sink.scores().len() == 30);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 10);
    let last: Value = serde_json::from_str(rig.sink.scores().last().unwrap()).unwrap();
    assert_eq!(last["features"]["records_1h"].as_f64(), Some(30.0));
}
