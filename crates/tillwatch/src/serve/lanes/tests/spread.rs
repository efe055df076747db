//! Partitions that are added while nothing runs.

use std::fs;

use tillwatch_consumer::TopicIdentity;
use tillwatch_records::{Flags, TopicPartition};

use super::rig::{Rig, partition};

fn added() -> TopicPartition {
    TopicPartition::new("t", 1)
}

/// Assigns `source`, of a topic that has so many partitions.
fn assign(rig: &mut Rig, source: &TopicPartition, partitions: usize) {
    rig.source.assign(source);
    let id = Some("id".to_owned());
    rig.source.describe("t", TopicIdentity { partitions, id });
}

/// What is left of a process that has read one partition, when the topic had so many.
fn left_by(partitions: usize) -> Rig {
    let mut rig = Rig::new();
    rig.append(0..5);
    assign(&mut rig, &partition(), partitions);
    rig.go_on_until_scored(5);
    rig.leave();
    assert!(rig.cuts() > 0);
    rig.again()
}

/// Scores of the added partition's first records that are flagged.
fn flagged(rig: &mut Rig) -> u64 {
    for offset in 0..5 {
        rig.append_at(&added(), offset, 100 + offset);
    }
    rig.go_on("scores", |rig| rig.sink.scores().len() == 5);
    rig.metrics.flagged(Flags::WARMING)
}

#[test]
fn a_new_partition_of_a_topic_that_had_fewer_is_flagged() {
    let mut rig = left_by(1);
    assign(&mut rig, &added(), 2);
    assert_eq!(flagged(&mut rig), 5);
    assert_eq!(rig.origins(), [0, 0, 0, 1]);
}

#[test]
fn a_partition_without_records_of_a_topic_that_had_as_many_is_whole() {
    let mut rig = left_by(2);
    assign(&mut rig, &added(), 2);
    assert_eq!(flagged(&mut rig), 0);
}

#[test]
fn that_keys_had_been_elsewhere_outlives_the_process_before_a_record_has_come() {
    let mut rig = left_by(1);
    assign(&mut rig, &added(), 2);
    rig.wait_for_cuts(1);
    let mut rig = rig.again();
    // Others have gone on meanwhile: nothing else tells.
    fs::remove_dir_all(rig.place.path("kept/g/t/0")).unwrap();
    assign(&mut rig, &added(), 2);
    assert_eq!(flagged(&mut rig), 5);
    assert_eq!(rig.origins(), [1, 0, 0, 0]);
}

#[test]
fn a_partition_that_is_added_while_it_is_read_is_flagged_before_a_record_has_come() {
    let mut rig = Rig::new();
    assign(&mut rig, &added(), 1);
    rig.go_on("the lane", |rig| {
        rig.lanes.shared.standings.all().is_empty()
    });
    assign(&mut rig, &partition(), 2);
    // Each of both lanes is cut once, since nothing changes.
    rig.wait_for_cuts(2);
    let mut rig = rig.again();
    assign(&mut rig, &added(), 2);
    assert_eq!(flagged(&mut rig), 5);
}

#[test]
fn a_lane_that_was_kept_meanwhile_is_flagged() {
    let mut rig = Rig::new();
    rig.append(0..5);
    assign(&mut rig, &partition(), 1);
    rig.go_on_until_scored(5);
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    rig.append(5..10);
    assign(&mut rig, &partition(), 2);
    rig.go_on_until_scored(10);
    assert_eq!(rig.origins(), [0, 1, 0, 1]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
}
