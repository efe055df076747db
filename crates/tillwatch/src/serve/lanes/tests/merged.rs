//! Lanes of two topics.

use std::fs;

use tillwatch_records::{Flags, TopicPartition};
use tillwatch_state_store::{LaneId, Manifest};

use super::rig::{Rig, partition};

fn other() -> TopicPartition {
    TopicPartition::new("u", 0)
}

/// Offsets of the newest snapshot.
fn newest(rig: &Rig) -> Option<Vec<i64>> {
    let manifests = manifests(rig);
    let marks = manifests.first()?.head().sources.iter();
    Some(marks.map(|mark| mark.offset).collect())
}

fn manifests(rig: &Rig) -> Vec<Manifest> {
    let keeping = rig.lanes.shared.keeping.as_ref().unwrap();
    let id = LaneId {
        group: "g".to_owned(),
        topics: vec!["t".to_owned(), "u".to_owned()],
        partition: 0,
    };
    keeping.lane_store(&id).manifests().unwrap().0
}

fn wait_for_commits(rig: &mut Rig, offsets: [i64; 2]) {
    rig.go_on("the commit", |rig| {
        let committed = [partition(), other()].map(|source| rig.source.committed(&source));
        committed == offsets.map(Some)
    });
}

/// A lane that took records of one topic, was cut, and then took one of the other that belongs before them.
fn straddled() -> Rig {
    let mut rig = Rig::new();
    rig.append_at(&other(), 0, 0);
    rig.append(0..3);
    rig.source.assign_merged(&[partition(), other()]);
    wait_for_commits(&mut rig, [3, 1]);
    rig.go_on("a snapshot", |rig| newest(rig) == Some(vec![3, 1]));
    rig.append(3..7);
    wait_for_commits(&mut rig, [7, 1]);
    rig.go_on("a snapshot", |rig| newest(rig) == Some(vec![7, 1]));
    rig.append_at(&other(), 1, 4);
    wait_for_commits(&mut rig, [7, 2]);
    assert!(rig.last_score()["flags"].to_string().contains("REORDERED"));
    rig.leave();
    // Its state is not what follows from the logs.
    assert_eq!(newest(&rig), Some(vec![7, 1]));
    rig
}

/// Two records that follow in both topics: whether the lane knows all before them, in the right order.
fn goes_on_in_order(rig: &mut Rig) {
    let marked = rig.metrics.flagged(Flags::REORDERED);
    rig.source.assign_merged(&[partition(), other()]);
    rig.append(7..9);
    rig.append_at(&other(), 2, 8);
    rig.go_on("scores", |rig| rig.sink.scores().len() == 12);
    // Behind the last one of the other topic nothing is known of the first.
    assert!(rig.metrics.flagged(Flags::REORDERED) - marked <= 1);
    assert_eq!(
        rig.last_score()["features"]["records_1h"].as_f64(),
        Some(12.0)
    );
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 0);
    rig.go_on("a snapshot", |rig| newest(rig) == Some(vec![9, 3]));
}

#[test]
fn a_snapshot_that_holds_records_behind_one_to_be_replayed_is_passed_over() {
    let mut rig = straddled();
    goes_on_in_order(&mut rig);
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert!(rig.metrics.state().replayed() >= 3);
}

#[test]
fn without_an_older_snapshot_the_log_is_read_again_in_order() {
    let mut rig = straddled();
    let straddling = manifests(&rig)[0].name();
    for file in rig.files("/cuts/") {
        if !file.ends_with(&straddling) {
            fs::remove_file(file).unwrap();
        }
    }
    goes_on_in_order(&mut rig);
    assert_eq!(rig.origins(), [0, 0, 1, 1]);
    assert_eq!(rig.metrics.state().replayed(), 9);
}
