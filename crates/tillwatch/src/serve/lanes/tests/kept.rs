//! How much is kept of lanes whose partitions were lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tillwatch_records::TopicPartition;

use super::rig::{Rig, partition};

const MIB: u64 = 1 << 20;

fn second() -> TopicPartition {
    TopicPartition::new("t", 1)
}

fn kept(rig: &Rig) -> u64 {
    rig.metrics.state().kept()
}

/// Says what the second lane takes of memory, and looks after the lanes.
fn grow_to(rig: &Rig, bytes: u64) {
    let slot = Arc::clone(&rig.lanes.slots.lock()[&second()]);
    slot.gauges.state_bytes.store(bytes, Ordering::Relaxed);
    rig.lanes.look();
}

/// Two lanes, the first of which was lost when the second took a mebibyte.
fn with_one_lost() -> Rig {
    let mut rig = Rig::new();
    rig.append(0..5);
    rig.append_at(&second(), 0, 0);
    for source in [partition(), second()] {
        rig.source.assign(&source);
    }
    rig.go_on("scores", |rig| rig.sink.scores().len() == 6);
    grow_to(&rig, MIB);
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    assert_eq!(kept(&rig), 1);
    rig
}

#[test]
fn kept_lanes_take_no_memory_that_lanes_had_not_needed_before() {
    let mut rig = with_one_lost();
    // Three lanes where there had been two, but of fewer bytes.
    grow_to(&rig, 0);
    rig.source.assign(&TopicPartition::new("t", 2));
    rig.lanes.look();
    assert_eq!(kept(&rig), 1);
    // So much is about to be read from a snapshot.
    let coming = Arc::clone(&rig.lanes.slots.lock()[&second()]);
    coming.coming_bytes.store(MIB, Ordering::Relaxed);
    rig.lanes.look();
    assert_eq!(kept(&rig), 0);
    // What lanes that are ours need is theirs, and so much may be kept later.
    grow_to(&rig, 2 * MIB);
    rig.source.lose(&[second()]);
    rig.lanes.look();
    assert_eq!(kept(&rig), 1);
}

#[test]
fn lanes_that_are_lost_together_are_all_kept() {
    let mut rig = with_one_lost();
    rig.source.lose(&[second()]);
    rig.lanes.look();
    assert_eq!(kept(&rig), 2);
}
