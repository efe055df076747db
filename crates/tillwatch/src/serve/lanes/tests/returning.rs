//! Lanes whose partitions come back, and what they are told.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tillwatch_records::Flags;

use super::rig::{PATIENCE, Rig, partition};
use crate::clock;

#[test]
fn a_lane_that_was_kept_is_told_once_of_partitions_that_were_added_meanwhile() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.describe(1);
    rig.go_on_until_scored(20);
    rig.source.lose(&[partition()]);
    rig.describe(2);
    rig.append(20..25);
    // The lane is told before it is known whether it can go on.
    let held = rig.hold_restores();
    rig.source.assign(&partition());
    rig.describe(2);
    rig.go_on("the news", |rig| !rig.slot().seat.lock().moved.is_empty());
    drop(held);
    rig.go_on_until_scored(25);
    assert_eq!(rig.origins(), [0, 1, 0, 1]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
    // Whole again after 40 days, it is not told the same again, here or from a snapshot.
    let later = 40 * 86_400;
    rig.append(later..later + 5);
    rig.go_on_until(30, later + 5);
    rig.source.lose(&[partition()]);
    rig.source.assign(&partition());
    rig.describe(2);
    rig.append(later + 5..later + 10);
    rig.go_on_until(35, later + 10);
    rig.leave();
    rig.source.assign(&partition());
    rig.describe(2);
    rig.append(later + 10..later + 15);
    rig.go_on_until(40, later + 15);
    assert_eq!(rig.origins(), [1, 2, 0, 1]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
}

#[test]
fn a_store_that_is_known_to_be_away_is_not_waited_for_by_the_next_lane() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    let kept = rig.place.path("kept");
    fs::remove_dir_all(&kept).unwrap();
    fs::write(&kept, "in the way").unwrap();
    // Another lane has waited.
    let silence = &rig.lanes.shared.keeping.as_ref().unwrap().silence;
    let began = clock::now();
    silence.note(began - PATIENCE, began);
    rig.append(20..25);
    rig.source.assign(&partition());
    rig.go_on_until_scored(25);
    assert!(clock::now() < began + PATIENCE / 3);
}

#[test]
fn a_number_of_partitions_that_is_known_only_then_or_only_now_is_another_one() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    rig.describe(1);
    rig.append(20..25);
    rig.source.assign(&partition());
    rig.go_on_until_scored(25);
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 5);
}

#[test]
fn a_lane_whose_outputs_are_given_up_is_neither_waited_for_nor_kept() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.wait_for_cuts(1);
    // As by a transaction that is aborted because its partition has left.
    let ticket = rig.lose_with_records(20..25);
    rig.source.assign(&partition());
    rig.source.turn().unwrap();
    let began = clock::now();
    ticket.fail();
    drop(ticket);
    rig.go_on_until_scored(25);
    assert!(clock::now() < began + Duration::from_secs(5));
    rig.check_history();
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    let ticket = rig.lose_with_records(25..30);
    ticket.fail();
    drop(ticket);
    rig.lanes.look();
    assert!(rig.lanes.kept.take(&partition()).is_none());
}

#[test]
fn a_lane_that_is_gone_is_freed_where_nothing_is_read() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    let lane = Arc::downgrade(&rig.slot());
    let held = rig.hold_restores();
    rig.leave();
    // Nobody has it any more but whoever is to free it.
    rig.go_on("its last turns", |_| lane.strong_count() == 1);
    drop(held);
    rig.go_on("its end", |_| lane.strong_count() == 0);
}
